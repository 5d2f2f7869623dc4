// Command fuzz runs every fuzz target below some directories, one after another, each for some time, and prints what came
// out: executions, inputs that reached new code, disagreements. It exits with 1 if there were any.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	each := flags.Duration("time", time.Minute, "how long each target runs, its compilation not counted")
	only := flags.String("target", ".", "regular expression: the targets to run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-target: %w", err)
	}
	targets, err := find(flags.Args())
	if err != nil {
		return err
	}
	targets = slices.DeleteFunc(targets, func(t target) bool { return !pattern.MatchString(t.name) })
	if len(targets) == 0 {
		return fmt.Errorf("no fuzz target like %q below %q", *only, flags.Args())
	}
	var results []result
	for i, t := range targets {
		fmt.Fprintf(progress, "%d of %d: %s in %s, for %v\n", i+1, len(targets), t.name, t.dir, *each)
		r, err := t.fuzz(ctx, *each, progress)
		if err != nil {
			return fmt.Errorf("%s in %s: %w", t.name, t.dir, err)
		}
		results = append(results, r)
	}
	return print(out, results)
}

// target is a fuzz target: a function of a package's tests.
type target struct{ dir, name string }

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// find returns the targets below some directories, in the order of their names.
func find(roots []string) ([]target, error) {
	var all []target
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range declaration.FindAllSubmatch(text, -1) {
				all = append(all, target{"./" + filepath.ToSlash(filepath.Dir(path)), string(m[1])})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// result is what came out of a target.
type result struct {
	target
	executions, interesting, corpus int
	disagreements                   int
	// outOfTime says that go test failed because its time was over and for nothing else, which it does now and then before
	// Go 1.27 (go.dev/issue/75804).
	outOfTime bool
}

// fuzz runs a target. Go spends up to a minute to make every new input shorter, and fuzzes nothing meanwhile; twenty
// attempts are enough for texts as short as these.
func (t target) fuzz(ctx context.Context, each time.Duration, progress io.Writer) (result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", each.String(), "-fuzzminimizetime", "20x", t.dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	r := result{target: t}
	read := r.read(pipe, progress)
	if err := cmd.Wait(); ctx.Err() != nil {
		return r, ctx.Err()
	} else if err != nil && r.disagreements == 0 && !r.outOfTime {
		return r, fmt.Errorf("go test: %w", err) // it could not be built
	}
	return r, read
}

var (
	status   = regexp.MustCompile(`^fuzz: elapsed: .*execs: (\d+) .*new interesting: (\d+) \(total: (\d+)\)`)
	waiting  = regexp.MustCompile(`^fuzz: elapsed: `)
	disagree = regexp.MustCompile(`^ *--- FAIL: Fuzz\w+ `)
)

// timeOver is go test's own word; what a target says is further in.
const timeOver = "    context deadline exceeded\n"

// read takes the figures from what go test prints, and passes on what else it says.
func (r *result) read(output io.Reader, progress io.Writer) error {
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		if m := status.FindStringSubmatch(line); m != nil {
			r.executions, r.interesting, r.corpus = number(m[1]), number(m[2]), number(m[3])
		} else if !waiting.MatchString(line) {
			switch {
			case disagree.MatchString(line):
				r.disagreements = 1 // go test stops at the first
			case line == timeOver:
				r.disagreements, r.outOfTime = 0, true
			}
			fmt.Fprint(progress, line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // the expression lets nothing else through
	return n
}

// print writes the results as a table.
func print(out io.Writer, results []result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "executions\tnew coverage\tcorpus\tdisagreements\t  target")
	disagreements := 0
	for _, r := range results {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t  %s %s\n", r.executions, r.interesting, r.corpus, r.disagreements, r.dir, r.name)
		disagreements += r.disagreements
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if disagreements > 0 {
		return fmt.Errorf("%d of %d targets found a disagreement; its input is in their testdata/fuzz", disagreements, len(results))
	}
	return nil
}
