package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// surroundings are a line of a value and the lines around it, from which a rule derives what was meant. Nothing here is parsed: these
// are lines that are not YAML, or not the YAML that was meant.
type surroundings struct {
	*value
	at int // the index of the line; out of range where there is none
}

// value is a value of the object, cut into lines, and into entries when the first of them is asked for: there may be thousands of
// problems in a megabyte.
type value struct {
	lines   []string
	entries []writtenEntry // once they are known
	known   bool
	// looked are the lines in which a special blank was looked for, and arns those in which an ARN was: a line may have thousands of
	// problems.
	looked map[int]lookedFor
	arns   map[int]lineARN
}

// lineARN is the first ARN on a line, and whether another follows.
type lineARN struct {
	arn     string
	several bool
}

// writtenEntry are the lines of an entry: from start to the one before end.
type writtenEntry struct {
	start, end int
	arn        string
}

// lookedFor is a fault that was looked for, and whether it was found.
type lookedFor struct {
	lineFault
	found bool
}

// far bounds how many lines are looked at one by one, whatever the value is.
const far = 100

// near is far for what may be looked for at every line of an entry.
const near = 20

// maxLine is how much of a line is looked at, in bytes. An ARN with the longest path has some 640.
const maxLine = 1024

// texts are the values of an object, each cut when it is asked for.
type texts struct {
	object *corev1.ConfigMap
	values map[string]*value
}

func (t *texts) around(p awsauth.Problem) surroundings {
	if t.values == nil {
		t.values = map[string]*value{}
	}
	v, ok := t.values[p.DataKey]
	if !ok {
		v = &value{lines: strings.Split(t.object.Data[p.DataKey], "\n")}
		t.values[p.DataKey] = v
	}
	return surroundings{v, p.Line - 1}
}

// line is a line by its index, "" if there is none.
func (v *value) line(i int) string {
	if i < 0 || i >= len(v.lines) {
		return ""
	}
	l := v.lines[i]
	if len(l) > maxLine {
		l = strings.ToValidUTF8(l[:maxLine], "")
	}
	return strings.TrimSuffix(l, "\r")
}

// cutEntries finds the lines with which the entries begin, and their ARNs.
func (v *value) cutEntries() {
	v.known = true
	for i := range v.lines {
		l := v.line(i)
		if body := strings.TrimLeft(l, " \t"); body != "" && strings.IndexAny(body, "-–—−•") == 0 && entryStart.MatchString(l) {
			v.entries = append(v.entries, writtenEntry{start: i})
		}
		last := len(v.entries) - 1
		if last < 0 {
			continue
		}
		v.entries[last].end = i + 1
		if v.entries[last].arn == "" && strings.Contains(l, "arn:") {
			v.entries[last].arn = arnIn(l)
		}
	}
}

func arnIn(line string) string {
	if m := arnOfEntry.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// own is the line itself, and body what it says.
func (s surroundings) own() string  { return s.line(s.at) }
func (s surroundings) body() string { return strings.TrimSpace(s.own()) }

// A field that EKS reads, with the text before it, and the beginning of an entry.
var (
	fieldLine  = regexp.MustCompile(`^( *)(- *)?(rolearn|userarn|username|groups|userid)(\s*:.*|)$`)
	entryStart = regexp.MustCompile(`(?i)^[ \t]*[-–—−•][ \x{a0}]*\{?["']?(?:rolearn|userarn|username|groups|userid|sso)\b`)
	arnField   = regexp.MustCompile(`(?i)\b(?:rolearn|userarn)["']?\s*:`)
	arnOfEntry = regexp.MustCompile(`(?i)^[^#]*?(?:rolearn|userarn)\s*["']?\s*:\s*["']?(arn:[^\s"',}#]+)`)
)

// entry is the entry around the line; ok is false if there is none.
func (s surroundings) entry() (e writtenEntry, ok bool) {
	if !s.known {
		s.cutEntries()
	}
	i, _ := slices.BinarySearchFunc(s.entries, s.at, func(e writtenEntry, at int) int { return cmp.Compare(e.start, at+1) })
	if i == 0 || s.at >= s.entries[i-1].end {
		return e, false
	}
	return s.entries[i-1], true
}

// arn is the ARN of the entry around the line as it is written, "" if there is none.
func (s surroundings) arn() string {
	if s.several() {
		return ""
	}
	if own := s.onLine().arn; own != "" {
		return own
	}
	e, _ := s.entry()
	return e.arn
}

// onLine is what the line says of the entry it is in.
func (s surroundings) onLine() lineARN {
	own, known := s.arns[s.at]
	if !known {
		if s.arns == nil {
			s.arns = map[int]lineARN{}
		}
		own.arn = arnIn(s.own())
		if own.arn != "" && s.at < len(s.lines) {
			own.several = len(arnField.FindAllStringIndex(s.lines[s.at], 2)) > 1
		}
		s.arns[s.at] = own
	}
	return own
}

// several reports that several entries are on the line, as in JSON, so that it does not show which of them is meant.
func (s surroundings) several() bool { return s.onLine().several }

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
	e, _ := s.entry()
	for i := e.start; i < min(e.end, e.start+far); i++ {
		if m := usernameOfEntry.FindStringSubmatch(s.line(i)); m != nil {
			return strings.TrimSpace(m[1])
		}
	}
	return ""
}

// inEntry adds to a message which entry it is about, if that is known and not said.
func (s surroundings) inEntry(message string) string {
	if arn := phrase.Bare(s.arn()); arn != "" && !strings.Contains(message, arn) {
		return message + ", in the entry for " + arn
	}
	return message
}

// shown is a line or value as a message repeats it: in quotes, or in backticks if it has quotes itself, which would have to be
// escaped.
func shown(s string) string {
	switch {
	case !strings.Contains(s, `"`):
		return phrase.Quote(s)
	case strings.Contains(s, "`"):
		return phrase.Bare(s)
	}
	return "`" + phrase.Bare(s) + "`"
}
