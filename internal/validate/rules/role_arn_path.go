package rules

import (
	"strings"
	"sync"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var roleARNPath = &rule.Rule{
	ID: "AA203", Name: "role-arn-path", Severity: rule.Error, Category: rule.ARN,
	What: "the ARN of a role has a path, as IAM shows it, above all for roles of IAM Identity Center (AWSReservedSSO_...)",
	Why:  "the session of a role does not carry the role's path, so EKS compares without it, and the entry matches nobody",
	Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/team/ci", 1), Good: goodNodesAndCI,
	Object: checkPaths,
}

func checkPaths(c *rule.ObjectContext) {
	mapped := sync.OnceValue(func() map[string]bool {
		keys := map[string]bool{}
		for _, e := range c.Entries() {
			keys[e.Key()] = true
		}
		return keys
	})
	shortened := map[string]*awsauth.Entry{} // by the key without a path, the first that is to be written so
	for _, e := range c.Entries() {
		f := ownFault("AA203", e, c.Partition)
		if f == nil {
			continue
		}
		a, _ := e.Principal() // what has a path is one
		key := awsauth.Key(a.Canonical())
		switch first := shortened[key]; {
		case mapped()[key]:
			f.Fix = "delete this entry: " + phrase.Whole(a.Canonical()) + " is mapped already"
		case first != nil:
			f.Fix = "delete this entry, or the one for " + phrase.Whole(first.ARN.Value) + ": both name the role " + phrase.Whole(a.Name)
		default:
			shortened[key] = e
		}
		c.Report(rule.AtARN(e), *f)
	}
}

func pathOfRole(w written) *rule.Finding {
	a := w.arn()
	if a.Kind != awsauth.KindRole || a.Path == "/" {
		return nil
	}
	f := &rule.Finding{Message: namedARN(w.text) + " has a path", Fix: "write " + phrase.Whole(a.Canonical()),
		Why: "EKS drops the path before it compares, so this entry matches nobody"}
	switch {
	case strings.HasPrefix(a.Path, awsauth.SSOPath):
		f.Message = namedARN(w.text) + " is the ARN of an IAM Identity Center (SSO) role, with its path left in"
	case strings.HasPrefix(a.Path, "/aws-service-role/"):
		f.Message = namedARN(w.text) + " is the ARN of a service-linked role, with its path left in"
		f.Fix += " if the service calls the cluster, as EMR and AWS Batch do, or remove the entry"
	}
	if !principal.IsName(a.Name) {
		f.Fix = "write the role's ARN without the path"
	}
	return f
}
