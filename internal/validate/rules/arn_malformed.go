package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var arnMalformed = &rule.Rule{
	ID: "AA201", Name: "arn-malformed", Severity: rule.Error, Category: rule.ARN,
	What: "what is not an ARN: spaces or quotes in or around it, an account id that is not 12 digits, an unknown partition, a name that IAM does not allow",
	Why:  "EKS keeps the entry, and it never matches anybody",
	Bad:  strings.Replace(goodNodesAndCI, "arn:aws:iam::111122223333:role/ci", "arn:aws:iam::1111-2222-3333:role/ci", 1), Good: goodNodesAndCI,
	Object: checkMalformed,
}

func checkMalformed(c *rule.ObjectContext) {
	for _, e := range c.Entries() {
		if f, ok := ownFault("AA201", e, c.Partition); ok {
			c.Report(rule.AtARN(e), f)
		}
	}
	for i, a := range c.Accounts {
		if !principal.IsAccountID(a.Value) {
			c.Report(rule.AtAccount(i, a), rule.Finding{Subject: a.Value, Message: phrase.Quote(a.Value) + " is not an account id",
				Why: "and matches no account", Fix: "write 12 digits, in quotes"})
		}
	}
}

func (w written) malformed(what, fix string) (rule.Finding, bool) {
	return rule.Finding{Message: phrase.Quote(w.text) + " " + what, Why: "and EKS keeps the entry but it never matches anybody", Fix: fix}, true
}

// malformedText finds what cannot be part of any ARN.
func malformedText(w written) (rule.Finding, bool) {
	surrounds := func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'“”‘’`", r) }
	if t := strings.TrimFunc(w.text, surrounds); t != w.text {
		return w.malformed("has spaces or quotes around it", "write "+phrase.Bare(t))
	}
	if strings.IndexFunc(w.text, unicode.IsSpace) >= 0 {
		return w.malformed("has spaces in it", "write the ARN in one piece")
	}
	if i := strings.IndexFunc(w.text, func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(w.text[i:])
		return w.malformed(fmt.Sprintf("has the character %q (%U) in it, and ARNs are ASCII", r, r), "type the ARN again")
	}
	if w.err != nil {
		return w.malformed("is not an ARN", "write "+w.example())
	}
	return rule.Finding{}, false
}

// malformedParts finds parts that no principal's ARN has.
func malformedParts(w written) (rule.Finding, bool) {
	a := w.arn
	switch {
	case !slices.ContainsFunc(awsauth.Partitions, func(k string) bool { return strings.EqualFold(k, a.Partition) }):
		return w.malformed(fmt.Sprintf("has an unknown partition %s", phrase.Quote(a.Partition)), "write one of "+strings.Join(awsauth.Partitions, ", "))
	case a.Region != "":
		without := strings.Replace(w.text, ":"+a.Region+":", "::", 1)
		return w.malformed(fmt.Sprintf("has a region %s, and IAM's ARNs have none", phrase.Quote(a.Region)), "write "+phrase.Bare(without))
	case !principal.IsAccountID(a.Account):
		fix := "write the 12 digits of the account"
		if digits := strings.ReplaceAll(a.Account, "-", ""); principal.IsAccountID(digits) {
			fix = "write " + phrase.Bare(strings.Replace(w.text, a.Account, digits, 1))
		}
		return w.malformed(fmt.Sprintf("has %s where the account id belongs", phrase.Quote(a.Account)), fix)
	case a.Kind == awsauth.KindOther:
		return w.malformed("names neither a role nor a user", "write "+w.example())
	case a.Kind != awsauth.KindRoot && a.Name == "":
		return w.malformed("has no name after the last slash", "write "+w.example())
	}
	return rule.Finding{}, false
}

const (
	maxIAMName = 64
	maxIAMPath = 512
)

// pathChars are what IAM allows in a path (IAM user guide, "IAM and AWS STS quotas").
var pathChars = regexp.MustCompile(`^/(?:[\x21-\x7e]+/)*$`)

// malformedName finds names and paths that IAM gives nobody.
func malformedName(w written) (rule.Finding, bool) {
	a := w.arn
	switch {
	case (a.Kind == awsauth.KindRole || a.Kind == awsauth.KindUser) && !principal.IsName(a.Name):
		if len(a.Name) > maxIAMName {
			return w.malformed(fmt.Sprintf("has a name of %d characters, and IAM's names have 64 at most", len([]rune(a.Name))), "write the name as IAM has it")
		}
		return w.malformed(fmt.Sprintf("has a name %s that IAM does not allow", phrase.Quote(a.Name)), "write letters, digits and + = , . @ _ - alone")
	case a.Kind == awsauth.KindUser && (len(a.Path) > maxIAMPath || !pathChars.MatchString(a.Path)):
		return w.malformed(fmt.Sprintf("has a path %s that IAM does not allow", phrase.Quote(a.Path)), "write the user's ARN as IAM has it")
	}
	return rule.Finding{}, false
}

// example is how the ARN should look.
func (w written) example() string {
	kind := "role"
	if w.entry.DataKey == awsauth.MapUsers {
		kind = "user"
	}
	return "arn:" + cmp.Or(w.partition, "aws") + ":iam::ACCOUNT:" + kind + "/NAME"
}
