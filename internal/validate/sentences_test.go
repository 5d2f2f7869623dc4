package validate_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
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
			message := awsauth.Key(f.Message)
			principal := phrase.Whole(f.Principal) // what cannot be seen is escaped
			short := strings.TrimPrefix(a.Resource, "assumed-")
			if !strings.Contains(message, awsauth.Key(principal)) && !strings.Contains(message, awsauth.Key(short)) &&
				!strings.Contains(message, awsauth.Key(a.Kind.String()+"/"+a.Name)) && !(isARN(f.Value) && strings.Contains(message, awsauth.Key(f.Value))) {
				t.Errorf("%s: %s does not name %s: %s", c.name, f.Rule, f.Principal, f.Message)
			}
		}
	}
	if named < 500 {
		t.Errorf("only %d findings are about an entry", named)
	}
}

func isARN(s string) bool { return strings.HasPrefix(s, "arn:") }

var (
	joined = regexp.MustCompile(`^(and|so|but|since|because|which|that|for)\b`)
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
