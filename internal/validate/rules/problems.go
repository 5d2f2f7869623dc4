package rules

import (
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// problems lets a rule report those of the reader's problems that are its own: say puts one into words, and says whether it is.
func problems(say func(awsauth.Problem) (f rule.Finding, mine bool)) func(*rule.ObjectContext) {
	return func(c *rule.ObjectContext) {
		for _, p := range c.Problems {
			if f, mine := say(p); mine {
				f.Subject = p.Subject
				c.Report(rule.AtProblem(p), f)
			}
		}
	}
}
