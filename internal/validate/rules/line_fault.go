package rules

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// lineFault is what is wrong with a line, as far as it shows from the line and its neighbours. A parser's complaint says where it
// gave up, and not what to type.
type lineFault struct{ message, fix string }

// first is the first fault that is found; ok is false if none is.
func (s surroundings) first(looks ...func(surroundings) (lineFault, bool)) (f lineFault, ok bool) {
	for _, look := range looks {
		if f, ok := look(s); ok {
			return f, true
		}
	}
	return f, false
}

// markup is a fault of what begins a line: what it is indented with, its dash, its field name. The line has it whatever the parser
// says.
func markup(s surroundings) (lineFault, bool) {
	return s.first(conflict, tabIndent, specialBlank, otherDash, dashWithoutSpace, colonWithoutSpace, fieldWithoutColon,
		dashOfEntry, indentOfField, indentOfEntry, indentOfGroup)
}

var conflictMarker = regexp.MustCompile(`^(<<<<<<<|=======|>>>>>>>)( |$)`)

func conflict(s surroundings) (lineFault, bool) {
	for i := s.at; i >= 0 && s.at-i < 3; i-- {
		if line := s.line(i); conflictMarker.MatchString(line) {
			return lineFault{shown(line) + " is the mark of a merge conflict", "keep one of the two sides, and remove the lines with <<<<<<<, ======= and >>>>>>>"}, true
		}
	}
	return lineFault{}, false
}

// cut cuts a line into what it is indented with and the rest.
func cut(line string) (indent, rest string) {
	rest = strings.TrimLeftFunc(line, unicode.IsSpace)
	return line[:len(line)-len(rest)], rest
}

func tabIndent(s surroundings) (lineFault, bool) {
	indent, rest := cut(s.own())
	if !strings.Contains(indent, "\t") || rest == "" {
		return lineFault{}, false
	}
	fix := "use spaces instead, as many as in the lines around it"
	if column, ok := s.fieldColumn(); ok && fieldLine.MatchString(rest) {
		fix = "indent it with " + spaces(column) + " instead of the tab"
	}
	return lineFault{shown(strings.TrimSpace(rest)) + " is indented with a tab", fix}, true
}

// blankName names a blank that looks like a space and is none.
func blankName(r rune) string {
	if r == 0x00A0 {
		return "a no-break space (U+00A0)"
	}
	return fmt.Sprintf("a special space (%U)", r)
}

func isSpecialBlank(r rune) bool { return r != ' ' && unicode.Is(unicode.Zs, r) }

// plainBlanks replaces them by normal spaces.
func plainBlanks(s string) string {
	return strings.Map(func(r rune) rune {
		if isSpecialBlank(r) {
			return ' '
		}
		return r
	}, s)
}

// blankAfter finds the blank after a dash, or after the colon of a field.
var blankAfter = regexp.MustCompile(`^((?:- )?\w+:|-)(\p{Zs})`)

func specialBlank(s surroundings) (lineFault, bool) {
	indent, rest := cut(s.own())
	plain := strings.TrimSpace(plainBlanks(rest))
	if i := strings.IndexFunc(indent, isSpecialBlank); i >= 0 {
		r, _ := utf8.DecodeRuneInString(indent[i:])
		return lineFault{"the indentation of " + shown(plain) + " has " + blankName(r) + " in it",
			"indent it with " + spaces(utf8.RuneCountInString(indent)) + ", typed with the space bar"}, true
	}
	m := blankAfter.FindStringSubmatch(rest)
	if m == nil {
		return lineFault{}, false
	}
	r, _ := utf8.DecodeRuneInString(m[2])
	if !isSpecialBlank(r) {
		return lineFault{}, false
	}
	return lineFault{"the blank after " + phrase.Quote(strings.TrimPrefix(m[1], "- ")) + " is " + blankName(r) + ", not a normal space",
		"write " + phrase.Bare(plain) + ", with a normal space after the " + m[1][len(m[1])-1:]}, true
}

// otherDashes begin a list item in a text, and none in YAML.
const otherDashes = "‐‑‒–—―−•·*+"

