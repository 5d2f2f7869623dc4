// Command bench measures the guard beside OPA and beside a webhook that does nothing, on this machine, in one run: the real
// programs, each a process of its own behind TLS, asked over connections that stay open, as the API server asks. Every
// answer is checked; a wrong one ends the run.
//
//	go run ./test/bench -opa "$(test/bench/opa/build.sh)"
//
// The rounds of the servers alternate, so that a slower minute of the machine hits them all. What is printed of a server
// is the median of its rounds. The client shares the processors with the servers.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	opa := flag.String("opa", "", "the `PROGRAM` OPA; test/bench/opa/build.sh builds it and prints where")
	rounds := flag.Int("rounds", 5, "how many rounds each server gets of each input")
	length := flag.Duration("length", 1500*time.Millisecond, "how long a round is; a request that has begun is waited for")
	only := flag.String("inputs", "", "the `NAMES` of the inputs to compare with, with commas; none: all")
	flag.Parse()
	err := run(ctx, *opa, *rounds, *length, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	*programs
	inputs []input
	rounds int
	length time.Duration
	// last is the number of the last request; none is used twice.
	last atomic.Uint64
}

func run(ctx context.Context, opa string, rounds int, length time.Duration, only string) (err error) {
	if opa == "" || rounds < 1 || length <= 0 {
		return errors.New("-opa is missing, or -rounds or -length is not positive: make bench sets them")
	}
	version, err := opaVersion(opa)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "aws-auth-guard-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintln(os.Stderr, "building the guard and the ceiling")
	p, err := build(ctx, dir, opa)
	if err != nil {
		return err
	}
	b := &bench{programs: p, inputs: inputs(), rounds: rounds, length: length}
	names, err := b.named(only)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s %s/%s, OPA %s, commit %s\n%d rounds of %v each, alternating; medians of the rounds; the client on the same processors\n\n",
		machine(), runtime.Version(), runtime.GOOS, runtime.GOARCH, version, commit(ctx), rounds, length)
	for _, in := range b.inputs {
		fmt.Printf("%-10s %s\n", in.name, in.about)
	}
	fmt.Println()
	if err := b.idle(ctx); err != nil {
		return err
	}
	if err := b.oneCore(ctx); err != nil {
		return err
	}
	fmt.Printf("\n%-10s %4s  %-8s %11s %10s %10s %8s %9s\n", "input", "conc", "server", "requests/s", "p50 ms", "p99 ms", "RSS MiB", "requests")
	perSecond := map[cell]float64{}
	for _, name := range names {
		for _, concurrency := range b.input(name).concurrencies() {
			if err := b.measure(ctx, b.input(name), concurrency, perSecond); err != nil {
				return err
			}
		}
	}
	fmt.Println()
	b.printRatios(perSecond)
	return nil
}

// named takes apart the list of inputs to compare with.
func (b *bench) named(list string) ([]string, error) {
	var all []string
	for _, in := range b.inputs {
		all = append(all, in.name)
	}
	if list == "" {
		return all, nil
	}
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("-inputs: %q is not known, want some of %s", name, strings.Join(all, ","))
		}
	}
	return names, nil
}

func (b *bench) input(name string) *input {
	return &b.inputs[slices.IndexFunc(b.inputs, func(in input) bool { return in.name == name })]
}

// idle measures a guard that nobody asks.
func (b *bench) idle(ctx context.Context) error {
	var after, rss []float64
	for range b.rounds {
		s, err := b.start(ctx, guard, &b.inputs[0])
		if err != nil {
			return err
		}
		bytes, err := s.memory("VmRSS")
		if err := errors.Join(err, s.stop()); err != nil {
			return err
		}
		after, rss = append(after, milliseconds(s.readyAfter)), append(rss, mebibytes(bytes))
	}
	fmt.Printf("measured start-to-first-answer-ms %.0f\nmeasured idle-rss-MiB %.1f\n", median(after), median(rss))
	return nil
}

