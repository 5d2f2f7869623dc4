package rules

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// wraps reports a character that is no part of a name and may stand before or after it by mistake: blanks and quotes.
func wraps(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'“”‘’`", r) }

// wrapping says what is before and after a name that should stand alone: name is what is left of written without it.
func wrapping(written, name string) string {
	before, after, _ := strings.Cut(written, name)
	where := "around it"
	switch {
	case after == "":
		where = "before it"
	case before == "":
		where = "at its end"
	}
	r, _ := utf8.DecodeRuneInString(after + before)
	switch {
	case strings.ContainsRune("“”‘’", r):
		return "has curly quotes " + where
	case r == '`':
		return "has backticks " + where
	case !unicode.IsSpace(r):
		return "has quotes " + where
	case r == ' ':
		return "has spaces " + where
	case r == '\t' || r == '\n' || r == '\r':
		return "has a tab or a line break " + where
	case r == '\u00a0':
		return "has a no-break space (U+00A0), which looks like a space, " + where
	}
	return fmt.Sprintf("has the blank character %U %s", r, where)
}