func otherDash(s surroundings) (lineFault, bool) {
	_, rest := cut(s.own())
	r, size := utf8.DecodeRuneInString(rest)
	item := strings.TrimLeftFunc(rest[min(size, len(rest)):], unicode.IsSpace)
	if rest == "" || !strings.ContainsRune(otherDashes, r) || item == "" || item == rest[size:] && r < utf8.RuneSelf {
		return lineFault{}, false
	}
	name := string(r)
	if r >= utf8.RuneSelf {
		name = fmt.Sprintf("%c (%U)", r, r)
	}
	item = strings.TrimSpace(item)
	return lineFault{"the line " + shown(strings.TrimSpace(rest)) + " begins with " + name + ", not with -", "write - " + phrase.Bare(item)}, true
}

var narrowDash = regexp.MustCompile(`^-(["'\w{].*)$`)

func dashWithoutSpace(s surroundings) (lineFault, bool) {
	m := narrowDash.FindStringSubmatch(s.body())
	if m == nil {
		return lineFault{}, false
	}
	return lineFault{"there is no space after the - of " + shown(m[0]), "write - " + phrase.Bare(m[1])}, true
}

var narrowColon = regexp.MustCompile(`^((?:- +)?(?:rolearn|userarn|username|groups|userid)):([^\s].*)$`)

func colonWithoutSpace(s surroundings) (lineFault, bool) {
	m := narrowColon.FindStringSubmatch(s.body())
	if m == nil {
		return lineFault{}, false
	}
	return lineFault{"there is no space after the colon of " + shown(m[0]), "write " + phrase.Bare(m[1]+": "+m[2])}, true
}

var noColon = regexp.MustCompile(`^((?:- +)?(?:rolearn|userarn|username|groups|userid))(?:\s*[=;]\s*|\s+|$)([^:\s].*)?$`)

func fieldWithoutColon(s surroundings) (lineFault, bool) {
	m := noColon.FindStringSubmatch(s.body())
	if m == nil {
		return lineFault{}, false
	}
	return lineFault{"there is no colon after the field name in " + shown(m[0]), "write " + strings.TrimSpace(phrase.Bare(m[1]+": "+m[2]))}, true
}

// dashOfEntry finds what is wrong with the dash of the line's entry, which makes its other fields look wrong.
func dashOfEntry(s surroundings) (lineFault, bool) {
	e, ok := s.entry()
	if !ok || e.start == s.at {
		return lineFault{}, false
	}
	return surroundings{s.value, e.start}.first(otherDash, dashWithoutSpace, specialBlank)
}

// spaces counts spaces.
func spaces(n int) string { return fmt.Sprintf("%d space%s", n, phrase.Plural(n)) }

// off says by how much a line is indented wrongly.
func off(what string, is int, of string, should int) lineFault {
	f := lineFault{message: fmt.Sprintf("%s is indented with %s, %s with %d", what, spaces(is), of, should)}
	if is > should {
		f.fix = "remove " + spaces(is-should) + " before it"
	} else {
		f.fix = "add " + spaces(should-is) + " before it"
	}
	return f
}

// fieldColumn is how far in the first field of the entry is.
func (s surroundings) fieldColumn() (int, bool) {
	e, ok := s.entry()
	if !ok {
		return 0, false
	}
	m := fieldLine.FindStringSubmatch(s.line(e.start))
	if m == nil {
		return 0, false
	}
	return len(m[1]) + len(m[2]), true
}

func indentOfField(s surroundings) (lineFault, bool) {
	m := fieldLine.FindStringSubmatch(s.own())
	column, ok := s.fieldColumn()
	if m == nil || m[2] != "" || !ok || len(m[1]) == column {
		return lineFault{}, false
	}
	return off(shown(s.body()), len(m[1]), "the other fields of "+s.named(), column), true
}

func indentOfEntry(s surroundings) (lineFault, bool) {
	if !entryStart.MatchString(s.own()) {
		return lineFault{}, false
	}
	indent, _ := cut(s.own())
	e, ok := surroundings{s.value, s.at - 1}.entry()
	if !ok {
		return lineFault{}, false
	}
	before, _ := cut(s.line(e.start))
	return off(shown(s.body()), len(indent), "the entry before it", len(before)), len(before) != len(indent)
}

