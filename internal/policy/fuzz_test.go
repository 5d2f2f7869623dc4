package policy_test

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/test/memory"
)

// lineNumber is where a line of an error says that something is wrong.
var lineNumber = regexp.MustCompile(`(?m)^line (\d+):`)

// FuzzParse: of any bytes comes either a policy or an error that names lines of the file, twice the same, without a panic
// and within bounds.
func FuzzParse(f *testing.F) {
	f.Add([]byte(header + everything))
	for name, test := range badFiles {
		if text, whole := wholeFiles[name]; !whole {
			f.Add([]byte(header + test.text + "\n"))
		} else if len(text) < 1<<10 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p *policy.Policy
		var err error
		if allocated := memory.Allocated(func() { p, err = policy.Parse(text) }); allocated > uint64(256<<20+16<<10*len(text)) {
			t.Errorf("%d bytes allocated for %d", allocated, len(text))
		}
		if (p == nil) == (err == nil) {
			t.Fatalf("of %q came the policy %v and the error %v", text, p, err)
		}
		again, errAgain := policy.Parse(text)
		if !reflect.DeepEqual(p, again) || err != nil && err.Error() != errAgain.Error() {
			t.Errorf("%q read twice: %v (%v), then %v (%v)", text, p, err, again, errAgain)
		}
		if err == nil {
			return
		}
		lines := strings.Count(string(text), "\n") + 1
		for _, m := range lineNumber.FindAllStringSubmatch(err.Error(), -1) {
			if n, convErr := strconv.Atoi(m[1]); convErr != nil || n < 1 || n > lines+1 {
				t.Errorf("%q has %d lines: %v", text, lines, err)
			}
		}
	})
}
