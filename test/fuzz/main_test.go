package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun fuzzes a module of its own: a target that holds, one that does not, and one that cannot be built.
func TestRun(t *testing.T) {
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
	t.Chdir(dir)
	for name, test := range map[string]struct {
		args []string
		out  string // of the last line of the table
		err  string
	}{
		"holds":     {[]string{"-time", "1s", "a"}, "0  ./a FuzzHolds", ""},
		"disagrees": {[]string{"-time", "5s", "a", "b"}, "1  ./b FuzzDisagrees", "1 of 2 targets found a disagreement"},
		"unbuilt":   {[]string{"c"}, "", "FuzzUnbuilt in ./c: go test: "},
		"chosen":    {[]string{"-time", "1s", "-target", "Holds", "."}, "0  ./a FuzzHolds", ""},
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

// TestRead reads what go test prints at the end of a target's time.
func TestRead(t *testing.T) {
	const figures = "fuzz: elapsed: 5s, execs: 23 (4/sec), new interesting: 2 (total: 7)\n"
	for name, test := range map[string]struct {
		output string
		want   result
	}{
		"passed":           {figures + "PASS\n", result{executions: 23, interesting: 2, corpus: 7}},
		"time over":        {figures + "--- FAIL: FuzzHolds (5.08s)\n    context deadline exceeded\nFAIL\n", result{executions: 23, interesting: 2, corpus: 7, outOfTime: true}},
		"disagreed":        {figures + "--- FAIL: FuzzHolds (5.08s)\n    --- FAIL: FuzzHolds (0.00s)\n        a_test.go:8: no\n", result{executions: 23, interesting: 2, corpus: 7, disagreements: 1}},
		"target timed out": {"--- FAIL: FuzzHolds (5.08s)\n    --- FAIL: FuzzHolds (0.00s)\n        context deadline exceeded\n", result{disagreements: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var got result
			if err := got.read(strings.NewReader(test.output), io.Discard); err != nil || got != test.want {
				t.Errorf("want %+v, got %+v, %v", test.want, got, err)
			}
		})
	}
}
