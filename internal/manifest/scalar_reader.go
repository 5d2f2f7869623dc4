package manifest

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func blank(c byte) bool { return c == ' ' || c == '\t' }

// reader follows YAML's rules of folding and escaping, keeping the place of every character it makes.
type reader struct {
	s   string
	i   int
	out []rune
	at  []int
}

func (r *reader) emit(c rune, at int) {
	r.out = append(r.out, c)
	r.at = append(r.at, at)
}

// step emits the character at this position.
func (r *reader) step() {
	c, n := utf8.DecodeRuneInString(r.s[r.i:])
	r.emit(c, r.i)
	r.i += n
}

// lineBreak is a break that was read and not yet emitted.
type lineBreak struct {
	c  rune
	at int
}

func (r *reader) readBreak() lineBreak {
	n := breakAt(r.s, r.i)
	b := lineBreak{'\n', r.i}
	if n == 3 { // LS and PS stay what they are; all others become LF
		b.c, _ = utf8.DecodeRuneInString(r.s[r.i:])
	}
	r.i += n
	return b
}

func (r *reader) emitBreaks(breaks []lineBreak) {
	for _, b := range breaks {
		r.emit(b.c, b.at)
	}
}

// flow reads a plain (quote 0) or quoted scalar: lines are joined by a blank, an empty line is a line break. A plain one
// ends after want characters, for where it ends depends on everything around it.
func (r *reader) flow(quote byte, want int) {
	if quote != 0 {
		r.i++
	}
	for r.i < len(r.s) {
		c := r.s[r.i]
		switch {
		case quote == 0 && len(r.out) >= want:
			return
		case quote == '\'' && strings.HasPrefix(r.s[r.i:], "''"):
			r.emit('\'', r.i)
			r.i += 2
		case quote != 0 && c == quote:
			return
		case quote == '"' && c == '\\':
			r.escape()
		case blank(c) || breakAt(r.s, r.i) > 0:
			r.space(false)
		default:
			r.step()
		}
	}
}

// space reads blanks and line breaks between two words. After an escaped line break, the first is no blank.
func (r *reader) space(escaped bool) {
	start := r.i
	var breaks []lineBreak
	for r.i < len(r.s) && (blank(r.s[r.i]) || breakAt(r.s, r.i) > 0) {
		if blank(r.s[r.i]) {
			r.i++
			continue
		}
		breaks = append(breaks, r.readBreak())
	}
	switch {
	case escaped:
		r.emitBreaks(breaks)
	case len(breaks) == 0:
		for i := start; i < r.i; i++ {
			r.emit(rune(r.s[i]), i)
		}
	case breaks[0].c != '\n':
		r.emitBreaks(breaks)
	case len(breaks) == 1:
		r.emit(' ', breaks[0].at)
	default:
		r.emitBreaks(breaks[1:])
	}
}

var escapes = map[byte]rune{'0': 0, 'a': '\a', 'b': '\b', 't': '\t', '\t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r',
	'e': 0x1b, ' ': ' ', '"': '"', '/': '/', '\\': '\\', 'N': '\u0085', '_': '\u00a0', 'L': '\u2028', 'P': '\u2029'}

// escape reads a backslash and what follows it, in YAML's spelling or JSON's.
func (r *reader) escape() {
	at := r.i
	r.i++
	if n := breakAt(r.s, r.i); n > 0 {
		r.i += n
		r.space(true)
		return
	}
	if r.i >= len(r.s) {
		return
	}
	c := r.s[r.i]
	r.i++
	if digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]; digits > 0 {
		code := r.hex(digits)
		if utf16.IsSurrogate(code) && strings.HasPrefix(r.s[r.i:], `\u`) {
			r.i += 2
			code = utf16.DecodeRune(code, r.hex(4))
		}
		r.emit(code, at)
		return
	}
	if e, ok := escapes[c]; ok {
		r.emit(e, at)
	}
}

func (r *reader) hex(digits int) rune {
	end := min(r.i+digits, len(r.s))
	code, err := strconv.ParseUint(r.s[r.i:end], 16, 32)
	r.i = end
	if err != nil {
		return utf8.RuneError
	}
	return rune(code)
}

// block reads a literal or folded scalar; parentIndent is how many blanks stand before the key.
func (r *reader) block(parentIndent int) {
	if r.i >= len(r.s) || r.s[r.i] != '|' && r.s[r.i] != '>' {
		return
	}
	literal := r.s[r.i] == '|'
	indent, chomp := 0, byte(0)
	for r.i++; r.i < len(r.s) && breakAt(r.s, r.i) == 0; r.i++ {
		switch c := r.s[r.i]; {
		case c == '+' || c == '-':
			chomp = c
		case c >= '1' && c <= '9':
			indent = parentIndent + int(c-'0')
		case c == ' ' || c == '\t': // only a comment can follow
			for r.i+1 < len(r.s) && breakAt(r.s, r.i+1) == 0 {
				r.i++
			}
		}
	}
	r.i += breakAt(r.s, r.i)
	if indent == 0 {
		indent = max(r.detectIndent(), parentIndent+1)
	}

	var leading, trailing []lineBreak
	trailing = r.emptyLines(indent)
	leadingBlank := false
	for r.i < len(r.s) && r.column() == indent {
		startsBlank := blank(r.s[r.i])
		if !literal && len(leading) > 0 && leading[0].c == '\n' && !leadingBlank && !startsBlank {
			if len(trailing) == 0 {
				r.emit(' ', leading[0].at)
			}
		} else {
			r.emitBreaks(leading)
		}
		r.emitBreaks(trailing)
		leading, leadingBlank = nil, startsBlank
		for r.i < len(r.s) && breakAt(r.s, r.i) == 0 {
			r.step()
		}
		end := r.i
		if r.i < len(r.s) {
			leading = []lineBreak{r.readBreak()}
		}
		trailing = r.emptyLines(indent)
		if r.i >= len(r.s) || r.column() != indent {
			if chomp != '-' {
				r.emitBreaks(leading)
			}
			if chomp == '+' {
				r.emitBreaks(trailing)
			}
			r.i = end // the value ends on its last line, not where the next key begins
			return
		}
	}
	if chomp == '+' {
		r.emitBreaks(trailing)
	}
}

// column is how many bytes the current line has before this place. Only blanks were passed when it is asked.
func (r *reader) column() int {
	n := 0
	for i := r.i - 1; i >= 0 && r.s[i] == ' '; i-- {
		n++
	}
	return n
}

// detectIndent looks ahead to the first line with text.
func (r *reader) detectIndent() int {
	widest, n := 0, 0
	for i := r.i; i < len(r.s); {
		if r.s[i] == ' ' {
			n++
			i++
			continue
		}
		widest = max(widest, n)
		b := breakAt(r.s, i)
		if b == 0 {
			break
		}
		n = 0
		i += b
	}
	return widest
}

// emptyLines steps over lines without text and over the indentation of the next line with text.
func (r *reader) emptyLines(indent int) (breaks []lineBreak) {
	for {
		for n := 0; n < indent && r.i < len(r.s) && r.s[r.i] == ' '; n++ {
			r.i++
		}
		if breakAt(r.s, r.i) == 0 {
			return breaks
		}
		breaks = append(breaks, r.readBreak())
	}
}
