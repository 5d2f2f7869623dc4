package validate

import (
	"regexp"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// textFamily speaks of what package awsauth found in the text.
var textFamily = family{
	state: checkText,
	rules: []Rule{
		{ID: "AA101", Name: "yaml-syntax", Severity: Error,
			What: "a value of aws-auth that is not exactly one well-formed YAML document: a tab in the indentation, an open quote, a line out of step; a byte that is not valid UTF-8, and the character U+FFFD anywhere, also in a comment, since the API server shows such a byte as U+FFFD",
			Why:  "EKS reads nothing of a value that it cannot parse: everybody in it is locked out as if the value had been deleted, the nodes turn NotReady, and the error is only in a log of the control plane",
			Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/nodes
    	username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
`, Good: goodNodes},
		{ID: "AA102", Name: "ambiguous-yaml", Severity: Error, ofText: true,
			What: "YAML that parsers read differently, or that a reader cannot see: anchors, aliases, merge keys, tags, a second document, duplicate or non-text keys, values without quotes that YAML takes for a number, boolean or null, {{ without quotes, an unquoted account id that begins with 0, hidden and look-alike characters, a comment without a space before it; a difference between the two readings of EKS; in comments only characters that break or reorder a line, control characters and U+FFFD",
			Why:  "which parser a version of EKS runs is not public, and tools such as eksctl use yet another: what they do not read alike may be dropped, changed on the next write, or grant what nobody sees",
			Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
    - rolearn: arn:aws:iam::111122223333:role/ci
      username: yes
      groups: [deployers]
`, Good: goodNodesAndCI},
		{ID: "AA104", Name: "not-a-list", Severity: Error, ofText: true,
			What: "a value or groups that is not a list, an item that is not a mapping, a username or group that is not text",
			Why:  "EKS drops what has the wrong type: the whole value, the item, or all groups of the entry",
			Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: deployers
`, Good: goodNodesAndCI},
		{ID: "AA105", Name: "unknown-field", Severity: Error, ofText: true,
			What: "a field that EKS does not know, or one spelt in another letter case",
			Why:  "EKS ignores fields that it does not know, without an error: the groups under a misspelt key are not given; some versions of its parser take another letter case, some do not",
			Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      group: [deployers]
`, Good: goodNodesAndCI},
		{ID: "AA106", Name: "missing-field", Severity: Error, ofText: true,
			What: "an entry without rolearn or userarn, or without a username; a username that is empty because the principal has no session name; an entry without groups is a warning",
			Why:  "EKS drops an entry without an ARN and keeps one without a username under the empty name; without groups the principal gets in but may do only what is bound to its username",
			Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
    - rolearn: arn:aws:iam::111122223333:role/ci
      groups: [deployers]
`, Good: goodNodesAndCI},
	},
}

const goodNodes = `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
`

const goodNodesAndCI = goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: [deployers]
`

func checkText(p *pass) {
	for _, pr := range p.at.problems {
		rule, f := say(pr)
		f.Field, f.DataKey, f.Line, f.Column = pr.Field, pr.DataKey, pr.Line, pr.Column
		f.Value = redact(pr.Value)
		f.entry, f.subject = pr.Entry, pr.Subject
		f.inNew = pr.Code == awsauth.NotUTF8
		f.reading, f.lenient = pr.Code == awsauth.TwoReadings, pr.Reading
		if pr.Code == awsauth.NotAList && emptyMapping.MatchString(p.at.object.Data[pr.DataKey]) && pr.DataKey != awsauth.MapRoles {
			f.Fix = "write [], or remove " + pr.DataKey
		}
		p.report(rule, f)
	}
}

// emptyMapping is a value that holds nothing but {}, as templates render an empty list.
var emptyMapping = regexp.MustCompile(`^\s*(?:---\s*)?(?:#[^\n]*\n\s*)*\{\s*\}\s*$`)

// say puts a problem into words.
func say(pr awsauth.Problem) (rule string, f Finding) {
	switch pr.Code {
	case awsauth.Syntax:
		f.Message, f.Fix = sayIn(pr.Got, pr.Value)
		f.Why = "and EKS reads nothing of a " + pr.DataKey + " that is not YAML: everybody in it would be locked out"
		return "AA101", f
	case awsauth.NotUTF8:
		return "AA101", sayNotUTF8(pr)
	case awsauth.OnlyEKSReads:
		f.Message, f.Fix = sayIn(pr.Got, pr.Value)
		f.Why = "and EKS reads it, but other YAML parsers do not"
		return "AA102", f
	case awsauth.NarrowComment:
		return "AA102", Finding{Message: q(pr.Value) + " has a comment without a space before it", Why: "and EKS reads it, but other YAML parsers read nothing of the value",
			Fix: "put a space before the #"}
	case awsauth.TwoReadings:
		return "AA102", Finding{Message: "EKS reads " + q(pr.Value) + " in two ways, by version: " + bare(pr.Got), Why: "and nobody knows which of the two is in effect",
			Fix: "rewrite the entry with every value on one line and in quotes"}
	case awsauth.TooMany:
		return "AA101", Finding{Message: "more than 10,000 problems in one value", Fix: "begin again from `kubectl get configmap aws-auth -n kube-system -o yaml`"}
	case awsauth.ExtraDocument:
		f = Finding{Message: "a second YAML document begins here", Why: "and EKS ignores everything from here on without an error",
			Fix: "remove the line --- and make one list of the two"}
		if strings.HasPrefix(pr.Value, "...") {
			f.Message, f.Fix = "the YAML document ends here", "remove the line \"...\", and move what follows into the list above or remove it too"
		} else if !strings.HasPrefix(pr.Value, "---") {
			f.Message, f.Fix = "the YAML document ends before "+q(pr.Value), "indent the line like the list above, or remove it"
		}
		return "AA102", f
	case awsauth.HiddenCharacter:
		f = Finding{Message: q(pr.Value) + " has " + pr.Got + " in it", Why: "and nobody sees it, yet it makes another text of the word",
			Fix: "delete the character, or type the word again"}
		if pr.Got == "a space around it" {
			f.Message = q(pr.Value) + " has a space around it"
		}
		if pr.Want != "" {
			f.Fix = "write " + bare(pr.Want)
		}
		return "AA102", f
	case awsauth.Tab:
		return "AA102", Finding{Message: q(pr.Value) + " has a tab in it", Why: "and not every YAML parser takes a tab for a space",
			Fix: "use spaces instead"}
	case awsauth.Anchor, awsauth.Alias:
		return "AA102", Finding{Message: q(pr.Value) + " is a YAML anchor or alias", Why: "so what is written in one place works in another, out of sight",
			Fix: "write out the text that is meant"}
	case awsauth.Merge:
		return "AA102", Finding{Message: "a merge key (<<) takes fields from elsewhere", Why: "so an entry can have groups that it does not show",
			Fix: "write the fields out"}
	case awsauth.Tag:
		return "AA102", Finding{Message: "the tag " + q(pr.Value) + " changes how the text is read", Why: "and !!binary can hide an ARN",
			Fix: "remove the tag, and put the text in quotes"}
	case awsauth.DuplicateKey:
		return "AA102", Finding{Message: q(pr.Value) + " stands twice in one entry, first on line " + pr.Want, Why: "and EKS takes the last one without an error",
			Fix: "keep one of them"}
	case awsauth.NonTextKey:
		return "AA102", Finding{Message: "the key " + q(pr.Value) + " is " + pr.Got + ", not text", Why: "and EKS may drop all of " + pr.DataKey,
			Fix: "put it in quotes, or remove it"}
	case awsauth.UnquotedTemplate:
		return "AA102", Finding{Message: q(pr.Value) + " without quotes is a YAML mapping, not text", Why: "and EKS reads nothing of " + pr.DataKey + ", or an empty text",
			Fix: `write "` + bare(pr.Value) + `", with quotes`}
	case awsauth.LookAlikeKey:
		return "AA102", Finding{Message: q(pr.Value) + " looks like " + q(pr.Want) + " but is written with other characters", Why: "and some parsers take one for the other",
			Fix: "type " + pr.Want + " again"}
	case awsauth.ImplicitType:
		if pr.Got == "null" {
			return "AA102", Finding{Message: "an empty item", Why: "and parsers read it as nothing or as an empty text", Fix: "remove it"}
		}
		return "AA102", Finding{Message: q(pr.Value) + " without quotes is a " + pr.Got + ", not text", Why: "and EKS reads it as an empty text or as it is written, by version",
			Fix: "write " + bare(pr.Want) + ", with quotes"}
	case awsauth.LeadingZero:
		return "AA102", Finding{Message: q(pr.Value) + " without quotes begins with a 0", Why: "and eksctl reads it as an octal number and writes back another account",
			Fix: "write " + bare(pr.Want) + ", with quotes"}
	case awsauth.Disagreement:
		return "AA102", Finding{Message: "parsers read this differently: EKS would take it for " + bare(pr.Got), Fix: "write every value on one line, in quotes"}
	case awsauth.NotAList:
		f = Finding{Message: pr.DataKey + " is " + pr.Got + ", not a list", Why: "and EKS reads nothing of it", Fix: `begin every entry with "- "`}
		return "AA104", f
	case awsauth.NotAMapping:
		return "AA104", Finding{Message: "this item is " + pr.Got + ", not an entry", Why: "and EKS drops it",
			Fix: "write - " + awsauth.ARNField(pr.DataKey) + ": ARN with username and groups below it, or remove the item"}
	case awsauth.NotAListOfGroups:
		f = Finding{Message: "groups is " + pr.Got + ", not a list", Why: "and EKS gives the entry no groups at all", Fix: `write every group on a line of its own after "- ", or groups: [] if none are meant`}
		if groups := groupList(pr.Value); pr.Got == "text" && groups != "" {
			f.Fix = "write groups: [" + bare(groups) + "]"
		}
		return "AA104", f
	case awsauth.NotText:
		f = Finding{Message: q(pr.Value) + " is " + pr.Got + ", not text", Why: "and EKS reads an empty text in its place, or drops it", Fix: "write one text, in quotes"}
		if pr.Want != "" {
			f.Fix = "write " + bare(pr.Want) + ", without a space after the colon"
		}
		return "AA104", f
	case awsauth.WrongCaseField:
		return "AA105", Finding{Message: q(pr.Value) + " is not how EKS spells it", Why: "and some versions of its parser ignore the field", Fix: "write " + pr.Want}
	case awsauth.MisplacedField:
		other := awsauth.MapUsers
		if pr.DataKey == awsauth.MapUsers {
			other = awsauth.MapRoles
		}
		return "AA105", Finding{Message: q(pr.Value) + " has no meaning under " + pr.DataKey, Why: "and EKS drops an entry without " + pr.Want,
			Fix: "move the entry to " + other + ", or write " + pr.Want}
	case awsauth.UnknownField:
		f = Finding{Message: q(pr.Value) + " is not a field of " + pr.DataKey, Why: "and EKS ignores it without an error",
			Fix: "remove it; the fields are " + awsauth.ARNField(pr.DataKey) + ", username and groups"}
		if pr.Want != "" {
			f.Fix = "write " + pr.Want
		}
		return "AA105", f
	case awsauth.MissingField:
		f = Finding{Message: pr.Want + " is missing", Why: "and EKS drops the entry", Fix: "add " + pr.Want + ": ..."}
		if pr.Want == "username" {
			f.Why = "and EKS would let the principal in under the empty name"
		}
		return "AA106", f
	case awsauth.EmptyGroup:
		f = Finding{Message: "an empty group", Why: "and nothing is bound to it", Fix: "remove the item"}
		if pr.Got == "" { // written so on purpose, as the EMR add-on of EKS Blueprints does; RBAC takes no subject without a name
			f.Severity, f.Why, f.Fix = Warning, "and nothing can be bound to it", "remove the item, or write groups: [] if none are meant"
		}
		return "AA107", f
	case awsauth.NoGroups:
		return "AA106", Finding{Severity: Warning, Message: "no groups", Why: "so the principal gets in but may do only what is bound to its username",
			Fix: "add groups, or groups: [] if none are meant"}
	}
	return "AA101", Finding{Message: "unreadable"} // no such code
}

// sayNotUTF8 speaks of bytes that are not valid UTF-8. The API server shows each of them as U+FFFD.
func sayNotUTF8(pr awsauth.Problem) Finding {
	f := Finding{Message: q(pr.Value) + " is not valid UTF-8", Why: "and EKS reads nothing of a " + pr.DataKey + " with such a byte: everybody in it would be locked out",
		Fix: "delete the byte, or type the text again"}
	if pr.Want == "" {
		f.Message = q(pr.Value) + " has the character U+FFFD in it, which may stand for a byte that is not valid UTF-8"
		f.Fix = "delete the character, or type it again"
	}
	if pr.Got != "1" {
		f.Fix = "delete all " + pr.Got + " of them, or type them again"
	}
	return f
}

var (
	conflictMarker = regexp.MustCompile(`^(<<<<<<<|=======|>>>>>>>)( |$)`)
	narrowColon    = regexp.MustCompile(`^(- )?\w+:\S`)
)

// sayIn puts a parser's complaint into an operator's words. line is the offending line.
func sayIn(parser, line string) (message, fix string) {
	this := "the text"
	if line != "" {
		this = q(line)
	}
	has := func(s string) bool { return strings.Contains(parser, s) }
	switch {
	case conflictMarker.MatchString(line):
		return this + " is the mark of a merge conflict", "keep one of the two sides, and remove the lines with <<<<<<<, ======= and >>>>>>>"
	case has("tab character"):
		return this + " is indented with a tab", "use spaces instead, as many as in the lines around it"
	case has("cannot start any token"):
		return this + " begins with a character that a text cannot begin with", "put the text in quotes"
	case has("control characters"):
		return "the text has a control character in it", "delete it"
	case has("comment without preceding whitespace"):
		return this + " has a comment without a space before it", "put a space before the #"
	case has("mapping values are not allowed"):
		return this + " has a colon where no key can stand", "indent the line like its neighbours, or put a text that holds \": \" in quotes"
	case has("'-' indicator"):
		return this + " is out of step with the list that it stands in", "begin entries with \"- \", all equally far from the left, with their fields two spaces further in"
	case has("did not find expected key"):
		return this + " is out of step with the lines above", "indent it exactly like the other fields of its entry"
	case has("could not find expected ':'") && narrowColon.MatchString(line):
		return this + " has no space after its colon", "write " + bare(strings.Replace(line, ":", ": ", 1))
	case has("could not find expected ':'"):
		return this + " is a key without a colon", "write key: value"
	case has("unexpected end of stream"):
		return this + " opens a quote that is never closed", "close the quote"
	case has("unknown anchor"):
		return this + " has an alias without an anchor", "write out the text that is meant"
	case has("excessive aliasing"):
		return "the aliases grow into more than any parser takes", "write out the text that is meant"
	case has("depth"):
		return "the text is nested deeper than any parser goes", "write a plain list of entries"
	case has("',' or ']'") || has("',' or '}'") || has("flow"):
		return this + " opens a bracket that is never closed, or lacks a comma", "close the bracket"
	case has("invalid map key"):
		return "a key is a mapping or a list", "put texts that begin with { or [ in quotes"
	case has("unknown escape character"):
		return this + " has a backslash that means nothing in double quotes", "use single quotes"
	}
	return this + " is not YAML: " + bare(parser), "correct the line"
}
