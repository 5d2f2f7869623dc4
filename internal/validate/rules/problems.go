package rules

import (
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// problems lets a rule report those of the reader's problems that are its own: say has no message for the others.
func problems(say func(awsauth.Problem) rule.Finding) func(*rule.ObjectContext) {
	return func(c *rule.ObjectContext) {
		for _, p := range c.Problems {
			if f := say(p); f.Message != "" {
				f.Subject = p.Subject
				c.Report(rule.AtProblem(p), f)
			}
		}
	}
}
