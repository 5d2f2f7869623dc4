package rules

import (
	"strings"
	"unicode"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var strayQuotes = &rule.Rule{
	ID: "AA112", Name: "stray-quotes", Severity: rule.Error, Category: rule.Text,
	What: "a username or group that begins or ends with a quote: “typographic” quotes, a backtick, or a single ' or \" without its partner",
	Why:  "YAML has no quotes but a pair of ' or \" around the whole string; any other quote is part of the name, so nothing is bound to it",
	Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "[“deployers”]", 1), Good: goodNodesAndCI,
	SilencedBy: []rule.Silence{{Rule: "AA107", Same: rule.SameField}},
	Entry:      checkStrayQuotes,
}

func checkStrayQuotes(c *rule.EntryContext) {
	strayQuotesIn(c, rule.AtUsername(c.Entry), "username")
	for i := range c.Entry.Groups {
		strayQuotesIn(c, rule.AtGroup(c.Entry, i), "group")
	}
}

// strayQuotesIn judges one name. what it is the name of keeps a username and a group apart that are written alike.
func strayQuotesIn(c *rule.EntryContext, at rule.Position, what string) {
	meant := strings.TrimFunc(at.Value, isQuote)
	if meant == at.Value {
		return
	}
	f := rule.Finding{Subject: what + " " + at.Value, Message: phrase.Quote(at.Value) + " has quotes that YAML takes for part of the name",
		Why: "so it is not " + phrase.Quote(meant) + ", and nothing is bound to it", Fix: "write " + phrase.Bare(meant), Yields: rule.YieldsToRule}
	if meant == "" || strings.ContainsFunc(meant, isQuote) {
		f.Why, f.Fix = "so nothing is bound to it", "type the name again, without quotes"
	}
	c.Report(at.Of(c.Entry.Name()), f)
}

// isQuote reports what people and word processors write as a quote: Unicode's quotation marks, accents and primes.
func isQuote(r rune) bool {
	return unicode.Is(unicode.Quotation_Mark, r) || strings.ContainsRune("`´′″‵‶", r)
}
