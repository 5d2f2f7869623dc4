package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// maxEntryLines is how many lines of an entry a finding offers to paste.
const maxEntryLines = 30

// entryLines is an entry to paste into a version of the object, in the style of its text: as it is written in the version that
// it comes from, if EKS reads the same from those lines alone, and else written out. It is nil if the entry is too long, or has
// something in it that must not be repeated. from is nil for an entry that is written nowhere.
func entryLines(id awsauth.Identity, key string, from, into *rule.Version) []string {
	at, flow := place(into, key)
	lines := blockEntry(id, key)
	switch written := writtenLines(id, key, from); {
	case flow:
		lines = []string{flowEntry(id, key)}
	case written != nil:
		lines = written
	}
	if len(lines) > maxEntryLines || phrase.Redact(strings.Join(lines, "\n")) != strings.Join(lines, "\n") {
		return nil
	}
	for i, l := range lines {
		lines[i] = strings.Repeat(" ", at) + l
	}
	return lines
}

// place is where the entries of a data key begin: how far they are indented, and whether they are in brackets.
func place(v *rule.Version, key string) (indent int, flow bool) {
	if v == nil || v.Object == nil {
		return 0, false
	}
	for line := range strings.Lines(v.Object.Data[key]) {
		switch text := strings.TrimLeft(line, " "); {
		case strings.TrimSpace(text) == "" || text[0] == '#' || strings.HasPrefix(text, "---"):
		case text[0] == '[':
			return 0, true
		case text[0] == '-':
			return len(line) - len(text), false
		default:
			return 0, false
		}
	}
	return 0, false
}

// writtenLines is an entry as a version has it, without indentation; nil if the lines are not the entry and nothing else.
func writtenLines(id awsauth.Identity, key string, v *rule.Version) []string {
	if v == nil || v.Object == nil || id.Entry == nil || id.Entry.Line == 0 || id.Entry.DataKey != key {
		return nil
	}
	lines := itemLines(strings.Split(v.Object.Data[key], "\n"), id.Entry.Line-1)
	text := strings.Join(lines, "\n")
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		return nil
	}
	read := awsauth.Read(nil, map[string]string{key: text + "\n"})
	entries := read.Entries()
	if len(entries) != 1 || len(read.Problems) > 0 || entries[0].ARN.Value != id.Canonical ||
		entries[0].Username.Value != id.Username || !slices.Equal(entries[0].GroupNames(), id.Groups) {
		return nil
	}
	return lines
}

// itemLines are the lines of the item of a block list that begins on line first; nil if there are too many.
func itemLines(lines []string, first int) []string {
	if first >= len(lines) || !strings.HasPrefix(strings.TrimLeft(lines[first], " "), "-") {
		return nil
	}
	dash := strings.IndexByte(lines[first], '-')
	var item []string
	for i, l := range lines[first:] {
		l = strings.TrimRight(l, " \t\r")
		indent := len(l) - len(strings.TrimLeft(l, " "))
		if i > 0 && l != "" && indent <= dash {
			break
		}
		if i == far {
			return nil
		}
		item = append(item, l[min(dash, len(l)):])
	}
	for len(item) > 1 && (item[len(item)-1] == "" || strings.HasPrefix(strings.TrimLeft(item[len(item)-1], " "), "#")) {
		item = item[:len(item)-1] // the lines before the next item
	}
	return item
}

// blockEntry writes an entry on lines of its own.
func blockEntry(id awsauth.Identity, key string) []string {
	lines := []string{"- " + awsauth.ARNField(key) + ": " + scalar(id.Canonical), "  username: " + scalar(id.Username)}
	if len(id.Groups) == 0 {
		return lines
	}
	lines = append(lines, "  groups:")
	for _, g := range id.Groups {
		lines = append(lines, "    - "+scalar(g))
	}
	return lines
}

// flowEntry writes an entry for a list in brackets.
func flowEntry(id awsauth.Identity, key string) string {
	groups := make([]string, len(id.Groups))
	for i, g := range id.Groups {
		groups[i] = strconv.Quote(g)
	}
	return "{" + strconv.Quote(awsauth.ARNField(key)) + ": " + strconv.Quote(id.Canonical) + `, "username": ` + strconv.Quote(id.Username) +
		`, "groups": [` + strings.Join(groups, ", ") + "]},"
}

// plainScalar is what YAML reads as text without quotes, in a block.
var plainScalar = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_.:/@+={}-]*[A-Za-z0-9_/@+=}-]$`)

// word is what YAML 1.1 reads as a boolean or null.
var word = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)

func scalar(s string) string {
	if plainScalar.MatchString(s) && !word.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
