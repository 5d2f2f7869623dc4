package rules

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var arnMalformed = &rule.Rule{
	ID: "AA201", Name: "arn-malformed", Severity: rule.Error, Category: rule.ARN,
	What: "the ARN of an entry is not one that IAM gives: it has spaces or quotes in or around it, an account ID that is not 12 digits, an unknown partition, or a name that IAM does not allow",
	Why:  "EKS keeps the entry, but it never matches anybody",
	Bad:  strings.Replace(goodNodesAndCI, "arn:aws:iam::111122223333:role/ci", "arn:aws:iam::1111-2222-3333:role/ci", 1), Good: goodNodesAndCI,
	Object: checkMalformed,
}

func checkMalformed(c *rule.ObjectContext) {
	accounts := sync.OnceValue(func() []string { return accountsOf(c.Entries()) })
	for _, e := range c.Entries() {
		if f := ownFault("AA201", e, c.Partition); f != nil {
			f.Fix = withAccount(f.Fix, e, accounts)
			c.Report(rule.AtARN(e), *f)
		}
	}
	for i, a := range c.Accounts {
		if !principal.IsAccountID(a.Value) {
			c.Report(rule.AtAccount(i, a), rule.Finding{Subject: a.Value, Message: phrase.Quote(a.Value) + " in mapAccounts is not an account ID",
				Fix: "write the 12 digits of the account, in quotes", Why: "EKS compares with the account ID of the caller, so this matches no account"})
		}
	}
}

func (w written) malformed(what, fix string) *rule.Finding {
	return &rule.Finding{Message: namedARN(w.text) + " " + what, Fix: fix, Why: "EKS keeps the entry, but it never matches anybody"}
}

// malformedText finds what cannot be part of any ARN.
func malformedText(w written) *rule.Finding {
	switch t := strings.TrimFunc(w.text, wraps); {
	case strings.Contains(w.text, "{{"):
		return w.malformed("is a template that was not rendered", "write the ARN, or apply what `helm template` prints")
	case strings.HasSuffix(t, ","):
		return w.malformed("ends in a comma, as in JSON", "write "+phrase.Bare(strings.TrimFunc(strings.TrimRight(t, ","), wraps)))
	case t != w.text:
		f := w.malformed("", "write "+phrase.Bare(t))
		f.Message = namedARN(t) + " " + wrapping(w.text, t)
		return f
	}
	if f := w.commentInside(); f != nil {
		return f
	}
	if strings.IndexFunc(w.text, unicode.IsSpace) >= 0 {
		fix := w.example()
		if joined := strings.Join(strings.Fields(w.text), ""); isARN(joined) {
			fix = phrase.Bare(joined)
		}
		return w.malformed("has spaces in it", "write "+fix)
	}
	if i := strings.IndexFunc(w.text, func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(w.text[i:])
		fix := "type the ARN again, with ASCII characters only"
		if ascii := strings.Map(hyphen, w.text); isASCII(ascii) {
			fix = "write " + phrase.Bare(ascii)
		}
		return w.malformed(fmt.Sprintf("has the character %q (%U) in it, and ARNs are ASCII", r, r), fix)
	}
	if _, err := w.entry.Principal(); err != nil {
		what := "is not an ARN"
		if oneColon.MatchString(w.text) {
			what += ": two colons belong after iam"
		}
		return w.malformed(what, "write "+w.example())
	}
	return nil
}

// commentBehind is an ARN and a comment that YAML takes for a part of it.
var commentBehind = regexp.MustCompile(`^([^\s\p{Zs}#]+)([\s\p{Zs}]+)(#.*)$`)

// commentInside finds a comment that is part of the ARN: the blank before it is none to YAML, or both are in quotes.
func (w written) commentInside() *rule.Finding {
	if !strings.Contains(w.text, "#") {
		return nil // the expression takes a sixth of a review of 1 MiB
	}
	m := commentBehind.FindStringSubmatch(w.text)
	if m == nil || !isARN(m[1]) {
		return nil
	}
	i := strings.IndexFunc(m[2], isSpecialBlank)
	if i < 0 {
		return w.malformed("has a comment in it", "write "+phrase.Bare(m[1])+", and the comment behind the quotes")
	}
	r, _ := utf8.DecodeRuneInString(m[2][i:])
	return w.malformed("has "+blankName(r)+" in it, which begins no comment", "type a normal space before the #: "+phrase.Bare(m[1]+" "+m[3]))
}

// oneColon is the beginning of an ARN with one colon where the region, which IAM has not, lies between two.
var oneColon = regexp.MustCompile(`^arn:[a-z-]+:iam:[0-9]{12}:`)

func isARN(s string) bool {
	_, err := awsauth.ParseARN(s)
	return err == nil
}

