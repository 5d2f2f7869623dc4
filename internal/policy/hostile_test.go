package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// maxFile is how large a policy file may be.
const maxFile = 1 << 20

// numbered is a beginning, filled up with lines that are all different.
func numbered(begin, format string) string {
	var b strings.Builder
	b.WriteString(header + begin)
	for i := 0; ; i++ {
		line := strings.ReplaceAll(format, "%d", fmt.Sprint(i))
		if b.Len()+len(line) > maxFile {
			return b.String()
		}
		b.WriteString(line)
	}
}

// aliased is a list of n words, which so many aliases name as would fit.
func aliased(n int) string {
	list := "privileged:\n  groups: &g [" + strings.Repeat("a,", n) + "a]\n  approvals:\n"
	return numbered(list, "  - {arn: 'arn:aws:iam::111122223333:role/r%d', groups: *g, reason: x}\n")
}

// TestHostileFiles holds the time for reading a policy: it is read at start, and again by a running guard whenever it changes.
func TestHostileFiles(t *testing.T) {
	const limit = 5 * time.Second // for a busy machine; all take less than a second on an idle one
	nested := "a: &a0 [x]\n"
	for i := 1; i < 40; i++ {
		nested += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	for name, text := range map[string]string{
		"a long list with many aliases":  aliased(100_000),
		"a short list with many aliases": aliased(10),
		"aliases of aliases":             header + nested,
		"an alias of its own parent":     header + "accounts: &a [*a]\n",
		"many anchors":                   numbered("accounts:\n", "- &a%d {id: '111122223333'}\n"),
		"many unknown fields":            numbered("", "f%d: x\n"),
		"many unknown fields in a list":  numbered("accounts:\n", "- {f%d: x}\n"),
		"many faulty approvals":          numbered("privileged:\n  approvals:\n", "  - {arn: r%d}\n"),
		"many faulty rules":              numbered("rules:\n", "  R%d: fatal\n"),
		"many blank groups":              numbered("privileged:\n  groups:\n", "  - ' %d'\n"),
		"many accounts":                  numbered("accounts:\n", "- {id: '%d'}\n"),
		"many wrong kinds":               numbered("waivers:\n", "- [%d]\n"),
		"deep lists":                     header + "accounts: " + strings.Repeat("[", maxFile-len(header)-10),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := policy.Parse([]byte(text))
			if took := time.Since(began); took > limit && !testing.Short() { // the race detector takes five times as long
				t.Errorf("takes %s", took)
			}
			if err == nil {
				t.Fatal("accepted")
			}
			if n := len(err.Error()); n > 64<<10 {
				t.Errorf("the error has %d bytes", n)
			}
			t.Logf("%s: %.200s", time.Since(began), err)
		})
	}
}
