package rules

import (
	"strings"
	"unicode"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var unknownField = &rule.Rule{
	ID: "AA105", Name: "unknown-field", Severity: rule.Error, Category: rule.Text,
	What: "a field that EKS does not know, or one spelt in another letter case",
	Why:  "EKS ignores fields that it does not know, without an error: the groups under a misspelt key are not given; some versions of the authenticator accept another letter case, some do not",
	Bad:  strings.Replace(goodNodesAndCI, "groups: [deployers]", "group: [deployers]", 1), Good: goodNodesAndCI,
	Object: problems(sayUnknownField),
}

func sayUnknownField(p described) (f rule.Finding) {
	switch p.Code {
	case awsauth.WrongCaseField:
		f = rule.Finding{Message: p.in("the field " + phrase.Quote(p.Value) + " must be spelled " + p.Want), Fix: "write " + p.Want, Why: "some versions of the authenticator ignore the field"}
	case awsauth.MisplacedField:
		other := awsauth.MapUsers
		if p.DataKey == awsauth.MapUsers {
			other = awsauth.MapRoles
		}
		f = rule.Finding{Message: p.in("the field " + phrase.Quote(p.Value) + " has no meaning in " + p.DataKey), Fix: "move the entry to " + other + ", or write " + p.Want,
			Why: "EKS drops an entry without " + p.Want}
		switch a, err := awsauth.ParseARN(p.around.arn()); {
		case err != nil:
		case a.Kind == awsauth.KindUser && p.DataKey == awsauth.MapRoles, a.Kind == awsauth.KindRole && p.DataKey == awsauth.MapUsers:
			f.Fix, f.Lines = moveTo(other, p)
		case a.Kind == awsauth.KindUser, a.Kind == awsauth.KindRole:
			f.Fix = "write " + p.Want
		}
	case awsauth.UnknownField:
		f = rule.Finding{Message: p.in(phrase.Quote(p.Value) + " is not a field of " + p.DataKey), Fix: "remove it; the fields are " + awsauth.ARNField(p.DataKey) + ", username and groups",
			Why: "EKS ignores it without an error"}
		if p.Want != "" {
			f.Fix = "write " + p.Want
		}
	}
	if p.Got != "" && (p.Code == awsauth.WrongCaseField || p.Code == awsauth.UnknownField) {
		f.Fix = "delete it, and write what of it is meant under " + p.Want + ", which is there too"
	}
	return f
}

// moveTo says how an entry with the right field for another data key gets there: with the lines to paste where that key is not there yet.
func moveTo(key string, p described) (fix string, lines []string) {
	fix = "move the entry to " + key
	if p.c.Object.Data[key] != "" {
		return fix, nil
	}
	e, _ := p.around.entry()
	item := itemLines(p.around.lines, e.start)
	text := strings.Join(item, "\n")
	if len(item) == 0 || len(item) > maxEntryLines || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || phrase.Redact(text) != text {
		return fix, nil
	}
	lines = append(lines, key+": |")
	for _, l := range item {
		lines = append(lines, "  "+l)
	}
	return fix + ": delete it here, and add under data:", lines
}
