package awsauth

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// characters reports what a reader cannot see, and what YAML forbids.
func (p *parser) characters() {
	p.notUTF8()
	if !utf8.ValidString(p.text) {
		return
	}
	var inComment func(int) bool // worked out once it is asked for
	line, col := 1, 1
	for i, r := range p.text {
		name := Hidden(r)
		if name != "" || r == '\r' {
			if inComment == nil {
				inComment = Comments(p.text)
			}
			if inComment(i) {
				name = hiddenInComment(p.text, i, r)
			}
		}
		if name != "" {
			if p.reported == nil {
				p.reported = map[rune]bool{}
			}
			p.reported[r] = true
			word := wordAround(p.text, i)
			pr := p.valueProblem(HiddenCharacter, Place{Line: line, Column: col}, fmt.Sprintf("%U in %s", r, word))
			pr.Value, pr.Got = word, name
			p.report(pr)
		}
		col++
		if r == '\n' {
			line, col = line+1, 1
		}
	}
}

// notUTF8 reports a byte that is not valid UTF-8: EKS reads nothing of a value that has one. The API server stores such bytes
// from a body in protobuf as they are, and its JSON has U+FFFD in their place, so here U+FFFD may be one, wherever it stands.
// It comes before all other problems: what is left out of ten thousand must not be this one.
func (p *parser) notUTF8() {
	if !MayHideBytes(p.text) {
		return
	}
	first := strings.IndexRune(p.text, utf8.RuneError)
	count, invalid := 0, !utf8.ValidString(p.text)
	for _, r := range p.text[first:] {
		if r == utf8.RuneError {
			count++
		}
	}
	before := p.text[:first]
	begin := strings.LastIndexByte(before, '\n') + 1
	at := Place{Line: 1 + strings.Count(before, "\n"), Column: 1 + utf8.RuneCountInString(before[begin:])}
	pr := p.valueProblem(NotUTF8, at, "not UTF-8")
	pr.Value, pr.Got = wordAround(p.text, first), strconv.Itoa(count)
	if invalid {
		pr.Want = "valid UTF-8"
	}
	p.report(pr)
}

// MayHideBytes reports a text with U+FFFD, by which the API server shows any byte that is not valid UTF-8, or with such a byte: two
// of them that are shown alike need not be the same.
func MayHideBytes(text string) bool {
	return strings.Contains(text, "\ufffd") || !utf8.ValidString(text)
}

// tabs reports the tabs of a text that EKS reads in spite of them: between a key and its value, at the end of a line.
// Not every YAML parser takes a tab there for a space. Comments may have them. They are counted, and not known by their
// lines: another fix in the same line changes the line.
func (p *parser) tabs() {
	if !strings.Contains(p.text, "\t") || json.Valid([]byte(p.text)) {
		return // JSON may be indented with tabs, and every YAML parser reads JSON so
	}
	line := 0
	for l := range strings.Lines(p.text) {
		line++
		i := strings.IndexByte(l, '\t')
		if i < 0 || strings.HasPrefix(strings.TrimLeft(l[:i], " "), "#") || strings.Contains(l[:i], " #") {
			continue
		}
		pr := p.valueProblem(Tab, Place{Line: line, Column: utf8.RuneCountInString(l[:i]) + 1}, "tab")
		pr.Value = strings.TrimSpace(l)
		p.report(pr)
	}
}

// wordAround is the run of non-blank characters around byte i, for messages.
func wordAround(text string, i int) string {
	const limit = 80
	from, to := i, i
	for from > 0 && i-from < limit && text[from-1] > ' ' {
		from--
	}
	for to < len(text) && to-i < limit && text[to] > ' ' {
		to++
	}
	return strings.ToValidUTF8(text[from:to], "\ufffd")
}

// Hidden names a character that a reader cannot see or that changes how a line is shown; "" for all others.
func Hidden(r rune) string {
	switch {
	case r >= ' ' && r <= '~' || r == '\t' || r == '\n' || r == '\r':
		return ""
	case r == 0xFEFF:
		return "a byte order mark (U+FEFF)"
	case r == 0x0085 || r == 0x2028 || r == 0x2029:
		return fmt.Sprintf("a line separator (%U)", r)
	case unicode.IsControl(r):
		return fmt.Sprintf("a control character (%U)", r)
	case r == 0x00A0:
		return "a no-break space (U+00A0)"
	case r == 0x202F || r == 0x3000 || r >= 0x2000 && r <= 0x200A || r == 0x205F || r == 0x1680:
		return fmt.Sprintf("a special space (%U)", r)
	case r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x061C:
		return fmt.Sprintf("a character that changes the direction of the text (%U)", r)
	case r == 0x2800, // a Braille cell without a dot
		unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return fmt.Sprintf("an invisible character (%U)", r)
	}
	return ""
}

// visible is what a reader sees of a text.
func visible(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if Hidden(r) != "" || r == '\n' || r == '\r' || r == '\t' {
			return -1
		}
		return r
	}, s))
}

func quote(s string) string { return `"` + s + `"` }
