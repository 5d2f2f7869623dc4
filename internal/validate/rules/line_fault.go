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
			return conflictIn(line), true
		}
	}
	return lineFault{}, false
}

func conflictIn(line string) lineFault {
	return lineFault{shown(line) + " is a merge conflict marker", "keep one of the two sides, and delete the lines with <<<<<<<, ======= and >>>>>>>"}
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
	tabs, have := "the tab", len(indent)-strings.Count(indent, "\t")
	if strings.Count(indent, "\t") > 1 {
		tabs = "the tabs"
	}
	fix := "replace " + tabs + " with as many spaces as the lines around it have"
	switch column, of, ok := s.column(rest); {
	case ok && column > have:
		fix = "replace " + tabs + " with " + spaces(column-have)
	case ok:
		fix = "replace " + tabs + " with spaces, so that it is in line with " + of
	}
	return lineFault{shown(strings.TrimSpace(rest)) + " is indented with a tab", fix}, true
}

// column is how far in a line should be that says rest, as far as the other lines of its entry show it, and what it is then in line with.
func (s surroundings) column(rest string) (column int, of string, ok bool) {
	if fieldLine.MatchString(rest) && !strings.HasPrefix(rest, "-") {
		column, ok = s.fieldColumn()
		return column, "the other fields", ok
	}
	if isGroup(rest) {
		column, ok = s.groupColumn()
		return column, "the other groups", ok
	}
	return 0, "", false
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
	if done, ok := s.looked[s.at]; ok {
		return done.lineFault, done.found
	}
	f, found := s.findSpecialBlank()
	if s.looked == nil {
		s.looked = map[int]lookedFor{}
	}
	s.looked[s.at] = lookedFor{f, found}
	return f, found
}

func (s surroundings) findSpecialBlank() (lineFault, bool) {
	indent, rest := cut(s.own())
	plain := strings.TrimSpace(plainBlanks(rest))
	if i := strings.IndexFunc(indent, isSpecialBlank); i >= 0 {
		r, _ := utf8.DecodeRuneInString(indent[i:])
		fix := "type its indentation again with the space bar, in line with the lines around it"
		if _, of, ok := s.column(plain); ok {
			fix = "type its indentation again with the space bar, in line with " + of
		}
		return lineFault{"the indentation of " + shown(plain) + " has " + blankName(r) + " in it", fix}, true
	}
	m := blankAfter.FindStringSubmatch(rest)
	if m == nil {
		return lineFault{}, false
	}
	r, _ := utf8.DecodeRuneInString(m[2])
	if !isSpecialBlank(r) {
		return lineFault{}, false
	}
	after := "colon"
	if strings.HasSuffix(m[1], "-") {
		after = "dash"
	}
	return lineFault{"the space after " + phrase.Quote(strings.TrimPrefix(m[1], "- ")) + " is " + blankName(r),
		"type a normal space after the " + after + ": " + phrase.Bare(plain)}, true
}

// otherDashes begin a list item in a text, and none in YAML.
var otherDashes = map[rune]string{
	'‐': "a Unicode hyphen (U+2010)", '‑': "a non-breaking hyphen (U+2011)", '‒': "a figure dash (U+2012)", '–': "an en dash (U+2013)",
	'—': "an em dash (U+2014)", '―': "a horizontal bar (U+2015)", '−': "a minus sign (U+2212)", '•': "a bullet (U+2022)",
	'·': "a middle dot (U+00B7)", '*': "an asterisk", '+': "a plus sign",
}

func otherDash(s surroundings) (lineFault, bool) {
	_, rest := cut(s.own())
	r, size := utf8.DecodeRuneInString(rest)
	item := strings.TrimLeftFunc(rest[min(size, len(rest)):], unicode.IsSpace)
	name, ok := otherDashes[r]
	if !ok || item == "" || item == rest[size:] && r < utf8.RuneSelf {
		return lineFault{}, false
	}
	item = strings.TrimSpace(item)
	return lineFault{"the line " + shown(strings.TrimSpace(rest)) + " begins with " + name + ", not with a hyphen (-)", "write - " + phrase.Bare(item)}, true
}

