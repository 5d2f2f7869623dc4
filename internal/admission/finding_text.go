package admission

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// A denial is read at 80 columns, in the editor that kubectl edit opens again. It puts "# * FIELD: " before a cause and "# "
// before each further line of it (k8s.io/kubectl pkg/cmd/util/editor, editHeader.writeTo and hashOnLineBreak); kubectl apply
// prints the same without the #.
const (
	causeWidth  = 78
	causeIndent = "    "
	// maxPart bounds each part of a cause, in characters, and maxLines the lines to paste.
	maxPart  = 500
	maxLines = 20
	// maxWarning and maxError bound a warning, and the text of another error, in characters.
	maxWarning = 249
	maxError   = 1200
	// minMessage is how much of the problem, and of the field, a warning has at least, in characters.
	minMessage = 40
)

// cause is what a denial says of a finding: the rule and the problem, the fix, the lines to paste, the reason, each beginning a
// line. Each is cleaned by itself, so that only this function breaks lines, and no value can make up a fix.
func cause(f validate.Finding) string {
	message, first := clip(oneLine(f.Message), maxPart), len("* ")+displaywidth.String(f.Field+": "+f.Head()+" ")
	lines := []string{f.Head()}
	if first+displaywidth.String(message) <= causeWidth {
		lines[0] += " " + message
	} else {
		lines = append(lines, phrase.Hang(causeIndent, message, causeWidth)...)
	}
	if f.Fix != "" {
		lines = append(lines, phrase.Hang(causeIndent+"fix: ", clip(oneLine(f.Fix), maxPart), causeWidth)...)
	}
	for i, l := range f.Lines {
		if i == maxLines {
			lines = append(lines, fmt.Sprintf("%s  # %d more lines; see them all with `kubectl awsauth check`", causeIndent, len(f.Lines)-maxLines))
			break
		}
		lines = append(lines, causeIndent+"  "+clip(oneLine(l), maxPart))
	}
	if f.Why != "" {
		lines = append(lines, phrase.Hang(causeIndent+"why: ", clip(oneLine(f.Why), maxPart), causeWidth)...)
	}
	return strings.Join(lines, "\n")
}

// warning is a finding on one short line, since the API server allows no line breaks there: the reason is left out first if it
// does not fit, then the end of the problem, then a long field. A fix that does not fit even so is not cut: the warning says where to read it.
func warning(f validate.Finding) string {
	head := oneLine(f.Field + ": " + f.Head() + " ")
	message, there, fix, why := oneLine(f.Message), "", "", ""
	if f.Preexisting {
		there = " (already there)"
	}
	if f.Fix != "" {
		fix = "; fix: " + strings.TrimSuffix(oneLine(f.Fix), ":") // what follows it is left out
	}
	if f.Why != "" {
		why = "; why: " + oneLine(f.Why)
	}
	tail := there + fix
	for _, s := range []string{head + message + tail + why, head + message + tail} {
		if utf8.RuneCountInString(s) <= maxWarning {
			return s
		}
	}
	room := maxWarning - utf8.RuneCountInString(head+tail)
	if room < minMessage {
		head = clip(oneLine(f.Field), minMessage) + ": " + oneLine(f.Head()) + " "
		room = maxWarning - utf8.RuneCountInString(head+tail)
	}
	if room < minMessage { // half a fix is worse than where to read it
		tail = there + "; fix: see `kubectl awsauth check`"
		room = maxWarning - utf8.RuneCountInString(head+tail)
	}
	return head + clip(message, room) + tail
}

// oneLine replaces what the API server refuses in a warning, and what would disturb a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
}

func clip(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-3]) + "..."
}
