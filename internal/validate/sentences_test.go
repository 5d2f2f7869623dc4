package validate_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Every finding about an entry whose ARN can be read says which entry: a warning has nothing else to tell it by, and the indices
// of a list are not in an editor.
func TestFindingsNameTheirEntry(t *testing.T) {
	named := 0
	for _, c := range goldenCases(t) {
		for _, f := range c.run(t).Findings {
			a, err := awsauth.ParseARN(f.Principal)
			if err != nil {
				continue
			}
			named++
			says := func(name string) bool {
				return strings.Contains(awsauth.Key(f.Message), awsauth.Key(strings.Trim(strconv.Quote(name), `"`)))
			}
			asWritten := strings.HasPrefix(f.Value, "arn:") && says(f.Value) // with its path
			if !says(f.Principal) && !says(a.Kind.String()+"/"+a.Name) && !asWritten {
				t.Errorf("%s: %s does not name %s: %s", c.name, f.Rule, f.Principal, f.Message)
			}
		}
	}
	if named < 500 {
		t.Errorf("only %d findings are about an entry", named)
	}
}

var (
	joined = regexp.MustCompile(`^(and|so|but|since|because|which|while)\b`)
	verb   = regexp.MustCompile(`^(add|allow|ask|begin|change|close|create|delete|edit|fix|get|give|have|indent|keep|leave|make|map|move|put|remove|replace|save|set|start|take|try|type|use|wait|write) `)
)

// Problem, fix and reason are sentences that can be read alone, and in any order.
func TestSentences(t *testing.T) {
	for _, c := range goldenCases(t) {
		for _, f := range c.run(t).Findings {
			for what, s := range map[string]string{"message": f.Message, "fix": f.Fix, "why": f.Why} {
				if joined.MatchString(s) || strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "...") {
					t.Errorf("%s: the %s of %s is no sentence by itself: %q", c.name, what, f.Rule, s)
				}
			}
			if f.Fix != "" && !verb.MatchString(f.Fix) {
				t.Errorf("%s: the fix of %s does not begin with what to do: %q", c.name, f.Rule, f.Fix)
			}
		}
	}
}
