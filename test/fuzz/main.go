// Command fuzz runs every fuzz target below some directories, each for some time, and prints what came out: executions,
// inputs that reached new code, disagreements. It exits with 1 if there were any.
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
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	each    time.Duration
	workers int
	done    done
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	var o options
	flags.DurationVar(&o.each, "time", time.Minute, "how long each target runs, its compilation not counted")
	flags.IntVar(&o.workers, "workers", 1, "how many targets run at once; they share the processors")
	only := flags.String("target", ".", "regular expression: the targets to run")
	keep := flags.String("done", "", "directory that remembers what has run on this commit and does not run again; none: nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-target: %w", err)
	}
	if o.workers < 1 {
		return fmt.Errorf("-workers %d: want 1 or more", o.workers)
	}
	targets, err := find(flags.Args())
	if err != nil {
		return err
	}
	targets = slices.DeleteFunc(targets, func(t target) bool { return !pattern.MatchString(t.Name) })
	if len(targets) == 0 {
		return fmt.Errorf("no fuzz target like %q below %q", *only, flags.Args())
	}
	if o.done, err = doneOn(ctx, *keep); err != nil {
		return err
	}
	results, err := o.all(ctx, targets, &lines{to: progress})
	return errors.Join(print(out, results), err)
}

// all runs targets, some at a time, and returns what came out of those that came to their end.
func (o options) all(ctx context.Context, targets []target, progress *lines) ([]result, error) {
	results := make([]*result, len(targets))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.workers)
	for i, t := range targets {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r, known, err := o.done.find(t, o.each)
			if err != nil {
				return err
			}
			if known {
				progress.printf("%d of %d: %s in %s has run on this commit\n", i+1, len(targets), t.Name, t.Dir)
				results[i] = &r
				return nil
			}
			progress.printf("%d of %d: %s in %s, for %v\n", i+1, len(targets), t.Name, t.Dir, o.each)
			if r, err = t.fuzz(ctx, o, progress); err != nil {
				return fmt.Errorf("%s in %s: %w", t.Name, t.Dir, err)
			}
			results[i] = &r
			return o.done.keep(r, o.each)
		})
	}
	err := group.Wait()
	var ended []result
	for _, r := range results {
		if r != nil {
			ended = append(ended, *r)
		}
	}
	return ended, err
}

// lines are written by several at once, each line whole.
type lines struct {
	mu sync.Mutex
	to io.Writer
}

func (l *lines) printf(format string, values ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.to, format, values...)
}

// target is a fuzz target: a function of a package's tests.
type target struct{ Dir, Name string }

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// find returns the targets below some directories, in the order of their names: what the source declares, without those of
// other modules.
func find(roots []string) ([]target, error) {
	var all []target
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && path != root && d.IsDir() && isApart(path) {
				return fs.SkipDir
			}
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

// isApart reports a directory whose files are of another module, or of no one's, such as .git.
func isApart(path string) bool {
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil || strings.HasPrefix(filepath.Base(path), ".")
}

// result is what came out of a target.
type result struct {
	target
	Executions, Interesting, Corpus int
	Disagreements                   int
	// OutOfTime says that go test failed because its time was over and for nothing else, which it does now and then before
	// Go 1.27 (go.dev/issue/75804).
	OutOfTime bool
}

// fuzz runs a target. Go spends up to a minute to make every new input shorter, and fuzzes nothing meanwhile; twenty
// attempts are enough for texts as short as these.
func (t target) fuzz(ctx context.Context, o options, progress *lines) (result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.Name+"$", "-fuzztime", o.each.String(),
		"-fuzzminimizetime", "20x", "-parallel", strconv.Itoa(max(1, runtime.GOMAXPROCS(0)/o.workers)), t.Dir)
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
	} else if err != nil && r.Disagreements == 0 && !r.OutOfTime {
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
func (r *result) read(output io.Reader, progress *lines) error {
	reader := bufio.NewReader(output)
	for {
		line, err := reader.ReadString('\n')
		if m := status.FindStringSubmatch(line); m != nil {
			r.Executions, r.Interesting, r.Corpus = number(m[1]), number(m[2]), number(m[3])
		} else if line != "" && !waiting.MatchString(line) {
			switch {
			case disagree.MatchString(line):
				r.Disagreements = 1 // go test stops at the first
			case line == timeOver:
				r.Disagreements, r.OutOfTime = 0, true
			}
			progress.printf("%s: %s\n", r.Name, strings.TrimSuffix(line, "\n"))
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
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t  %s %s\n", r.Executions, r.Interesting, r.Corpus, r.Disagreements, r.Dir, r.Name)
		disagreements += r.Disagreements
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if disagreements > 0 {
		return fmt.Errorf("%d of %d targets found a disagreement; its input is in their testdata/fuzz", disagreements, len(results))
	}
	return nil
}
