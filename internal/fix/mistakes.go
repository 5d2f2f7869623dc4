package fix

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

// The spaces that keep words on one line (Unicode, General_Category Zs): no-break space, figure space, narrow no-break
// space.
const noBreak = "\u00a0\u2007\u202f"

// everyLine goes through the lines that may be changed: code is the text before a comment.
func (r *reading) everyLine(do func(n, start int, code string)) {
	var inComment func(int) bool
	for n := 1; n <= len(r.starts); n++ {
		line := r.line(n)
		if !r.lines[n] || line == "" {
			continue
		}
		start := r.starts[n-1]
		code := line
		for i := strings.IndexByte(line, '#'); i >= 0; {
			if inComment == nil {
				inComment = r.comments()
			}
			if inComment(start + i) {
				code = line[:i]
				break
			}
			next := strings.IndexByte(line[i+1:], '#')
			if next < 0 {
				break
			}
			i += 1 + next
		}
		do(n, start, code)
	}
}

// comments says of a byte whether it is in a comment. A # in a value begins one there, whatever the manifest says.
func (r *reading) comments() func(at int) bool {
	return func(at int) bool {
		return at == 0 || strings.ContainsRune(" \t\n"+noBreak, before(r.text, at))
	}
}

func before(text string, at int) rune { c, _ := utf8.DecodeLastRuneInString(text[:at]); return c }
func after(text string, at int) rune  { c, _ := utf8.DecodeRuneInString(text[at:]); return c }

// noBreakSpaces are those beside something that ends a word; in the middle of a name they may be meant.
func noBreakSpaces(r *reading) (edits []edit) {
	const ends = " \t\r\n:,[]{}'\"-#" + noBreak
	r.everyLine(func(_, start int, code string) {
		inString := quoted(code)
		for i, c := range code {
			at := start + i
			if !strings.ContainsRune(noBreak, c) || inString(i) {
				continue
			}
			size := utf8.RuneLen(c)
			last, next := before(r.text, at), after(r.text, at+size)
			if i == 0 || at+size == len(r.text) || strings.ContainsRune(ends, last) || strings.ContainsRune(ends, next) {
				edits = append(edits, edit{at, at + size, " "})
			}
		}
	})
	return edits
}

// quotedString is a string in quotes where a value begins.
var quotedString = regexp.MustCompile(`(?:^|[-:,\[{?])[\s\x{a0}\x{2007}\x{202f}]*("(?:[^"\\]|\\.)*"|'[^']*')`)

// quoted says of a byte of a line whether it is in a string in quotes: what is there is part of a name.
func quoted(code string) func(at int) bool {
	if !strings.ContainsAny(code, `"'`) {
		return func(int) bool { return false }
	}
	strs := quotedString.FindAllStringSubmatchIndex(code, -1)
	return func(at int) bool {
		return slices.ContainsFunc(strs, func(m []int) bool { return m[2] <= at && at < m[3] })
	}
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " \t"+noBreak)) }

func tabsBetweenWords(r *reading) (edits []edit) {
	r.everyLine(func(_, start int, code string) {
		inString := quoted(code)
		for i := indentation(code); i < len(code); i++ {
			if code[i] == '\t' && !inString(i) {
				edits = append(edits, edit{start + i, start + i + 1, " "})
			}
		}
	})
	return edits
}

// indentAs gives lines that are indented with tabs the indentation that column says.
func indentAs(column func(above []string, line string) int) func(*reading) []edit {
	return func(r *reading) (edits []edit) {
		var above []string // the last lines, as they will be
		r.everyLine(func(_, start int, code string) {
			line := code
			if n := indentation(code); strings.Contains(code[:n], "\t") {
				if to := column(above, code); to >= 0 {
					edits = append(edits, edit{start, start + n, strings.Repeat(" ", to)})
					line = strings.Repeat(" ", to) + code[n:]
				}
			}
			if strings.TrimSpace(line) != "" {
				above = append(above, line)
			}
		})
		return edits
	}
}

// fitting is where a line goes by what it is and what is above it: a list item below the last one or below its key,
// a field below the fields of its entry.
func fitting(above []string, line string) int {
	if len(above) == 0 {
		return -1
	}
	last := above[len(above)-1]
	item, lastIsItem := isItem(line), isItem(last)
	switch field := strings.Contains(last+" ", ": "); {
	case item && isEntry(line):
		return entryAbove(above)
	case item && lastIsItem, !item && !lastIsItem:
		return indentation(last)
	case !item && !field: // the last group
		return entryAbove(above) + len("- ")
	}
	return len(last) - len(strings.TrimLeft(last, " -"))
}

