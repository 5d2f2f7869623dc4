package rules

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var ambiguousYAML = &rule.Rule{
	ID: "AA102", Name: "ambiguous-yaml", Severity: rule.Error, Category: rule.Text,
	What: "YAML that parsers read differently, or that a reader cannot see: anchors, aliases, merge keys, tags, a second document, duplicate or non-text keys, values without quotes that YAML takes for a number, boolean or null, {{ without quotes, an unquoted account id that begins with 0, hidden and look-alike characters, a comment without a space before it; a difference between the two readings of EKS; in comments only characters that break or reorder a line, control characters and U+FFFD",
	Why:  "which parser a version of EKS runs is not public, and tools such as eksctl use yet another: what they do not read alike may be dropped, changed on the next write, or grant what nobody sees",
	Bad:  strings.Replace(goodNodesAndCI, "username: ci", "username: yes", 1), Good: goodNodesAndCI,
	// A character that looks like a space is one finding: that which it makes the line.
	SilencedBy: []rule.Silence{{Rule: "AA101", Same: rule.SameLine}, {Rule: "AA104", Same: rule.SameLine}, {Rule: "AA201", Same: rule.SameLine}, {Rule: "AA405", Same: rule.SameEntry}},
	Object:     problems(sayAmbiguous),
}

func sayAmbiguous(p described) (f rule.Finding) {
	switch p.Code {
	case awsauth.OnlyEKSReads:
		f.Message, f.Fix = complaint(p.Got, p.Value, p.around)
		f.Why = "EKS reads it, but other YAML parsers do not"
	case awsauth.NarrowComment:
		f = rule.Finding{Message: p.in(shown(p.Value) + " has a comment without a space before it"), Fix: "put a space before the #",
			Why: "EKS reads it, but other YAML parsers reject all of " + p.DataKey}
	case awsauth.TwoReadings:
		f = rule.Finding{Message: "versions of EKS read " + phrase.Bare(p.Value) + " in two ways: " + phrase.Bare(p.Got),
			Fix: "write each value of the entry on one line and in quotes", Why: "it is not public which of the two parsers your version runs", Reading: &p.Reading}
	case awsauth.ExtraDocument:
		f = sayExtraDocument(p)
	case awsauth.HiddenCharacter:
		f = sayHidden(p)
	case awsauth.Tab:
		f = rule.Finding{Message: p.in(phrase.Quote(p.Value) + " has a tab in it"), Fix: "use spaces instead", Why: "some YAML parsers do not take a tab for a space"}
	case awsauth.Anchor, awsauth.Alias:
		f = rule.Finding{Message: p.in(phrase.Quote(p.Value) + " is a YAML anchor or alias"), Fix: "write out what is meant, in every place", Why: "what is written in one place works in another, out of sight"}
	case awsauth.Merge:
		f = rule.Finding{Message: p.in("a merge key (<<) takes fields from elsewhere"), Fix: "write the fields out", Why: "an entry can have groups that it does not show"}
	case awsauth.Tag:
		f = rule.Finding{Message: p.in("the tag " + phrase.Quote(p.Value) + " changes how the value is read"), Fix: "remove the tag, and put the value in quotes", Why: "!!binary, for one, can hide an ARN"}
	case awsauth.DuplicateKey:
		f = sayDuplicateKey(p)
	case awsauth.NonTextKey:
		f = rule.Finding{Message: p.in("the key " + phrase.Quote(p.Value) + " is " + p.Got + ", not a string"), Fix: "put it in quotes, or remove it", Why: "EKS may drop all of " + p.DataKey}
	case awsauth.UnquotedTemplate:
		f = sayUnquotedTemplate(p)
	case awsauth.LookAlikeKey:
		f = rule.Finding{Message: p.in(phrase.Quote(p.Value) + " looks like " + phrase.Quote(p.Want) + " but has other characters"), Fix: "type " + p.Want + " again", Why: "some parsers take one for the other"}
	case awsauth.ImplicitType:
		f = sayImplicitType(p)
	case awsauth.LeadingZero:
		f = rule.Finding{Message: phrase.Quote(p.Value) + " without quotes begins with a 0", Fix: "write " + phrase.Bare(p.Want) + ", with quotes",
			Why: "eksctl reads it as an octal number and writes another account back"}
	case awsauth.Disagreement:
		f = rule.Finding{Message: p.in("parsers read this differently: EKS would take it for " + phrase.Bare(p.Got)), Fix: "write each value on one line, in quotes"}
	}
	return f
}

