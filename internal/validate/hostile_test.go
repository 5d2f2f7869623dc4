package validate_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// maxValue is how much a ConfigMap holds at most.
const maxValue = 1 << 20

// filled is a text repeated until a ConfigMap is full.
func filled(s string) string { return strings.Repeat(s, maxValue/len(s)) }

// numbered is a beginning, filled up with texts that are all different.
func numbered(begin, format string) string {
	var b strings.Builder
	b.WriteString(begin)
	for i := 0; ; i++ {
		s := fmt.Sprintf(format, i)
		if b.Len()+len(s) > maxValue {
			return b.String()
		}
		b.WriteString(s)
	}
}

// hostile are values of mapRoles that somebody writes to be in the way. All are refused.
var hostile = map[string]string{
	"20,000 levels of [":          strings.Repeat("[", 20_000),
	"1 MiB of [":                  filled("["),
	"1 MiB of ] and [":            filled("]["),
	"1 MiB of {":                  filled("{"),
	"1 MiB of {a: ":               filled("{a: "),
	"1 MiB of - on one line":      filled("- "),
	"1 MiB of - on many lines":    filled("-\n"),
	"1 MiB of ? ":                 filled("? "),
	"1 MiB of colons":             filled(":"),
	"1 MiB of a: ":                filled("a: "),
	"1 MiB of single quotes":      filled("'"),
	"1 MiB of double quotes":      filled(`"`),
	"1 MiB of backquotes":         filled("`"),
	"1 MiB of &a":                 filled("&a "),
	"1 MiB of *a":                 filled("*a "),
	"1 MiB of anchored items":     numbered("", "- &a%d x\n"),
	"1 MiB of aliases":            "- &a x\n" + strings.Repeat("- *a\n", maxValue/5-2),
	"1 MiB of merge keys":         "- &a {rolearn: x}\n" + strings.Repeat("- <<: *a\n", maxValue/9-3),
	"1 MiB of tags":               filled("- !!str x\n"),
	"1 MiB of ---":                filled("---\n"),
	"1 MiB of |":                  filled("- |\n"),
	"1 MiB of placeholders":       "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: '" + strings.Repeat("{{SessionName}}", maxValue/15-12) + "'\n  groups: []\n",
	"1 MiB of unknown ones":       "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: '" + strings.Repeat("{{a}}", maxValue/5-32) + "'\n  groups: []\n",
	"1 MiB of one word":           filled("a"),
	"1 MiB of one key":            strings.Repeat("a", maxValue-3) + ": b",
	"1 MiB in one item's key":     "- " + strings.Repeat("a", maxValue-8) + ": b",
	"1 MiB of tabs":               filled("\t"),
	"1 MiB of items with tabs":    filled("- rolearn: x\n\tusername: y\n"),
	"1 MiB of NUL":                filled("\x00"),
	"1 MiB of zero-width spaces":  filled("\u200b"),
	"1 MiB of byte order marks":   filled("\ufeff"),
	"1 MiB of invalid UTF-8":      filled("\xff"),
	"1 MiB of commas in brackets": "[" + strings.Repeat(",", maxValue-2) + "]",
	"1 MiB of empty lists":        "[" + strings.Repeat("[],", maxValue/3-1) + "]",
	"1 MiB of numbers":            filled("- 1\n"),
	"1 MiB of keys in one item":   numbered("- a: x\n", "  a%d: x\n"),
	"1 MiB of one key twice":      "- " + strings.Repeat("a: x\n  ", maxValue/7-1) + "a: x",
	"1 MiB of groups":             "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups:\n" + strings.Repeat("  - 1\n", maxValue/6-12),
	"1 MiB of typos":              "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups:\n" + strings.Repeat("  - system:master\n", maxValue/18-12),
	"1 MiB of paths":              numbered("", "- {rolearn: 'arn:aws:iam::111122223333:role/p/%d', username: ci, groups: [a]}\n"),
	"1 MiB of masters":            numbered("", "- {rolearn: 'arn:aws:iam::111122223333:role/r%d', username: ci, groups: ['system:masters']}\n"),
	"1 MiB of template groups":    "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups:\n" + strings.Repeat("  - '{{SessionName}}:{{SessionName}}'\n", maxValue/38-12),
	"1 MiB in one ARN":            "- rolearn: arn:aws:iam::111122223333:role/" + strings.Repeat("a/", maxValue/2-60) + "\n  username: ci\n  groups: []\n",
	"1 MiB in one name":           "- rolearn: arn:aws:iam::111122223333:role/" + strings.Repeat("é", maxValue/2-60) + "\n  username: ci\n  groups: []\n",
	"1 MiB of broken items":       filled("- rolearn: 'x\n"),
	"1 MiB of unclosed brackets":  filled("- [\n"),
	"1 MiB of CR":                 filled("- a\r"),
	"1 MiB of CR in a bracket":    "- [" + strings.Repeat("\r", maxValue-3),
	"1 MiB of quotes, one line":   "[" + strings.Repeat(`"a",`, maxValue/4-2) + "\"\u00a0\"]",
	"1 MiB of blocks":             "# \u2028\n" + strings.Repeat("- |\n  a\n", maxValue/8-2),
	"1 MiB of narrow comments":    strings.Repeat("- {rolearn: \"a\"}#\u200d\n", maxValue/21-2) + "- [",
	"1 MiB of narrow items":       strings.Repeat("- {rolearn: \"a\"}#\n", maxValue/18-2) + "- 'x'x\n",
	"alias bomb, 9 levels":        aliasBomb(9),
	"alias bomb of mappings":      bombOfMappings(9),
}