func indentOfGroup(s surroundings) (lineFault, bool) {
	indent, rest := cut(s.own())
	if !strings.HasPrefix(rest, "- ") || entryStart.MatchString(rest) {
		return lineFault{}, false
	}
	e, _ := s.entry()
	for i := e.start; i < min(e.end, e.start+far); i++ {
		other, rest := cut(s.line(i))
		if i != s.at && strings.HasPrefix(rest, "- ") && !entryStart.MatchString(rest) {
			return off(shown(s.body()), len(indent), "the other groups of "+s.named(), len(other)), len(other) != len(indent)
		}
	}
	return lineFault{}, false
}

// valueOf cuts a line into the text before its value and the value.
var valueOf = regexp.MustCompile(`^((?:- +)?(?:[\w-]+:\s+)?)(.+)$`)

// reserved is what YAML gives a meaning at the beginning of a value.
const reserved = "@`%*&!"

func reservedStart(s surroundings) (lineFault, bool) {
	m := valueOf.FindStringSubmatch(s.body())
	if m == nil || m[1] == "" || !strings.ContainsAny(m[2][:1], reserved) {
		return lineFault{}, false
	}
	value := m[2]
	f := lineFault{message: shown(s.body()) + " has a value that begins with " + value[:1] + ", which YAML reserves"}
	if inside := strings.Trim(value, "`"); inside != value {
		f.message, f.fix = shown(s.body())+" has backticks, which are not quotes in YAML", "write "+phrase.Bare(m[1]+inside)
	} else {
		f.fix = "put " + phrase.Bare(`"`+value+`"`) + " in quotes: write " + phrase.Bare(m[1]+`"`+value+`"`)
	}
	return f, true
}

func openQuote(s surroundings) (lineFault, bool) {
	m := valueOf.FindStringSubmatch(s.body())
	if m == nil || m[2][0] != '"' && m[2][0] != '\'' || strings.Count(m[2], m[2][:1])%2 == 0 {
		return lineFault{}, false
	}
	value, _, _ := strings.Cut(m[2], " #")
	return lineFault{shown(s.body()) + " opens a quote that is never closed", "write " + phrase.Bare(m[1]+value+value[:1])}, true
}

var behind = regexp.MustCompile(`^((?:- +)?(?:[\w-]+:\s+)?)(?:"([^"]*)"|'([^']*)')(\s*[^\s#].*)$`)

func behindQuote(s surroundings) (lineFault, bool) {
	m := behind.FindStringSubmatch(s.body())
	if m == nil || strings.HasPrefix(strings.TrimSpace(m[4]), ":") {
		return lineFault{}, false
	}
	return lineFault{shown(s.body()) + " goes on behind the closing quote", "write " + phrase.Bare(m[1]+`"`+m[2]+m[3]+strings.Trim(m[4], `"'`)+`"`)}, true
}

func openBracket(s surroundings) (lineFault, bool) {
	body := s.body()
	for _, pair := range []string{"[]", "{}"} {
		if strings.Count(body, pair[:1]) > strings.Count(body, pair[1:]) {
			f := lineFault{shown(body) + " opens a bracket that is never closed", "write " + phrase.Bare(body+pair[1:])}
			if strings.HasPrefix(body, "- [") && !strings.Contains(body, ",") {
				f.fix = "write " + phrase.Bare(strings.Replace(body, "- [", "- ", 1))
			}
			return f, true
		}
	}
	return lineFault{}, false
}

func colonInValue(s surroundings) (lineFault, bool) {
	m := valueOf.FindStringSubmatch(s.body())
	if m == nil || m[1] == "" || strings.ContainsAny(m[2], `"'[]{}`) || !strings.Contains(m[2], ": ") {
		return lineFault{}, false
	}
	return lineFault{shown(s.body()) + ` has ": " in its value`, "write " + phrase.Bare(m[1]+`"`+m[2]+`"`)}, true
}

func backslash(s surroundings) (lineFault, bool) {
	m := valueOf.FindStringSubmatch(s.body())
	if m == nil || !strings.HasPrefix(m[2], `"`) || !strings.HasSuffix(m[2], `"`) || strings.Count(m[2], `"`) != 2 || strings.Contains(m[2], "'") {
		return lineFault{}, false
	}
	return lineFault{shown(s.body()) + " has a backslash, which begins an escape in double quotes",
		"use single quotes: write " + unescaped(m[1]+"'"+strings.Trim(m[2], `"`)+"'")}, true
}

// unescaped is phrase.Bare with the backslashes as they are typed.
func unescaped(s string) string { return strings.ReplaceAll(phrase.Bare(s), `\\`, `\`) }
