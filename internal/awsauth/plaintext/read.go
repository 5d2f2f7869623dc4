package plaintext

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Text is an edited text that was read.
type Text struct {
	// Data is what it says.
	Data map[string]string
	// Problems are with the lines around the values. Data is not to be used if there are some.
	Problems []Problem

	// sections are the values as they are read, and ended those of them that are not empty and read to their end.
	sections, ended map[string]section
}

// Problem is a line that belongs to no value.
type Problem struct {
	Line         int // from 1
	Message, Fix string
}

// section is where a value is: the line of its key and that of its first line, from 1.
type section struct {
	key, first int
	lines      []string
	inline     bool // the value begins behind the key
}

// blockHeader is what people write behind a key out of habit, since ConfigMaps have it there.
var blockHeader = regexp.MustCompile(`^[|>][+-]?[1-9]?[+-]?([ \t]+#.*)?$`)

// Read reads an edited text. was is the data that it was written from.
func Read(text string, was map[string]string) *Text {
	if hasCRLF(text) {
		text = strings.ReplaceAll(text, "\r\n", "\n") // the editor's
	}
	t := &Text{Data: maps.Clone(was), sections: map[string]section{}, ended: map[string]section{}}
	if t.Data == nil {
		t.Data = map[string]string{}
	}
	t.cut(text, Keys(was))
	for _, key := range Keys(was) {
		old, had := was[key]
		s, there := t.sections[key]
		value := ""
		if there {
			value = s.value(old)
		}
		switch {
		case had && slices.Contains(awsauth.Keys, key), value != "":
			t.Data[key] = value // a value that is gone is empty: both mean the same to EKS
		case !there:
			delete(t.Data, key)
		case had:
			t.Data[key] = value
		}
	}
	return t
}

// cut cuts a text at the lines that begin a value.
func (t *Text) cut(text string, known []string) {
	current := ""
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		number := i + 1
		m := keyLine.FindStringSubmatch(line)
		if m == nil || m[1] != m[3] {
			t.add(current, line, number)
			continue
		}
		current = m[2]
		if !slices.Contains(known, current) {
			t.unknown(current, number, known)
			current = unknownKey
			continue
		}
		t.begin(current, strings.TrimSpace(m[4]), number)
	}
	for _, key := range known {
		t.end(key)
	}
	maps.Copy(t.sections, t.ended)
}

// unknownKey is where the lines below a key go that is not known. No ConfigMap has such a key.
const unknownKey = "?"

// begin begins a value.
func (t *Text) begin(key, rest string, number int) {
	s := section{key: number, first: number + 1}
	if rest != "" && !blockHeader.MatchString(rest) {
		s.first, s.inline, s.lines = number, true, []string{rest}
	}
	t.end(key)
	t.sections[key] = s
}

// end is where a value ends that may be there twice. All but one of them may be empty.
func (t *Text) end(key string) {
	s, ok := t.sections[key]
	if !ok || s.blank() {
		return
	}
	if first, twice := t.ended[key]; twice {
		t.Problems = append(t.Problems, Problem{s.key, fmt.Sprintf("%s appears twice", key),
			fmt.Sprintf("remove one of them: the first is on line %d", first.key)})
	}
	t.ended[key] = s
}

func (s section) blank() bool {
	return !slices.ContainsFunc(s.lines, func(l string) bool { return strings.TrimSpace(l) != "" })
}

// add adds a line to a value. Before the first key only comments are allowed.
func (t *Text) add(key, line string, number int) {
	switch body := strings.TrimSpace(line); {
	case key == "" && (body == "" || body[0] == '#'), key == unknownKey:
	case key == "":
		t.Problems = append(t.Problems, Problem{number, fmt.Sprintf("%q is above the first key", body),
			"write it below mapRoles:, mapUsers: or mapAccounts:"})
	default:
		s := t.sections[key]
		s.lines = append(s.lines, line)
		t.sections[key] = s
	}
}

// entryFields are the fields of an entry, which begin a line only where the indentation is missing.
var entryFields = []string{"rolearn", "userarn", "username", "groups", "sso", "userid"}

func (t *Text) unknown(key string, number int, known []string) {
	p := Problem{Line: number, Message: fmt.Sprintf("%q is not a key of aws-auth", key)}
	switch near := nearest(key, known); {
	case slices.Contains(entryFields, strings.ToLower(key)):
		p.Message, p.Fix = fmt.Sprintf("%q is not indented", key), "indent the line as far as the other fields of the entry"
	case near != "":
		p.Fix = "write " + near
	default:
		p.Fix = "remove the line; EKS reads mapRoles, mapUsers and mapAccounts"
	}
	t.Problems = append(t.Problems, p)
}

// nearest is the key that was meant, "" if none is near.
func nearest(word string, known []string) string {
	best, most := "", 3
	for _, key := range known {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(key), nil); d < most {
			best, most = key, d
		}
	}
	return best
}

// value is what a section says, with the line ends and the end of the old value.
func (s section) value(was string) string {
	strip := s.strip()
	lines := make([]string, len(s.lines))
	for i, line := range s.lines {
		spaces := min(strip, len(line)-len(strings.TrimLeft(line, " ")))
		lines[i] = line[spaces:]
	}
	if s.blank() && strings.TrimSpace(was) == "" {
		return was
	}
	text := strings.TrimRight(strings.Join(lines, "\n"), "\n")
	if strings.TrimSpace(text) == "" {
		return ""
	}
	ends := 1
	if strings.TrimSpace(was) != "" {
		ends = len(shown(was)) - len(strings.TrimRight(shown(was), "\n"))
	}
	text += strings.Repeat("\n", ends)
	if hasCRLF(was) {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}

// strip is how many spaces the lines of a value are behind: two, or fewer if one of them that is no comment is.
func (s section) strip() int {
	strip := len(indent)
	for i, line := range s.lines {
		body := strings.TrimLeft(line, " ")
		if strings.TrimSpace(body) != "" && body[0] != '#' && !(s.inline && i == 0) {
			strip = min(strip, len(line)-len(body))
		}
	}
	return strip
}

// Line is the line of the text that a line of a value is on, from 1; that of the key for line 0. It is 0 for a key that is
// not there.
func (t *Text) Line(key string, line int) int {
	s, ok := t.sections[key]
	switch {
	case !ok:
		return 0
	case line < 1:
		return s.key
	}
	return s.first + min(line, max(len(s.lines), 1)) - 1
}
