package rules

import (
	"regexp"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var notAList = &rule.Rule{
	ID: "AA104", Name: "not-a-list", Severity: rule.Error, Category: rule.Text,
	What: "a value or groups that is not a list, an item that is not a mapping, a username or group that is not text",
	Why:  "EKS drops what has the wrong type: the whole value, the item, or all groups of the entry",
	Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "deployers", 1), Good: goodNodesAndCI,
	Object: checkTypes,
}

func checkTypes(c *rule.ObjectContext) {
	problems(func(p awsauth.Problem) rule.Finding {
		f := sayWrongType(p)
		if p.Code == awsauth.NotAList && emptyMapping.MatchString(c.Object.Data[p.DataKey]) && p.DataKey != awsauth.MapRoles {
			f.Fix = "write [], or remove " + p.DataKey
		}
		return f
	})(c)
}

// emptyMapping is a value that holds nothing but {}, as templates render an empty list.
var emptyMapping = regexp.MustCompile(`^\s*(?:---\s*)?(?:#[^\n]*\n\s*)*\{\s*\}\s*$`)

func sayWrongType(p awsauth.Problem) (f rule.Finding) {
	switch p.Code {
	case awsauth.NotAList:
		f = rule.Finding{Message: p.DataKey + " is not a list but " + p.Got, Why: "EKS reads nothing of it", Fix: `begin every entry with "- "`}
	case awsauth.NotAMapping:
		f = rule.Finding{Message: "this item is " + p.Got + ", not an entry", Why: "and EKS drops it",
			Fix: "write - " + awsauth.ARNField(p.DataKey) + ": ARN with username and groups below it, or remove the item"}
	case awsauth.NotAListOfGroups:
		f = rule.Finding{Message: "groups is " + p.Got + ", not a list", Why: "and EKS gives the entry no groups at all",
			Fix: `write every group on a line of its own after "- ", or groups: [] if none are meant`}
		if groups := groupList(p.Value); p.Got == "text" && groups != "" {
			f.Fix = "write groups: [" + phrase.Bare(groups) + "]"
		}
	case awsauth.NotText:
		f = rule.Finding{Message: phrase.Quote(p.Value) + " is " + p.Got + ", not text", Why: "and EKS reads an empty text in its place, or drops it",
			Fix: "write one text, in quotes"}
		if p.Want != "" {
			f.Fix = "write " + phrase.Bare(p.Want) + ", without a space after the colon"
		}
	}
	return f
}
