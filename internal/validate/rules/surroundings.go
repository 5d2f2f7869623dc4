package rules

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// surroundings are a line of a value and the lines around it, from which a rule tells what was meant. Nothing here is parsed: these
// are lines that are not YAML, or not the YAML that was meant.
type surroundings struct {
	lines []string
	at    int // the index of the line; out of range where there is none
}

// far bounds how many lines are looked at in each direction, whatever the value is.
const far = 100

// texts are the values of an object, cut into lines when the first of them is asked for.
type texts struct {
	object *corev1.ConfigMap
	lines  map[string][]string
}

func (t *texts) around(p awsauth.Problem) surroundings {
	if t.lines == nil {
		t.lines = map[string][]string{}
	}
	lines, ok := t.lines[p.DataKey]
	if !ok {
		lines = strings.Split(t.object.Data[p.DataKey], "\n")
		t.lines[p.DataKey] = lines
	}
	return surroundings{lines, p.Line - 1}
}

// line is a line by its index, "" if there is none.
func (s surroundings) line(i int) string {
	if i < 0 || i >= len(s.lines) {
		return ""
	}
	return strings.TrimSuffix(s.lines[i], "\r")
}

// own is the line itself, and body what it says.
func (s surroundings) own() string  { return s.line(s.at) }
func (s surroundings) body() string { return strings.TrimSpace(s.own()) }

// A field that EKS reads, with what stands before it, and the beginning of an entry.
var (
	fieldLine  = regexp.MustCompile(`^( *)(- *)?(rolearn|userarn|username|groups|userid)(\s*:.*|)$`)
	entryStart = regexp.MustCompile(`(?i)^[ \t]*[-–—−•][ \x{a0}]*\{?["']?(?:rolearn|userarn|username|groups|userid|sso)\b`)
	arnOfEntry = regexp.MustCompile(`(?i)^[^#]*?(?:rolearn|userarn)\s*["']?\s*:\s*["']?(arn:[^\s"',}#]+)`)
)

// start is the line with which the entry around the line begins, and end the one after its last; ok is false if none is near.
func (s surroundings) entry() (start, end int, ok bool) {
	for start = s.at; start >= 0 && s.at-start < far; start-- {
		if !entryStart.MatchString(s.line(start)) {
			continue
		}
		for end = start + 1; end < len(s.lines) && end-start < 2*far && !entryStart.MatchString(s.line(end)); end++ { //nolint:revive // only counts
		}
		return start, end, true
	}
	return 0, 0, false
}

// arn is the ARN of the entry around the line as it is written, "" if there is none.
func (s surroundings) arn() string {
	if m := arnOfEntry.FindStringSubmatch(s.own()); m != nil {
		return m[1]
	}
	start, end, ok := s.entry()
	for i := start; ok && i < end; i++ {
		if m := arnOfEntry.FindStringSubmatch(s.line(i)); m != nil {
			return m[1]
		}
	}
	return ""
}

// named is how a message names the entry around the line.
func (s surroundings) named() string {
	if arn := s.arn(); arn != "" {
		return phrase.Bare(arn)
	}
	return thisEntry
}

var usernameOfEntry = regexp.MustCompile(`^\s*(?:- *)?username\s*:\s*(\S.*)$`)

// username is that of the entry around the line as it is written, "" if there is none.
func (s surroundings) username() string {
	start, end, ok := s.entry()
	for i := start; ok && i < end; i++ {
		if m := usernameOfEntry.FindStringSubmatch(s.line(i)); m != nil {
			return strings.TrimSpace(m[1])
		}
	}
	return ""
}

// inEntry adds to a message which entry it is about, if that is known and not said.
func (s surroundings) inEntry(message string) string {
	if arn := phrase.Bare(s.arn()); arn != "" && !strings.Contains(message, arn) {
		return message + ", in the entry of " + arn
	}
	return message
}

// shown is a line or value as a message repeats it: in quotes, unless it has quotes itself, which would have to be escaped.
func shown(s string) string {
	if strings.Contains(s, `"`) {
		return phrase.Bare(s)
	}
	return phrase.Quote(s)
}
