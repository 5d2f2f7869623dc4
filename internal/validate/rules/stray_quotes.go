package rules

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var strayQuotes = &rule.Rule{
	ID: "AA112", Name: "stray-quotes", Severity: rule.Error, Category: rule.Name,
	What: "a username or group that begins or ends with a quote: “typographic” quotes, a backtick, or a single ' or \" without its partner",
	Why:  "YAML has no quotes but a pair of ' or \" around the whole string; any other quote is part of the name, so nothing is bound to it",
	Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "[“deployers”]", 1), Good: goodNodesAndCI,
	SilencedBy: []rule.Silence{{Rule: "AA107", Same: rule.SameField}, {Rule: "AA101", Same: rule.SameLine}},
	Object:     checkStrayQuotes,
}

func checkStrayQuotes(c *rule.ObjectContext) {
	values := texts{object: c.Object}
	for _, e := range c.Entries() {
		if f, ok := strayQuotesIn("username", e.Username.Value, "username: "); ok {
			f.Message += ", in the entry for " + named(e)
			c.Report(rule.AtUsername(e).Of(e.Name()), f)
		}
		for i, g := range e.Groups {
			if f, ok := strayQuotesIn("group", g.Value, ""); ok {
				if _, rest := cut(values.around(awsauth.Problem{Place: g.Place}).own()); isGroup(rest) {
					f, _ = strayQuotesIn("group", g.Value, "- ")
				}
				f.Message += ", in the entry for " + named(e)
				c.Report(rule.AtGroup(e, i).Of(e.Name()), f)
			}
		}
	}
}

// strayQuotesIn judges one name. The subject of its finding says whether it is a username or a group; before is what is typed in
// front of it.
func strayQuotesIn(what, name, before string) (f rule.Finding, ok bool) {
	outside := strings.TrimSpace(name)
	if strings.TrimFunc(outside, isQuote) == outside {
		return f, false
	}
	meant := strings.TrimFunc(name, func(r rune) bool { return isQuote(r) || unicode.IsSpace(r) })
	f = rule.Finding{Subject: what + " " + name, Message: fmt.Sprintf("the %s %s, which YAML keeps as part of the name", what, quotesAround(outside)),
		Fix: "write " + before + phrase.Bare(scalar(meant)), Why: "it is not " + phrase.Quote(meant) + ", so nothing is bound to it", Yields: rule.YieldsToRule}
	if meant == "" || strings.ContainsFunc(meant, isQuote) {
		f.Fix, f.Why = "type the name again, without quotes", "nothing is bound to it"
	}
	return f, true
}

// quotesAround repeats a name and says what quotes it has.
func quotesAround(name string) string {
	first, _ := utf8.DecodeRuneInString(name)
	last, _ := utf8.DecodeLastRuneInString(name)
	curly := func(r rune) bool { return strings.ContainsRune("“”„‟‘’‚‛", r) }
	switch is := phrase.Bare(name) + " is in "; {
	case !isQuote(first):
		return fmt.Sprintf("%s ends in a stray quote (%c)", phrase.Bare(name), last)
	case !isQuote(last):
		return fmt.Sprintf("%s begins with a stray quote (%c)", phrase.Bare(name), first)
	case curly(first) && curly(last):
		return is + "curly quotes"
	case first == '`' && last == '`':
		return is + "backticks"
	default:
		return fmt.Sprintf("%sstray quotes (%c)", is, first)
	}
}

// isQuote reports what people and word processors write as a quote: Unicode's quotation marks, its ornaments of that shape, accents and
// primes. Letters that look like an apostrophe, such as the ʻokina, begin and end names.
func isQuote(r rune) bool {
	return unicode.Is(unicode.Quotation_Mark, r) || strings.ContainsRune("`´′″‵‶❛❜❝❞❟❠🙶🙷🙸｀", r)
}
