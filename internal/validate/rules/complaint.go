package rules

import (
	"regexp"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

var (
	conflictMarker = regexp.MustCompile(`^(<<<<<<<|=======|>>>>>>>)( |$)`)
	narrowColon    = regexp.MustCompile(`^(- )?\w+:\S`)
)

// complaint puts a parser's complaint into an operator's words. line is the offending line.
func complaint(parser, line string) (message, fix string) {
	this := "the text"
	if line != "" {
		this = phrase.Quote(line)
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
		return this + " has no space after its colon", "write " + phrase.Bare(strings.Replace(line, ":", ": ", 1))
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
	return this + " is not YAML: " + phrase.Bare(parser), "correct the line"
}
