package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var ambiguousYAML = &rule.Rule{
	ID: "AA102", Name: "ambiguous-yaml", Severity: rule.Error, Category: rule.Text,
	What: "YAML that parsers read differently, or that a reader cannot see: anchors, aliases, merge keys, tags, a second document, duplicate or non-text keys, values without quotes that YAML takes for a number, boolean or null, {{ without quotes, an unquoted account id that begins with 0, hidden and look-alike characters, a comment without a space before it; a difference between the two readings of EKS; in comments only characters that break or reorder a line, control characters and U+FFFD",
	Why:  "which parser a version of EKS runs is not public, and tools such as eksctl use yet another: what they do not read alike may be dropped, changed on the next write, or grant what nobody sees",
	Bad:  strings.Replace(goodNodesAndCI, "username: ci", "username: yes", 1), Good: goodNodesAndCI,
	Object: problems(sayAmbiguous),
}

func sayAmbiguous(p awsauth.Problem) (f rule.Finding) {
	value := phrase.Quote(p.Value)
	switch p.Code {
	case awsauth.OnlyEKSReads:
		f.Message, f.Fix = complaint(p.Got, p.Value)
		f.Why = "and EKS reads it, but other YAML parsers do not"
	case awsauth.NarrowComment:
		f = rule.Finding{Message: value + " has a comment without a space before it", Why: "and EKS reads it, but other YAML parsers read nothing of the value",
			Fix: "put a space before the #"}
	case awsauth.TwoReadings:
		f = rule.Finding{Message: "EKS reads " + value + " in two ways, by version: " + phrase.Bare(p.Got), Why: "and nobody knows which of the two is in effect",
			Fix: "rewrite the entry with every value on one line and in quotes", Reading: &p.Reading}
	case awsauth.ExtraDocument:
		f = sayExtraDocument(p)
	case awsauth.HiddenCharacter:
		f = sayHidden(p)
	case awsauth.Tab:
		f = rule.Finding{Message: value + " has a tab in it", Why: "and not every YAML parser takes a tab for a space", Fix: "use spaces instead"}
	case awsauth.Anchor, awsauth.Alias:
		f = rule.Finding{Message: value + " is a YAML anchor or alias", Why: "so what is written in one place works in another, out of sight",
			Fix: "write out the text that is meant"}
	case awsauth.Merge:
		f = rule.Finding{Message: "a merge key (<<) takes fields from elsewhere", Why: "so an entry can have groups that it does not show",
			Fix: "write the fields out"}
	case awsauth.Tag:
		f = rule.Finding{Message: "the tag " + value + " changes how the text is read", Why: "and !!binary can hide an ARN",
			Fix: "remove the tag, and put the text in quotes"}
	case awsauth.DuplicateKey:
		f = rule.Finding{Message: value + " stands twice in one entry, first on line " + p.Want, Why: "and EKS takes the last one without an error",
			Fix: "keep one of them"}
	case awsauth.NonTextKey:
		f = rule.Finding{Message: "the key " + value + " is " + p.Got + ", not text", Why: "and EKS may drop all of " + p.DataKey,
			Fix: "put it in quotes, or remove it"}
	case awsauth.UnquotedTemplate:
		f = rule.Finding{Message: value + " without quotes is a YAML mapping, not text", Why: "and EKS reads nothing of " + p.DataKey + ", or an empty text",
			Fix: `write "` + phrase.Bare(p.Value) + `", with quotes`}
	case awsauth.LookAlikeKey:
		f = rule.Finding{Message: value + " looks like " + phrase.Quote(p.Want) + " but is written with other characters", Why: "and some parsers take one for the other",
			Fix: "type " + p.Want + " again"}
	case awsauth.ImplicitType:
		f = sayImplicitType(p)
	case awsauth.LeadingZero:
		f = rule.Finding{Message: value + " without quotes begins with a 0", Why: "and eksctl reads it as an octal number and writes back another account",
			Fix: "write " + phrase.Bare(p.Want) + ", with quotes"}
	case awsauth.Disagreement:
		f = rule.Finding{Message: "parsers read this differently: EKS would take it for " + phrase.Bare(p.Got), Fix: "write every value on one line, in quotes"}
	}
	return f
}

func sayExtraDocument(p awsauth.Problem) rule.Finding {
	f := rule.Finding{Message: "a second YAML document begins here", Why: "and EKS ignores everything from here on without an error",
		Fix: "remove the line --- and make one list of the two"}
	if strings.HasPrefix(p.Value, "...") {
		f.Message, f.Fix = "the YAML document ends here", "remove the line \"...\", and move what follows into the list above or remove it too"
	} else if !strings.HasPrefix(p.Value, "---") {
		f.Message, f.Fix = "the YAML document ends before "+phrase.Quote(p.Value), "indent the line like the list above, or remove it"
	}
	return f
}

func sayHidden(p awsauth.Problem) rule.Finding {
	f := rule.Finding{Message: phrase.Quote(p.Value) + " has " + p.Got + " in it", Why: "and nobody sees it, yet it makes another text of the word",
		Fix: "delete the character, or type the word again"}
	if p.Got == "a space around it" {
		f.Message = phrase.Quote(p.Value) + " has a space around it"
	}
	if p.Want != "" {
		f.Fix = "write " + phrase.Bare(p.Want)
	}
	return f
}

func sayImplicitType(p awsauth.Problem) rule.Finding {
	if p.Got == "null" {
		return rule.Finding{Message: "an empty item", Why: "and parsers read it as nothing or as an empty text", Fix: "remove it"}
	}
	return rule.Finding{Message: phrase.Quote(p.Value) + " without quotes is a " + p.Got + ", not text", Why: "and EKS reads it as an empty text or as it is written, by version",
		Fix: "write " + phrase.Bare(p.Want) + ", with quotes"}
}
