package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var yamlSyntax = &rule.Rule{
	ID: "AA101", Name: "yaml-syntax", Severity: rule.Error, Category: rule.Text,
	What: "a value of aws-auth that is not exactly one well-formed YAML document: a tab in the indentation, an open quote, a line that is indented wrongly; a byte that is not valid UTF-8, and the character U+FFFD anywhere, also in a comment, since the API server shows such a byte as U+FFFD",
	Why:  "EKS ignores all of a value that it cannot parse: everybody in it is locked out as if the value had been deleted, the nodes turn NotReady, and the only trace is a log of the control plane",
	Bad:  strings.Replace(goodNodes, "      username", "    \tusername", 1), Good: goodNodes,
	Object: problems(sayUnreadable),
}

func sayUnreadable(p described) (f rule.Finding) {
	switch p.Code {
	case awsauth.Syntax:
		f.Message, f.Fix = complaint(p.Got, p.Value, p.around)
		if p.around.body() == "- *" {
			f.Message, f.Fix = sayAsterisk(p)
		}
		f.Why = "EKS ignores all of " + p.DataKey + " until it is valid YAML: everybody in it loses access"
		if p.DataKey == awsauth.MapRoles {
			f.Why = "EKS ignores all of mapRoles until it is valid YAML: all nodes and everybody in it lose access"
		}
	case awsauth.NotUTF8:
		f = sayNotUTF8(p.Problem)
	case awsauth.TooMany:
		f.Message = "more than 10,000 problems in one value"
		f.Fix = "begin again from `kubectl get configmap aws-auth -n kube-system -o yaml`"
	}
	return f
}

// sayAsterisk is about a group that is meant to be every group.
func sayAsterisk(p described) (message, fix string) {
	fix = "write the name of a group"
	if lost := groupsBefore(p.c.Old, p.around.arn(), p.around); len(lost) > 0 {
		fix = "write " + p.around.asTyped(lost) + ", as before, or the name of another group"
	}
	return p.in(`"- *" is not valid, and groups have no wildcard`), fix
}

// sayNotUTF8 is about bytes that are not valid UTF-8. A webhook gets each of them as U+FFFD, so that the message is about both.
func sayNotUTF8(p awsauth.Problem) rule.Finding {
	f := rule.Finding{Message: p.DataKey + " has U+FFFD or a byte that is not UTF-8 in " + phrase.Quote(p.Value), AlwaysNew: true,
		Why: "EKS ignores all of " + p.DataKey + " while it has such a byte: everybody in it loses access",
		Fix: "delete it, in a comment too, or type the character again"}
	if p.Got != "1" {
		f.Fix = "delete all " + p.Got + " of them, in comments too, or type the characters again"
	}
	return f
}
