package awsauth

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// chunk is a part of a text: whole lines, and the number of the first.
type chunk struct {
	line int
	text string
}

// cutAt cuts a text before every line that begins a part. The text before the first of them is in no part.
func cutAt(text string, begins func(line string) bool) (parts []chunk) {
	line, offset, from := 0, 0, 0
	for l := range strings.Lines(text) {
		line++
		if begins(l) {
			if len(parts) > 0 {
				parts[len(parts)-1].text = text[from:offset]
			}
			parts, from = append(parts, chunk{line: line}), offset
		}
		offset += len(l)
	}
	if len(parts) > 0 {
		parts[len(parts)-1].text = text[from:]
	}
	return parts
}

// brokenItems cuts a list that is no YAML into its items: at every line that begins with "- " no deeper than the first such
// line does, and at every "- rolearn:" wherever it is and whatever its dash is.
func brokenItems(text string) []chunk {
	depth := -1
	return cutAt(text, func(line string) bool {
		line = strings.TrimPrefix(line, "\ufeff")
		body := strings.TrimLeft(line, " \t")
		indent := len(line) - len(body)
		if _, ok := misdashed(body); ok {
			if depth < 0 {
				depth = indent
			}
			return true
		}
		if !strings.HasPrefix(body, "- ") && !strings.HasPrefix(body, "-\t") && strings.TrimSpace(body) != "-" {
			return false
		}
		if depth < 0 {
			depth = indent
			return true
		}
		return indent <= depth && startsItem(body) || startsItem(body, "rolearn", "userarn")
	})
}

// misdashed is what follows a dash that begins an item to its author, and none to YAML: it is another character, or no space
// follows it.
func misdashed(body string) (item string, ok bool) {
	r, size := utf8.DecodeRuneInString(body)
	if r != '-' && r != '•' && r != '−' && !unicode.Is(unicode.Pd, r) || strings.HasPrefix(body, "- ") || strings.HasPrefix(body, "-\t") {
		return "", false
	}
	item = strings.TrimLeftFunc(body[size:], unicode.IsSpace)
	return item, startsItem("- "+item, "rolearn", "userarn")
}

// startsItem distinguishes "- rolearn: x" from "- system:masters": groups may be at the depth of their item's dash. Without
// names it is any field that may begin an item, or rolearn or userarn misspelt.
func startsItem(trimmed string, names ...string) bool {
	body := strings.TrimLeft(trimmed[1:], " \t{")
	key := properties.ReplaceAllString(body, "")
	if end := strings.IndexAny(key, ": \t"); end >= 0 { // the colon may be what is missing
		key = key[:end]
	} else if !strings.HasPrefix(body, "? ") {
		return false
	}
	key = strings.ToLower(strings.Trim(key, "\"' \r\n"))
	if len(names) > 0 {
		return slices.Contains(names, key)
	}
	if slices.Contains([]string{"rolearn", "userarn", "username", "groups", "userid", "sso", "<<"}, key) {
		return true
	}
	_, ok := nearest(key, []string{"rolearn", "userarn"})
	return ok
}

// dashed cuts a list in block style at the lines that begin with a dash at the depth of the first one. Reading the parts
// shows whether they are its items.
func dashed(text string) []chunk {
	depth := -1
	return cutAt(text, func(line string) bool {
		body := strings.TrimLeft(line, " ")
		indent := len(line) - len(body)
		rest, found := strings.CutPrefix(body, "-")
		if !found || rest != "" && !strings.Contains(" \t\r\n", rest[:1]) || depth >= 0 && indent != depth {
			return false
		}
		depth = indent
		return true
	})
}

// blockItems cuts a list in block style into its items, all of the text. ok is false for everything that is not plainly
// one: its lines are blank, or comments, or begin an item at one and the same depth, or are deeper.
func blockItems(text string) (items []chunk, ok bool) {
	if strings.Contains(text, "\r") {
		return nil, false // a line break to YAML, also by itself
	}
	depth := -1
	for l := range strings.Lines(text) {
		body := strings.TrimLeft(l, " ")
		indent := len(l) - len(body)
		switch {
		case body == "" || body[0] == '\n' || body[0] == '#':
		case strings.HasPrefix(body, "- ") && (depth < 0 || indent == depth):
			depth = indent
		case depth < 0 || indent <= depth:
			return nil, false
		}
	}
	if items = dashed(text); len(items) == 0 {
		return nil, false
	}
	rest := 0
	for _, c := range items[1:] {
		rest += len(c.text)
	}
	items[0] = chunk{1, text[:len(text)-rest]} // with the text before it: a comment may hide what is no YAML
	return items, true
}
