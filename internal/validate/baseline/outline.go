package baseline

import (
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// outline is what is in a text that need not be YAML: its fragments, and which of them are one entry.
type outline struct {
	fragments []fragment
	// lines[n-1] is the first fragment of line n, if that has any, or else the next one.
	lines   []int
	entries []outlined
	arns    map[string]bool // of the entries
	lenient bool
	places  map[content][]int // made when first asked for
}

// fragment is a key with its value as far as it is on the same line, an item of a list, a comment, or what else is on a line.
type fragment struct {
	content
	column int // in characters, from 1
	entry  int
	dash   bool // an entry begins with it
	again  bool // the entry has its key before
}

// content is what two fragments have in common that say the same.
type content struct {
	kind kind
	key  string // of a keyed one
	text string // without what separates it from others
}

type kind int

const (
	other kind = iota
	keyed
	item
	comment
	again // a key that the entry had before; no fragment is only that
)

// outlined is one entry.
type outlined struct {
	arn string
	has []string // the fields with a value, of those that EKS knows
}

// outliner reads a text line by line.
type outliner struct {
	*outline                // if it is lenient, a field that EKS knows is one without its colon, or without a blank behind that or behind its dash, too
	joined   bool           // it lost its line breaks, and so the end of its comments
	open     string         // the last key, if its value may be on the next lines
	inside   int            // and the byte of its line that it begins at
	dash     bool           // a dash or a brace was the last
	keyOf    map[string]int // the last entry that has a key, from 1
	buffer   []mark
}

// outlineOf reads a text. Where it is no YAML, lenient finds what was meant.
func outlineOf(text string, lenient bool) *outline {
	r := outliner{outline: &outline{entries: make([]outlined, 1), arns: map[string]bool{}, lenient: lenient}, keyOf: map[string]int{}}
	r.joined = lenient && !strings.Contains(strings.TrimSpace(text), "\n")
	for line := range strings.SplitSeq(text, "\n") {
		r.lines = append(r.lines, len(r.fragments))
		r.read(line)
	}
	r.lines = append(r.lines, len(r.fragments))
	return r.outline
}

// at is the fragment at a place: the last one of the line that begins there or before, or its first; -1 if it has none.
func (o *outline) at(line, column int) int {
	if line < 1 || line >= len(o.lines) || o.lines[line-1] == o.lines[line] {
		return -1
	}
	first := o.lines[line-1]
	behind := sort.Search(o.lines[line]-first, func(i int) bool { return o.fragments[first+i].column > column })
	return first + max(behind-1, 0)
}

// with are the fragments that have a content.
func (o *outline) with(c content) []int {
	if o.places == nil {
		o.places = map[content][]int{}
		for i, f := range o.fragments {
			o.places[f.content] = append(o.places[f.content], i)
			if f.again {
				as := content{kind: again, key: f.key}
				o.places[as] = append(o.places[as], i)
			}
		}
	}
	return o.places[c]
}

// lacked reports that a fragment is without its dash, or its entry without a field: see rule.Finding.
func (o *outline) lacked(f fragment, what string) bool {
	switch what {
	case "":
		return true
	case rule.Dash:
		return !f.dash
	}
	return !slices.Contains(o.entries[f.entry].has, what)
}

// mark is where a fragment begins in a line, and its text.
type mark struct {
	at, text int
	kind     kind
	key      string
	dash     bool
}

func (r *outliner) read(line string) {
	if strings.Trim(line, blanks) == "" {
		if strings.Contains(line, "\t") { // which may be why it is no YAML
			r.add(fragment{content: content{text: line}, column: 1}, 0, 0)
		}
		return
	}
	marks := r.marks(line)
	column, counted := 1, 0
	for i, m := range marks {
		end := len(line)
		if i+1 < len(marks) {
			end = marks[i+1].at
		}
		text := line[m.text:end]
		if m.kind != comment {
			text = r.separated(text)
		}
		column += utf8.RuneCountInString(line[counted:m.at])
		counted = m.at
		f := fragment{content: content{m.kind, m.key, strings.Trim(text, blanks)}, column: column, dash: m.dash}
		r.add(f, m.text-len(m.key)-1, len(line)-len(strings.TrimLeft(line, blanks)))
	}
}

// marks finds the fragments of a line.
func (r *outliner) marks(line string) []mark {
	marks := append(r.buffer[:0], mark{kind: other})
	defer func() { r.buffer = marks }()
	for at := 0; at < len(line); at++ {
		rest, last := line[at:], &marks[len(marks)-1]
		switch {
		case !r.mayBegin(line, at):
		case rest[0] == '#' && (at == 0 || strings.IndexByte(blanks, line[at-1]) >= 0):
			marks = append(marks, mark{at: at, text: at, kind: comment})
			if !r.joined {
				return marks
			}
		case rest[0] == '-' && (len(rest) == 1 || strings.IndexByte(blanks, rest[1]) >= 0 || r.lenient && known(rest[1:])):
			if last.kind != item || strings.Trim(line[last.text:at], blanks) != "" { // an item that is a list is one
				marks = append(marks, mark{at: at, text: at + 1, kind: item})
			}
		default:
			key, length := r.keyAt(rest)
			if key == "" || r.lenient && last.kind == keyed && at+length == len(line) && !known(rest) { // groups: viewers:
				continue
			}
			m := mark{at: at, text: at + length, kind: keyed, key: key}
			before := strings.Trim(line[last.text:at], blanks)
			if m.dash = strings.HasSuffix(before, "{"); m.dash {
				m.at = strings.LastIndexByte(line[:at], '{')
			}
			if last.kind != keyed && strings.Trim(before, blanks+"[{") == "" { // - rolearn: or [{rolearn:
				m.at, m.dash = last.at, m.dash || last.kind == item
				*last = m
			} else {
				marks = append(marks, m)
			}
			at += length - 1
		}
	}
	return marks
}

// mayBegin reports that a fragment may begin at a byte of a line.
func (r *outliner) mayBegin(line string, at int) bool {
	if at == 0 || strings.IndexByte(blanks+"{[,", line[at-1]) >= 0 {
		return true
	}
	if at > 1 && line[at-2] == '\\' && strings.IndexByte("nrt", line[at-1]) >= 0 { // a text that lost its line breaks
		return true
	}
	before, _ := utf8.DecodeLastRuneInString(line[:at])
	return r.lenient && (unicode.IsSpace(before) || !unicode.IsLetter(before) && !unicode.IsDigit(before) && known(line[at:]))
}

// keyAt is the key that a text begins with, without its quotes, and how long it is with them and its colon; "" if it
// begins with none.
func (r *outliner) keyAt(s string) (key string, length int) {
	from := 0
	if s[0] == '"' || s[0] == '\'' {
		from = 1
	}
	long := strings.IndexFunc(s[from:], func(c rune) bool { return !inKey(c) })
	if long <= 0 || from == 1 && s[from+long] != s[0] {
		return "", 0
	}
	key = s[from : from+long]
	value, found := strings.CutPrefix(strings.TrimLeft(s[from+long+from:], blanks), ":")
	if found && (from == 1 || value == "" || strings.IndexByte(blanks+`\`, value[0]) >= 0 || r.lenient && known(s)) {
		return key, len(s) - len(value)
	}
	if from == 0 && r.lenient && known(key+":") && s[long] == ' ' { // username ci
		return key, long + 1
	}
	return "", 0
}

func inKey(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("_-.", c)
}

// known reports that a text begins with a field that EKS knows, and its colon.
func known(s string) bool {
	return slices.ContainsFunc([]string{"rolearn", "userarn", "username", "groups"}, func(field string) bool {
		return len(s) > len(field) && s[len(field)] == ':' && strings.EqualFold(s[:len(field)], field)
	})
}

// add takes up a fragment, and the entry that it begins or is of. Its key begins at the byte at of a line that is indented.
func (r *outliner) add(f fragment, at, indented int) {
	f.dash = f.kind == keyed && (f.dash || r.dash)
	if f.kind != comment && (f.kind != other || f.text != "") {
		r.dash = f.kind != keyed && strings.Trim(f.text, "[{") == ""
	}
	if f.text == "" && f.kind == other {
		return
	}
	arn := f.kind == keyed && (f.key == awsauth.ARNField(awsauth.MapRoles) || f.key == awsauth.ARNField(awsauth.MapUsers))
	if f.dash || arn && r.entries[len(r.entries)-1].arn != "" {
		r.entries = append(r.entries, outlined{})
	}
	f.entry = len(r.entries) - 1
	if f.kind == keyed {
		f.again = r.keyOf[f.key] == len(r.entries)
		r.keyOf[f.key] = len(r.entries)
	}
	e := &r.entries[f.entry]
	switch {
	case f.kind == comment:
	case r.open != "" && (f.kind == item && indented >= r.inside && f.text != "" || f.kind == other && indented > r.inside && strings.ContainsFunc(f.text, inKey)):
		e.add(r.open)
		r.open = ""
	case f.kind == keyed && f.text == "":
		r.open, r.inside = f.key, at
	case f.kind == keyed && !empty[f.text]:
		e.add(f.key)
		r.open = ""
		if arn {
			e.arn = f.text
			r.arns[f.text] = true
		}
	case f.kind == keyed:
		r.open = ""
	}
	r.fragments = append(r.fragments, f)
}

// add takes up a field that has a value.
func (e *outlined) add(key string) {
	if known(key+":") && !slices.Contains(e.has, key) {
		e.has = append(e.has, key)
	}
}

// empty are the values that are none.
var empty = map[string]bool{"~": true, "null": true, `""`: true, "''": true}

// blanks are what may be around a fragment.
const blanks = " \t\r\ufeff"

// unescaped is a text without the line breaks at its end that are written as escapes, and the quote behind them.
func unescaped(s string) string {
	end := len(strings.TrimRight(s, `"'`))
	at := end
	for at > 1 && s[at-2] == '\\' && strings.IndexByte("nrt", s[at-1]) >= 0 {
		at -= 2
	}
	if at == end {
		return s
	}
	return s[:at]
}

// separated is a text without what separates it from others. In a lenient outline, a colon is one more of these.
func (r *outliner) separated(s string) string {
	s = strings.TrimRight(own(s), blanks+",")
	s = strings.TrimRight(unescaped(s), blanks+",")
	if r.lenient {
		s = strings.TrimRight(strings.TrimFunc(s, unicode.IsSpace), ":")
	}
	return s
}

// own is a text up to the first bracket or brace that closes what it has not opened.
func own(s string) string {
	brackets, braces := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[':
			brackets++
		case '{':
			braces++
		case ']':
			brackets--
		case '}':
			braces--
		}
		if brackets < 0 || braces < 0 {
			return s[:i]
		}
	}
	return s
}
