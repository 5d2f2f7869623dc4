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
	What: "a value or groups that is not a list, an item that is not a mapping, a username or group that is not a string",
	Why:  "EKS drops what has the wrong type: the whole value, the item, or all groups of the entry",
	Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "deployers", 1), Good: goodNodesAndCI,
	Object: checkTypes,
}

func checkTypes(c *rule.ObjectContext) {
	problems(func(p described) rule.Finding {
		f := sayWrongType(p)
		if p.Code == awsauth.NotAList && emptyMapping.MatchString(c.Object.Data[p.DataKey]) && p.DataKey != awsauth.MapRoles {
			f.Fix = "write [], or remove " + p.DataKey
		}
		return f
	})(c)
}

// emptyMapping is a value that holds nothing but {}, as templates render an empty list.
var emptyMapping = regexp.MustCompile(`^\s*(?:---\s*)?(?:#[^\n]*\n\s*)*\{\s*\}\s*$`)

func sayWrongType(p described) (f rule.Finding) {
	switch p.Code {
	case awsauth.NotAList:
		f = rule.Finding{Message: p.DataKey + " is not a list but " + p.Got, Why: "EKS ignores all of it", Fix: `begin every entry with "- "`}
	case awsauth.NotAMapping:
		f = rule.Finding{Message: shown(p.Value) + " is " + p.Got + ", not an entry", Fix: "write - " + awsauth.ARNField(p.DataKey) + ": ARN with username and groups below it, or remove the item",
			Why: "EKS drops it"}
		if message, fix, ok := sayMisplacedGroup(p); ok {
			f.Message, f.Fix, f.Why = message, fix, "EKS reads it as an entry of its own, and drops it"
		} else if message, fix, lines, ok := assignments(p.around); ok {
			f.Message, f.Fix, f.Lines = message, fix, lines
		}
	case awsauth.NotAListOfGroups:
		f = sayGroupsAreNoList(p)
	case awsauth.NotText:
		f = sayNotAString(p)
	}
	return f
}

func sayGroupsAreNoList(p described) rule.Finding {
	f := rule.Finding{Message: "the groups of " + p.entry() + " are " + p.Got + ", not a list", Why: "EKS gives the entry no groups at all",
		Fix: `write each group on a line of its own after "- ", or groups: [] if none are meant`}
	if p.Got != "a string" {
		return f
	}
	if marked, ok := p.around.first(specialBlank, otherDash, dashWithoutSpace); ok {
		f.Message, f.Fix = p.in(marked.message), marked.fix
		return f
	}
	if groups := groupList(strings.Trim(p.Value, "[]")); groups != "" {
		f.Fix = "write groups: [" + phrase.Bare(groups) + "]"
	}
	return f
}

func sayNotAString(p described) rule.Finding {
	f := rule.Finding{Message: p.in(shown(strings.TrimSpace(p.Value)) + " is " + p.Got + ", not a string"), Fix: "write one string, in quotes",
		Why: "EKS reads an empty string in its place, or drops it"}
	switch name, ok := strings.CutSuffix(p.Want, ":"); {
	case ok && strings.Contains(p.Field, ".groups["):
		f.Message = p.in("the group " + shown(p.Want) + " ends in a colon, so it is a field without a value")
		f.Fix = "remove the colon: write - " + phrase.Bare(name)
	case ok:
		f.Fix = "remove the colon: write " + phrase.Bare(name)
	case p.Want != "":
		f.Fix = "write " + phrase.Bare(p.Want) + ", without a space after the colon"
	}
	return f
}
