package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fuzzed makes a module of its own and goes there: a target that holds, one that does not always, one that
// cannot be built, and one that never holds.
func fuzzed(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	target := func(pkg, name, body string) string {
		return "package " + pkg + "\n\nimport \"testing\"\n\nfunc " + name + "(f *testing.F) {\n\tf.Add(1)\n\tf.Fuzz(func(t *testing.T, n int) {\n" + body + "\n\t})\n}\n"
	}
	write("go.mod", "module example.com/fuzzed\n\ngo 1.26\n")
	write("a/a_test.go", target("a", "FuzzHolds", ""))
	write("b/b_test.go", target("b", "FuzzDisagrees", "if n != 1 { t.Error(\"not one\") }"))
	write("c/c_test.go", target("c", "FuzzUnbuilt", "undefined()"))
	write("d/d_test.go", target("d", "FuzzFails", "t.Error(\"always\")"))
	write("apart/go.mod", "module example.com/apart\n\ngo 1.26\n")
	write("apart/apart_test.go", target("apart", "FuzzHoldsApart", ""))
	t.Chdir(dir)
}

func TestRun(t *testing.T) {
	fuzzed(t)
	for name, test := range map[string]struct {
		args []string
		out  string // of the last line of the table
		err  string
	}{
		"holds":     {[]string{"-time", "1s", "a"}, "0  ./a FuzzHolds", ""},
		"disagrees": {[]string{"-time", "5s", "a", "b"}, "1  ./b FuzzDisagrees", "1 of 2 targets found a disagreement"},
		"unbuilt":   {[]string{"c"}, "", "FuzzUnbuilt in ./c: go test: "},
		"chosen":    {[]string{"-time", "1s", "-target", "Holds", "."}, "0  ./a FuzzHolds", ""},
		"at once":   {[]string{"-time", "5s", "-workers", "2", "-target", "Holds|Dis", "."}, "1  ./b FuzzDisagrees", "1 of 2 targets found a disagreement"},
		"no worker": {[]string{"-workers", "0", "a"}, "", "-workers 0: want 1 or more"},
		"none":      {[]string{"-target", "Nothing", "."}, "", `no fuzz target like "Nothing"`},
		"nowhere":   {[]string{"nowhere"}, "", "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, progress bytes.Buffer
			err := run(t.Context(), test.args, &out, &progress)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("want the error %q, got %v\n%s", test.err, err, &progress)
			}
			table := strings.Split(strings.TrimSpace(out.String()), "\n")
			last := strings.Join(strings.Fields(table[len(table)-1]), " ")
			if !strings.HasSuffix(last, strings.Join(strings.Fields(test.out), " ")) {
				t.Errorf("want %q at the end of the table:\n%s\n%s", test.out, &out, &progress)
			}
		})
	}
}

// TestDone: what has run on a commit does not run again, unless it found something, is to run longer, or the code changes.
func TestDone(t *testing.T) {
	fuzzed(t)
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "targets")
	want := func(after, time string, ran ...string) {
		t.Helper()
		var out, progress bytes.Buffer
		_ = run(t.Context(), []string{"-time", time, "-done", "bin/fuzz", "a", "d"}, &out, &progress)
		if rows := strings.Count(out.String(), " Fuzz"); rows != 2 {
			t.Errorf("%s: want both targets in the table:\n%s", after, &out)
		}
		for name, dir := range map[string]string{"FuzzHolds": "./a", "FuzzFails": "./d"} {
			known := strings.Contains(progress.String(), name+" in "+dir+" has run on this commit")
			if known == slices.Contains(ran, name) {
				t.Errorf("%s: want %q to run, and no other:\n%s", after, ran, &progress)
			}
		}
	}
	want("at first", "100ms", "FuzzHolds", "FuzzFails")
	want("again", "100ms", "FuzzFails")
	want("for longer", "200ms", "FuzzHolds", "FuzzFails")
	if err := os.WriteFile("a/a.go", []byte("package a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("with another file", "100ms", "FuzzHolds", "FuzzFails")
	git("add", ".")
	git("commit", "-q", "-m", "another file")
	want("on another commit", "100ms", "FuzzHolds", "FuzzFails")
}

// TestRead reads what go test prints at the end of a target's time.
func TestRead(t *testing.T) {
	const figures = "fuzz: elapsed: 5s, execs: 23 (4/sec), new interesting: 2 (total: 7)\n"
	for name, test := range map[string]struct {
		output string
		want   result
	}{
		"passed":           {figures + "PASS\n", result{Executions: 23, Interesting: 2, Corpus: 7}},
		"time over":        {figures + "--- FAIL: FuzzHolds (5.08s)\n    context deadline exceeded\nFAIL\n", result{Executions: 23, Interesting: 2, Corpus: 7, OutOfTime: true}},
		"disagreed":        {figures + "--- FAIL: FuzzHolds (5.08s)\n    --- FAIL: FuzzHolds (0.00s)\n        a_test.go:8: no\n", result{Executions: 23, Interesting: 2, Corpus: 7, Disagreements: 1}},
		"target timed out": {"--- FAIL: FuzzHolds (5.08s)\n    --- FAIL: FuzzHolds (0.00s)\n        context deadline exceeded\n", result{Disagreements: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var got result
			if err := got.read(strings.NewReader(test.output), &lines{to: io.Discard}); err != nil || got != test.want {
				t.Errorf("want %+v, got %+v, %v", test.want, got, err)
			}
		})
	}
}