func isItem(line string) bool { return strings.HasPrefix(strings.TrimLeft(line, " \t"), "-") }
func isEntry(line string) bool {
	return isItem(line) && strings.Contains(strings.ToLower(line), "arn:")
}

// entryAbove is where the last entry begins; -2 if there is none, so that its fields have no place either.
func entryAbove(above []string) int {
	for _, line := range slices.Backward(above) {
		if isEntry(line) {
			return indentation(line)
		}
	}
	return -2
}

// tabStops is how far a line is indented where tabs stop every so many characters.
func tabStops(width int) func([]string, string) int {
	return func(_ []string, line string) int {
		n := 0
		for _, c := range line[:indentation(line)] {
			if c == '\t' {
				n += width - n%width
			} else {
				n++
			}
		}
		return n
	}
}

func trailingBlanks(r *reading) (edits []edit) {
	for n := 1; n <= len(r.starts); n++ {
		line := r.line(n)
		if kept := strings.TrimRight(line, " \t"); r.lines[n] && len(kept) < len(line) {
			edits = append(edits, edit{r.starts[n-1] + len(kept), r.starts[n-1] + len(line), ""})
		}
	}
	return edits
}

// at is an edit that replaces a text at a place, in quotes or without; ok is false if it does not stand there.
func (r *reading) at(line, column int, old, text string) (e edit, ok bool) {
	from, ok := r.offset(line, column)
	if !ok || old == "" {
		return e, false
	}
	if c := after(r.text, from); c == '"' || c == '\'' {
		from++
	}
	if !strings.HasPrefix(r.text[from:], old) {
		return e, false
	}
	return edit{from, from + len(old), text}, true
}

func (r *reading) sorted(edits []edit) []edit {
	slices.SortFunc(edits, func(a, b edit) int { return a.from - b.from })
	return slices.CompactFunc(edits, func(a, b edit) bool { return b.from < a.to })
}

// misspelt are the data keys that differ from EKS's in letter case alone, with what was meant.
func misspelt(cm *corev1.ConfigMap) map[string]string {
	meant := map[string]string{}
	for key := range cm.Data {
		for _, known := range awsauth.Keys {
			if _, there := cm.Data[known]; !there && strings.EqualFold(key, known) {
				meant[key] = known
			}
		}
	}
	return meant
}

func dataKeys(r *reading) (edits []edit) {
	if r.object == nil {
		return nil
	}
	for key, known := range misspelt(r.object) {
		if line, column, ok := r.find("data." + key); ok {
			if e, ok := r.at(line, column, key, known); ok {
				edits = append(edits, e)
			}
		}
	}
	return r.sorted(edits)
}

// fieldName is a key at the beginning of a line, of a list item, or in braces.
var fieldName = regexp.MustCompile(`(^[ ]*(?:-[ ]+)*|[{,][ ]*)["']?([A-Za-z_-]+)["']?[ ]*:(?:[ ]|$)`)

// fieldNames are those that differ from EKS's in letter case alone.
func fieldNames(r *reading) (edits []edit) {
	known := []string{"rolearn", "userarn", "username", "groups"}
	r.everyLine(func(_, start int, code string) {
		for _, m := range fieldName.FindAllStringSubmatchIndex(code, -1) {
			name := code[m[4]:m[5]]
			for _, k := range known {
				if name != k && strings.EqualFold(name, k) {
					edits = append(edits, edit{start + m[4], start + m[5], k})
				}
			}
		}
	})
	return edits
}

// What --fix takes for the path of a role and the name of a session. IAM allows more in a path; quotes and # in one are
// rather those of the text around it. STS allows a comma at the end of a session's name, where JSON has one too (STS API
// reference, RoleSessionName).
var (
	rolePath    = regexp.MustCompile(`^/(?:[\w+=,.@-]+/)+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{1,63}[\w+=.@-]$`)
)

// roleARNs are those with a path, and those of sessions.
func roleARNs(r *reading) (edits []edit) {
	for _, e := range r.entries {
		a, err := awsauth.ParseARN(e.ARN.Value)
		path := a.Kind == awsauth.KindRole && rolePath.MatchString(a.Path)
		session := a.Kind == awsauth.KindAssumedRole && sessionName.MatchString(a.Session)
		if err != nil || !path && !session || !principal.IsName(a.Name) {
			continue
		}
		line, column, ok := r.locate(e.ARN.DataKey, e.ARN.Line, e.ARN.Column)
		if !ok {
			continue
		}
		if e, ok := r.at(line, column, e.ARN.Value, a.RoleARN(a.Name)); ok {
			edits = append(edits, e)
		}
	}
	return r.sorted(edits)
}
