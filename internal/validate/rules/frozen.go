package rules

import (
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var frozen = &rule.Rule{
	ID: "AA109", Name: "frozen", Severity: rule.Error, Category: rule.Object,
	What: "immutable: true",
	Why:  "no edit of aws-auth is possible any more: only deleting it can undo that, and locks everyone out",
	Bad:  "immutable: true\n" + goodNodes, Good: goodNodes,
	Object: checkFrozen,
}

func checkFrozen(c *rule.ObjectContext) {
	if c.Object.Immutable != nil && *c.Object.Immutable {
		c.Report(rule.AtField("immutable", "true"), rule.Finding{Subject: "immutable", Message: "nobody can edit aws-auth any more",
			Why: "only deleting aws-auth can undo it, and that locks everyone out", Fix: "remove immutable: true"})
	}
}