func sayExtraDocument(p described) rule.Finding {
	f := rule.Finding{Message: "the line " + shown(p.Value) + " in " + p.DataKey + " begins a second YAML document", Fix: "delete the line " + phrase.Bare(p.Value) + ", so that there is one list",
		Why: "EKS ignores everything after it, without an error"}
	if strings.HasPrefix(p.Value, "...") {
		f.Message, f.Fix = "the line "+shown(p.Value)+" in "+p.DataKey+" ends the YAML document", "delete the line \"...\", and move what follows into the list above or remove it too"
	} else if !strings.HasPrefix(p.Value, "---") {
		f.Message, f.Fix = "the YAML document ends before "+shown(p.Value), "indent the line like the list above, or remove it"
	}
	return f
}

// sayDuplicateKey distinguishes a field that is written twice from the fields of a second entry whose dash is missing.
func sayDuplicateKey(p described) rule.Finding {
	arnField := awsauth.ARNField(p.DataKey)
	if p.Value == arnField {
		line, first := p.around.body(), surroundings{p.around.value, p.Other.Line - 1}
		return rule.Finding{Message: "a second entry begins with " + shown(line) + " without its dash, inside the entry for " + first.named(), Fix: "write - " + phrase.Bare(line) + ", with the dash in line with the other dashes",
			Why: "EKS reads both as one entry, and where a field occurs twice, the last one wins", Lacks: rule.Dash}
	}
	f := rule.Finding{Message: p.in("the field " + phrase.Quote(p.Value) + " appears twice"), Fix: "delete one of the two",
		Why: "EKS uses only the last one, without an error", Other: &p.Other}
	for i := p.around.at - 1; i >= p.Other.Line && p.around.at-i < far; i-- {
		if m := fieldLine.FindStringSubmatch(p.around.line(i)); m != nil && m[2] == "" && m[3] == arnField {
			f.SaidAt = i + 1
		}
	}
	return f
}

func sayUnquotedTemplate(p described) rule.Finding {
	f := rule.Finding{Message: p.in(shown(p.Value) + " without quotes is a YAML mapping, not a string"), Fix: `write "` + phrase.Bare(p.Value) + `", with quotes`,
		Why: "EKS reads an empty string in its place, or ignores all of " + p.DataKey, Yields: rule.YieldsToRule}
	if p.Value == awsauth.EC2PrivateDNSName && strings.HasSuffix(p.Field, ".username") {
		f.Fix = "write username: " + nodes.EC2.Needs().Username + " for nodes, or a name of your own for people"
	}
	return f
}

// what is the field that a word is in, if the line around it shows it.
func (d described) what() string {
	if m := shortField.FindStringSubmatch(d.around.own()); m != nil && d.Value != "" && strings.Contains(m[2], d.Value) {
		return "the " + m[1] + " "
	}
	return ""
}

// shortField is a line with a field of one word.
var shortField = regexp.MustCompile(`^ {0,20}(?:- )?(rolearn|userarn|username): +["']?(\S{1,100})$`)

func sayHidden(p described) rule.Finding {
	f := rule.Finding{Message: p.in(p.what() + phrase.Quote(p.Value) + " has " + p.Got + " in it"), Fix: "delete the character, or type the word again",
		Why: "you cannot see it, and it makes this a different name"}
	if p.Entry == "" {
		if blank, ok := specialBlank(p.around); ok {
			f.Message, f.Fix, f.Yields = p.in(blank.message), blank.fix, rule.YieldsToRule
			return f
		}
	}
	if strings.HasPrefix(p.Got, "a space around") {
		f.Message = p.in(p.what() + phrase.Quote(p.Value) + " has " + extraSpace(p.Value))
	}
	if strings.Contains(p.Got, " space (") {
		f.Yields = rule.YieldsToRule
		f.Fix = "delete it, or type a normal space in its place"
	}
	switch plain := plainWord(p.Value); {
	case p.Want != "":
		f.Fix = "write " + phrase.Bare(p.Want)
	case p.what() != "" && plain != "":
		f.Fix = "type it again: " + plain
	}
	return f
}

// plainWord is a word without what cannot be seen in it, "" if nothing or something unusual is left.
func plainWord(s string) string {
	plain := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && !unicode.IsLetter(r) {
			return -1
		}
		return r
	}, s)
	if !plainScalar.MatchString(plain) {
		return ""
	}
	return plain
}

func sayImplicitType(p described) rule.Finding {
	if p.Got == "null" {
		return rule.Finding{Message: p.in("an item of the list is empty"), Fix: "remove it", Why: "some parsers read it as nothing and some as an empty string"}
	}
	return rule.Finding{Message: p.in(phrase.Quote(p.Value) + " without quotes is a " + p.Got + ", not a string"), Fix: "write " + phrase.Bare(p.Want) + ", with quotes",
		Why: "some versions of EKS read it as an empty string, some as it is written"}
}