// bombOfMappings is an alias bomb made of merge keys and mappings.
func bombOfMappings(levels int) string {
	var b strings.Builder
	b.WriteString("- &a0 {rolearn: x}\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "- &a%d {", i)
		for k := range 10 {
			fmt.Fprintf(&b, "k%d: *a%d, ", k, i-1)
		}
		fmt.Fprintf(&b, "<<: *a%d}\n", i-1)
	}
	return b.String()
}

// harmless are as large, and allowed.
var harmless = map[string]string{
	"1 MiB of one role":        filled("- {rolearn: 'arn:aws:iam::111122223333:role/ci', username: ci, groups: [a]}\n"),
	"1 MiB of comment":         nodeRole + "#" + strings.Repeat("x", maxValue-len(nodeRole)-2) + "\n",
	"1 MiB of comments":        nodeRole + strings.Repeat("# é\n", maxValue/5-60),
	"1 MiB of spaces":          nodeRole + strings.Repeat(" ", maxValue-len(nodeRole)-1),
	"1 MiB of empty lines":     nodeRole + strings.Repeat("\n", maxValue-len(nodeRole)),
	"1 MiB of roles":           full(),
	"1 MiB of roles, one line": "[" + strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(full(), "- {", "{"), "\n", ", "), ", ") + "]",
}

// full is a ConfigMap full of sound entries, the first of them the nodes'.
func full() string {
	return numbered("- {rolearn: 'arn:aws:iam::111122223333:role/nodes', username: 'system:node:{{EC2PrivateDNSName}}', groups: ['system:bootstrappers', 'system:nodes']}\n",
		"- {rolearn: 'arn:aws:iam::111122223333:role/r%d', username: ci, groups: [deployers]}\n")
}

// Bounds that no input may pass. They are far above what is measured (BenchmarkValidate says how much that is), so that
// a slow machine does not fail the test, and far below what would hurt.
const (
	maxCPU       = 15 * time.Second // of one edit judged and rendered, whatever else the machine does
	maxAllocated = 3 << 30          // bytes in all, most of them garbage at once
	maxKept      = 128 << 20        // bytes that the cache of parsed documents keeps
	maxHeap      = 2 << 30          // bytes that the heap has ever had, in all the tests of this package
)

// TestHostileInput: an answer in bounded time and memory to whatever fits into a ConfigMap, and no way to be stuck with
// it: its repair is allowed.
func TestHostileInput(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			rep := judge(t, text)
			if rep.Allowed {
				t.Errorf("allowed, with %d findings", len(rep.Findings))
			}
			if len(rep.Findings) > 1000 {
				t.Errorf("%d findings", len(rep.Findings))
			}
		})
	}
	for name, text := range harmless {
		t.Run(name, func(t *testing.T) {
			if rep := judge(t, text); !rep.Allowed {
				t.Errorf("refused: %v", findingsOf(rep))
			}
		})
	}
	var mem runtime.MemStats
	if runtime.ReadMemStats(&mem); mem.HeapSys > maxHeap {
		t.Errorf("the heap has had %d MiB", mem.HeapSys>>20)
	}
}

// judge has a value created and then repaired, and renders the first report in every form.
func judge(t *testing.T, text string) validate.Report {
	t.Helper()
	if len(text) > maxValue {
		t.Fatalf("%d bytes are more than a ConfigMap holds", len(text))
	}
	if testing.Short() && len(text) > maxValue/16 {
		t.Skip("a megabyte takes a second or two")
	}
	v := validator(t, "")
	var rep validate.Report
	bounded(t, func() {
		rep = create(v, roles0(text))
		repair := v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(text)), New: aconfigmap(roles0(nodeRole))})
		if !repair.Allowed {
			t.Errorf("the repair is refused: %v", findingsOf(repair))
		}
		render(t, rep, text)
	})
	runtime.KeepAlive(v)
	t.Logf("%d findings", len(rep.Findings))
	return rep
}

// render writes a report about a value in every form.
func render(t *testing.T, rep validate.Report, text string) {
	t.Helper()
	source := report.Source{Name: "mapRoles", Text: text, Locate: func(_ string, line, column int) (int, int, bool) { return line, column, true }}
	for form, write := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return report.Text(w, rep, []report.Source{source}, report.TextOptions{}) },
		"JSON": func(w io.Writer) error {
			return report.JSON(w, report.File{Report: rep, Sources: []report.Source{source}})
		},
		"SARIF": func(w io.Writer) error {
			return report.SARIF(w, []report.File{{Report: rep, Sources: []report.Source{source}}}, validate.Catalogue(), "test")
		},
	} {
		if err := write(io.Discard); err != nil {
			t.Errorf("%s: %v", form, err)
		}
	}
}

// bounded fails the test if what it does is not done within the bounds.
func bounded(t *testing.T, do func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	started := cpuTime(t)
	do()
	took := cpuTime(t) - started
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	runtime.GC()
	runtime.ReadMemStats(&after)
	kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%v of CPU, %d MiB allocated, %d MiB kept", took.Round(time.Millisecond), allocated>>20, kept>>20)
	if took > maxCPU || allocated > maxAllocated || kept > maxKept {
		t.Errorf("want at most %v of CPU, %d MiB allocated and %d MiB kept", maxCPU, maxAllocated>>20, maxKept>>20)
	}
}

// cpuTime is what this process has used so far, which does not depend on what else the machine does.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