var narrowDash = regexp.MustCompile(`^-(["'\w{].*)$`)

func dashWithoutSpace(s surroundings) (lineFault, bool) {
	m := narrowDash.FindStringSubmatch(s.body())
	if m == nil {
		return lineFault{}, false
	}
	return lineFault{"there is no space after the dash of " + shown(m[0]), "write - " + phrase.Bare(m[1])}, true
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
	message := "there is no colon after the field name in " + shown(m[0])
	if sign := strings.TrimLeft(m[0][len(m[1]):], " \t"); sign != "" && strings.ContainsAny(sign[:1], "=;") {
		message = shown(m[0]) + " has " + sign[:1] + " where YAML needs a colon"
	}
	return lineFault{message, "write " + strings.TrimSpace(phrase.Bare(m[1]+": "+m[2]))}, true
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

// off says by how much a line is indented wrongly, in spaces. Only the difference is the same in every view: kubectl edit shows a value
// further to the right than a file may have it.
func off(what string, by int, than, inLine string) lineFault {
	more, fix := "more", "remove "
	if by < 0 {
		by, more, fix = -by, "less", "add "
	}
	return lineFault{fmt.Sprintf("%s is indented %s %s than %s", what, spaces(by), more, than),
		fix + spaces(by) + " before it, so that it is in line with " + inLine}
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
	return off(shown(s.body()), len(m[1])-column, "the other fields of "+s.named(), "the other fields"), true
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
	return off(shown(s.body()), len(indent)-len(before), "the entry before it", "the other entries"), len(before) != len(indent)
}

func indentOfGroup(s surroundings) (lineFault, bool) {
	indent, rest := cut(s.own())
	if !isGroup(rest) {
		return lineFault{}, false
	}
	column, ok := s.groupColumn()
	return off(shown(s.body()), len(indent)-column, "the other groups of "+s.named(), "the other groups"), ok && column != len(indent)
}

// isGroup reports what may be an item of groups, without its indentation.
func isGroup(rest string) bool { return strings.HasPrefix(rest, "- ") && !entryStart.MatchString(rest) }

// groupColumn is how far in the first other group of the entry is.
func (s surroundings) groupColumn() (int, bool) {
	e, _ := s.entry()
	for i := e.start; i < min(e.end, e.start+near); i++ {
		indent, rest := cut(s.line(i))
		if i != s.at && isGroup(rest) && strings.Trim(indent, " ") == "" {
			return len(indent), true
		}
	}
	return 0, false
}

// commaAtEnd finds lines that end as those of JSON do, in an entry that is not in braces.
func commaAtEnd(s surroundings) (lineFault, bool) {
	e, ok := s.entry()
	if !ok || !strings.HasSuffix(s.body(), ",") || strings.ContainsAny(s.line(e.start), "{[") {
		return lineFault{}, false
	}
	return lineFault{shown(s.body()) + " ends in a comma, as in JSON", "remove the comma at the end of each line of the entry"}, true
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
		f.fix = "write " + phrase.Bare(m[1]+`"`+value+`"`) + ", with quotes"
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

// quoteAbove finds the line that opens the quote which this line closes by mistake.
func quoteAbove(s surroundings) (lineFault, bool) {
	for i := s.at - 1; i >= 0 && s.at-i < near; i-- {
		above := surroundings{s.value, i}
		f, ok := openQuote(above)
		if !ok {
			continue
		}
		quote := valueOf.FindStringSubmatch(above.body())[2][:1]
		for between := i + 1; between < s.at; between++ {
			ok = ok && !strings.Contains(s.line(between), quote)
		}
		return f, ok && strings.Contains(s.own(), quote)
	}
	return lineFault{}, false
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
