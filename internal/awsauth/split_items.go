package awsauth

import (
	"slices"
	"strings"
)

type chunk struct {
	line int
	text string
}

// chunks cuts a list into its items: at every line that begins with "- " no deeper than the first such line does, and at
// every "- rolearn:" wherever it stands.
func chunks(text string) []chunk {
	var out []chunk
	depth, line, offset, begin := -1, 0, 0, -1
	for l := range strings.Lines(text) {
		line++
		body := strings.TrimLeft(strings.TrimPrefix(l, "\ufeff"), " \t")
		indent := len(strings.TrimPrefix(l, "\ufeff")) - len(body)
		isItem := strings.HasPrefix(body, "- ") || strings.HasPrefix(body, "-\t") || strings.TrimSpace(body) == "-"
		if isItem && depth < 0 {
			depth = indent
		}
		if isItem && (begin < 0 || indent <= depth && startsItem(body) || startsItem(body, "rolearn", "userarn")) {
			if begin >= 0 {
				out[len(out)-1].text = text[begin:offset]
			}
			begin = offset
			out = append(out, chunk{line: line})
		}
		offset += len(l)
	}
	if begin >= 0 {
		out[len(out)-1].text = text[begin:]
	}
	return out
}

// startsItem tells "- rolearn: x" from "- system:masters": groups may stand at the depth of their item's dash. Without
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
func dashed(text string) (parts []chunk) {
	depth, line, offset, begin := -1, 0, 0, 0
	for l := range strings.Lines(text) {
		line++
		body := strings.TrimLeft(l, " ")
		if indent := len(l) - len(body); strings.HasPrefix(body, "-") && strings.TrimLeft(body[1:min(2, len(body))], " \t\r\n") == "" && (depth < 0 || indent == depth) {
			if depth >= 0 {
				parts[len(parts)-1].text = text[begin:offset]
			}
			depth, begin = indent, offset
			parts = append(parts, chunk{line: line})
		}
		offset += len(l)
	}
	if depth >= 0 {
		parts[len(parts)-1].text = text[begin:]
	}
	return parts
}

// blockItems cuts a list in block style into its items, all of the text. ok is false for everything that is not plainly
// one: its lines are blank, or comments, or begin an item at one and the same depth, or are deeper.
func blockItems(text string) (items []chunk, ok bool) {
	if strings.Contains(text, "\r") {
		return nil, false // a line break to YAML, also where it stands alone
	}
	depth, line, offset, begin := -1, 0, 0, 0
	for l := range strings.Lines(text) {
		line++
		body := strings.TrimLeft(l, " ")
		indent := len(l) - len(body)
		switch {
		case body == "\n" || body == "" || body[0] == '#':
		case strings.HasPrefix(body, "- ") && depth < 0:
			depth = indent
			items = append(items, chunk{line: 1}) // what stands before it belongs to it: a comment may hide what is no YAML
		case strings.HasPrefix(body, "- ") && indent == depth:
			items[len(items)-1].text = text[begin:offset]
			begin = offset
			items = append(items, chunk{line: line})
		case depth < 0 || indent <= depth:
			return nil, false
		}
		offset += len(l)
	}
	if depth < 0 {
		return nil, false
	}
	items[len(items)-1].text = text[begin:]
	return items, true
}