// oneCore measures the largest input on a guard that has one processor.
func (b *bench) oneCore(ctx context.Context) error {
	in := b.input("full")
	s, err := b.start(ctx, guard, in, "GOMAXPROCS=1")
	if err != nil {
		return err
	}
	var p50 []float64
	for range b.rounds {
		r, err := load(ctx, s, in, 1, b.length, &b.last)
		if err != nil {
			return errors.Join(err, s.stop())
		}
		p50 = append(p50, milliseconds(r.p50))
	}
	bytes, err := s.memory("VmHWM")
	fmt.Printf("measured full-one-core-p50-ms %.1f\nmeasured full-one-core-rss-MiB %.0f\n", median(p50), mebibytes(bytes))
	return errors.Join(err, s.stop())
}

// cell is one number of the table.
type cell struct {
	input, server string
	concurrency   int
}

// measure prints what the servers do with one input; the memory is the most that each ever had.
func (b *bench) measure(ctx context.Context, in *input, concurrency int, perSecond map[cell]float64) (err error) {
	running := map[string]*server{}
	defer func() {
		for _, s := range running {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, name := range servers {
		s, err := b.start(ctx, name, in)
		if err != nil {
			return err
		}
		running[name] = s
	}
	results := map[string][]round{}
	for i := range b.rounds {
		for j := range servers {
			name := servers[(i+j)%len(servers)]
			r, err := load(ctx, running[name], in, concurrency, b.length, &b.last)
			if err != nil {
				return err
			}
			results[name] = append(results[name], r)
		}
	}
	for _, name := range servers {
		bytes, err := running[name].memory("VmHWM")
		if err != nil {
			return err
		}
		of := func(value func(round) float64) float64 {
			var values []float64
			for _, r := range results[name] {
				values = append(values, value(r))
			}
			return median(values)
		}
		requests := 0
		for _, r := range results[name] {
			requests += r.requests
		}
		rate := of(func(r round) float64 { return r.perSecond })
		perSecond[cell{in.name, name, concurrency}] = rate
		fmt.Printf("%-10s %4d  %-8s %11.1f %10.2f %10.2f %8.0f %9d\n", in.name, concurrency, name, rate,
			of(func(r round) float64 { return milliseconds(r.p50) }), of(func(r round) float64 { return milliseconds(r.p99) }), mebibytes(bytes), requests)
	}
	return nil
}

// printRatios prints the guard's requests per second over another's: for each concurrency, and then the lowest of an input.
func (b *bench) printRatios(perSecond map[cell]float64) {
	type pair struct{ input, server, name string }
	pairs := []pair{{"unchanged", ceiling, "unchanged/ceiling"}, {"changed", opa, "changed/opa"}, {"denied", opa, "denied/opa"}, {"full", opa, "full/opa"}}
	pairs = slices.DeleteFunc(pairs, func(p pair) bool { return perSecond[cell{p.input, p.server, 1}] == 0 }) // not among -inputs
	lowest := map[string]float64{}
	for _, p := range pairs {
		for _, concurrency := range b.input(p.input).concurrencies() {
			r := perSecond[cell{p.input, guard, concurrency}] / perSecond[cell{p.input, p.server, concurrency}]
			fmt.Printf("%s at concurrency %d: %.2f\n", p.name, concurrency, r)
			if low, ok := lowest[p.name]; !ok || r < low {
				lowest[p.name] = r
			}
		}
	}
	fmt.Println("\nthe lowest of each:")
	for _, p := range pairs {
		fmt.Printf("ratio %s %.2f\n", p.name, lowest[p.name])
	}
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mebibytes(n int) float64 { return float64(n) / (1 << 20) }

// machine says what this runs on, as far as Linux shows it.
func machine() string {
	model, memory := "processors", "unknown"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := bytes.Cut(text, []byte("model name\t: ")); ok {
			model, _, _ = strings.Cut(string(rest), "\n")
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err == nil {
			memory = fmt.Sprintf("%d GiB", (kib+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%d x %s, %s of memory", runtime.NumCPU(), model, memory)
}

// commit is what is checked out; + where files differ from it.
func commit(ctx context.Context) string {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); err != nil || len(changed) > 0 {
		name += "+"
	}
	return name
}
