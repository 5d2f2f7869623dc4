package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// described is one of the reader's problems, with what a message needs to say where it is.
type described struct {
	awsauth.Problem
	// entry names the entry that it is about: by its ARN, or "this entry" if it has none; "" if it is about the value.
	entry  string
	around surroundings
	c      *rule.ObjectContext
}

// problems lets a rule report those of the reader's problems that are its own: say has no message for the others.
func problems(say func(described) rule.Finding) func(*rule.ObjectContext) {
	return func(c *rule.ObjectContext) {
		values, names := texts{object: c.Object}, entryNames{c: c}
		for _, p := range c.Problems {
			if f := say(described{p, names.of(p), values.around(p), c}); f.Message != "" {
				f.Subject = p.Subject
				c.Report(rule.AtProblem(p), f)
			}
		}
	}
}

// in adds to a message which entry it is about.
func (d described) in(message string) string {
	if d.entry == "" || d.entry == thisEntry {
		return d.around.inEntry(message)
	}
	return message + ", in the entry for " + d.entry
}

const thisEntry = "this entry"

// entryNames are the ARNs of the entries by their paths, looked up when the first is asked for.
type entryNames struct {
	c    *rule.ObjectContext
	arns map[string]string
}

func (n *entryNames) of(p awsauth.Problem) string {
	end := strings.IndexByte(p.Field, ']')
	if end < 0 || p.DataKey == awsauth.MapAccounts {
		return ""
	}
	if n.arns == nil {
		n.arns = map[string]string{}
		for _, e := range n.c.Entries() {
			n.arns[e.Path("")] = e.ARN.Value
		}
	}
	switch arn := n.arns[p.Field[:end+1]]; {
	case arn != "":
		return phrase.Bare(arn)
	case strings.HasPrefix(p.Entry, "arn:"):
		return phrase.Bare(p.Entry)
	}
	return thisEntry
}