// hyphen is the ASCII hyphen for the dashes and hyphens that editors and chats put in its place.
func hyphen(r rune) rune {
	if r == '\u2212' || unicode.Is(unicode.Pd, r) {
		return '-'
	}
	return r
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// malformedParts finds parts that no principal's ARN has.
func malformedParts(w written) *rule.Finding {
	a := w.arn()
	switch {
	case !slices.ContainsFunc(awsauth.Partitions, func(k string) bool { return strings.EqualFold(k, a.Partition) }):
		return w.malformed(fmt.Sprintf("has the unknown partition %s", phrase.Quote(a.Partition)), "write one of "+strings.Join(awsauth.Partitions, ", ")+" there")
	case a.Region != "":
		without := strings.Replace(w.text, ":"+a.Region+":", "::", 1)
		return w.malformed(fmt.Sprintf("has the region %s, and IAM ARNs have none", phrase.Quote(a.Region)), "write "+phrase.Bare(without))
	case !principal.IsAccountID(a.Account):
		return w.malformed(wrongAccount(a.Account), w.accountFix())
	case a.Kind == awsauth.KindOther:
		return w.malformed("names neither a role nor a user", "write "+w.example())
	case a.Kind != awsauth.KindRoot && a.Name == "":
		return w.malformed("has no name after the last slash", "write "+w.example())
	}
	return nil
}

var digitsOnly = regexp.MustCompile(`^[0-9]+$`)

func wrongAccount(account string) string {
	if account == "" {
		return "has no account ID"
	}
	if digitsOnly.MatchString(account) {
		return fmt.Sprintf("has the account ID %s, which has %d digits instead of 12", phrase.Quote(account), len(account))
	}
	return fmt.Sprintf("has %s where the account ID belongs", phrase.Quote(account))
}

const twelveDigits = "write the 12 digits of the account"

func (w written) accountFix() string {
	a := w.arn()
	switch digits := strings.ReplaceAll(a.Account, "-", ""); {
	case principal.IsAccountID(digits):
		return "write " + phrase.Bare(strings.Replace(w.text, a.Account, digits, 1))
	case digitsOnly.MatchString(a.Account):
		return twelveDigits
	}
	a.Account = anAccount
	return "write " + phrase.Bare(a.String())
}

// anAccount stands for an account ID in an example.
const anAccount = "ACCOUNT"

// withAccount puts the account that the other entries use into a fix: in the place of ACCOUNT, or as what may have been meant.
func withAccount(fix string, e *awsauth.Entry, accounts func() []string) string {
	if arn, ok := strings.CutPrefix(fix, "write "); ok && strings.Contains(arn, ":"+anAccount+":") && len(accounts()) == 1 {
		return "write the whole ARN: did you mean " + strings.Replace(arn, anAccount, accounts()[0], 1) + "?"
	}
	if fix != twelveDigits {
		return fix
	}
	a, _ := e.Principal()
	far := func(account string) bool {
		return len(a.Account) > 14 || levenshtein.Distance(a.Account, account, nil) > 2
	}
	near := slices.DeleteFunc(slices.Clone(accounts()), far)
	if len(near) == 0 {
		return fix
	}
	return fix + "; did you mean " + near[0] + ", which the other entries use?"
}

// maxAccounts bounds the accounts that a mistake is compared with.
const maxAccounts = 20

// accountsOf are the accounts of entries, those of most entries first.
func accountsOf(entries []*awsauth.Entry) []string {
	uses := map[string]int{}
	for _, e := range entries {
		if a, err := e.Principal(); err == nil && principal.IsAccountID(a.Account) {
			uses[a.Account]++
		}
	}
	accounts := slices.SortedFunc(maps.Keys(uses), func(a, b string) int {
		return cmp.Or(cmp.Compare(uses[b], uses[a]), strings.Compare(a, b))
	})
	return accounts[:min(len(accounts), maxAccounts)]
}

const (
	maxIAMName = 64
	maxIAMPath = 512
)

// pathChars are what IAM allows in a path (IAM user guide, "IAM and AWS STS quotas").
var pathChars = regexp.MustCompile(`^/(?:[\x21-\x7e]+/)*$`)

// malformedName finds names and paths that IAM gives nobody.
func malformedName(w written) *rule.Finding {
	a := w.arn()
	switch {
	case (a.Kind == awsauth.KindRole || a.Kind == awsauth.KindUser) && !principal.IsName(a.Name):
		if len(a.Name) > maxIAMName {
			return w.malformed(fmt.Sprintf("has a name of %d characters, and names in IAM have at most 64", len([]rune(a.Name))), "write the name as IAM has it")
		}
		return w.malformed(fmt.Sprintf("has the name %s, which IAM does not allow", phrase.Quote(a.Name)), "write only letters, digits and + = , . @ _ - in the name")
	case a.Kind == awsauth.KindUser && (len(a.Path) > maxIAMPath || !pathChars.MatchString(a.Path)):
		return w.malformed(fmt.Sprintf("has the path %s, which IAM does not allow", phrase.Quote(a.Path)), "write the ARN that `aws iam get-user` shows")
	}
	return nil
}

// arnLike finds the account and the role or user in what was meant to be an ARN.
var arnLike = regexp.MustCompile(`^(?:[A-Za-z:/-]*?([0-9]{12})[:/]+)?(?:(role|user)[:/]+)?([\w+=,.@/-]+)$`)

// example is how the ARN should look, with what of it is there.
func (w written) example() string { return w.exampleIn(anAccount) }

// exampleIn is example in an account, if that is one.
func (w written) exampleIn(account string) string {
	kind, name := "role", "NAME"
	if !principal.IsAccountID(account) {
		account = anAccount
	}
	if w.entry.DataKey == awsauth.MapUsers {
		kind = "user"
	}
	text := w.text
	if a, err := w.entry.Principal(); err == nil {
		text = a.Account + ":" + a.Resource
	}
	if m := arnLike.FindStringSubmatch(text); m != nil {
		account, kind, name = cmp.Or(m[1], account), cmp.Or(m[2], kind), cmp.Or(strings.Trim(m[3], "/"), name)
	}
	if kind == "role" {
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	return "arn:" + cmp.Or(w.partition, partitionIn(w.text), "aws") + ":iam::" + account + ":" + kind + "/" + name
}

// partitionIn is the partition that a text names, or "".
func partitionIn(text string) string {
	i := slices.IndexFunc(awsauth.Partitions, func(p string) bool { return strings.Contains(text, ":"+p+":") })
	if i < 0 {
		return ""
	}
	return awsauth.Partitions[i]
}
