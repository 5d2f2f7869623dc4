package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// complaint puts a parser's complaint into an operator's words: what is wrong with the line that it is about, and what to type.
func complaint(parser, line string, s surroundings) (message, fix string) {
	if f, ok := markup(s); ok {
		return s.inEntry(f.message), f.fix
	}
	this := "the value"
	if line != "" {
		this = shown(line)
	}
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(parser, w) {
				return true
			}
		}
		return false
	}
	say := func(message, fix string, looks ...func(surroundings) (lineFault, bool)) (string, string) {
		if f, ok := s.first(looks...); ok {
			message, fix = f.message, f.fix
		}
		return s.inEntry(message), fix
	}
	switch {
	case conflictMarker.MatchString(line):
		f := conflictIn(line)
		return f.message, f.fix
	case has("tab character"):
		return say(this+" is indented with a tab", "replace the tab with as many spaces as the lines around it have")
	case has("cannot start any token", "alphabetic or numeric"):
		return say(this+" has a value that begins with a reserved character", "put the value in quotes", reservedStart)
	case has("control characters"):
		return say("the value has a control character in it", "delete it")
	case has("comment without preceding whitespace"):
		return say(this+" has a comment without a space before it", "put a space before the #")
	case has("mapping values are not allowed"):
		return say(this+" has a colon where no field can begin", `indent the line like the lines around it, or put a value that has ": " in it in quotes`, colonInValue)
	case has("'-' indicator"):
		return say(this+" is indented unlike the list around it", `begin each entry with "- ", all with the same indentation, and its fields 2 spaces further in`, commaAtEnd, behindQuote)
	case has("did not find expected key"):
		return say(this+" does not fit the lines above it", "indent it in line with the other fields of its entry", quoteAbove, commaAtEnd, behindQuote, openQuote)
	case has("could not find expected ':'"):
		return say(this+" is a field without a colon", "write it as FIELD: VALUE, or begin it with - if it is a group")
	case has("unexpected end of stream"):
		return say(this+" opens a quote that is never closed", "close the quote", openQuote)
	case has("unknown anchor"):
		return say(this+" has an alias without an anchor", "write out what is meant, in quotes", reservedStart)
	case has("excessive aliasing"):
		return "the aliases grow into more than any parser reads", "write out what is meant instead of each alias"
	case has("depth"):
		return "the value is nested deeper than any parser reads", "write a plain list of entries"
	case has("',' or ']'", "',' or '}'", "flow"):
		return say(this+" opens a bracket that is never closed, or lacks a comma", "close the bracket", openBracket)
	case has("invalid map key"):
		return say("a key is a mapping or a list", "put strings that begin with { or [ in quotes")
	case has("unknown escape character"):
		return say(this+" has a backslash that means nothing in double quotes", "use single quotes", backslash)
	}
	return say(this+" is not YAML: "+phrase.Bare(parser), "write the value in quotes, or remove the line")
}
