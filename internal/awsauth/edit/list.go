package edit

import (
	"errors"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// list is a sequence with the places of its items.
type list struct {
	*document
	node *yaml.Node
	flow bool
	// items are the words of each in flow style, and its lines in block style: those from the dash to the last one that has
	// something of the item in it.
	items []span
	// heads are where the comments above the items begin, which are about them; block style alone.
	heads []int
	open  int // behind the opening bracket
}

// span is a part of the text, from byte to byte.
type span struct{ from, to int }

// list finds the items of a sequence, whose lines end before limit.
func (d *document) list(n *yaml.Node, limit int) (*list, error) {
	if n.Kind != yaml.SequenceNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		return nil, errors.New("it is not a plain list")
	}
	l := &list{document: d, node: n, flow: n.Style&yaml.FlowStyle != 0}
	if l.flow {
		return l, l.findWords()
	}
	return l, l.findLines(limit)
}

func (l *list) findWords() error {
	parts, err := flowParts(l.text, l.at(l.node))
	if err == nil && len(parts) != len(l.node.Content) {
		err = errors.New("its items cannot be distinguished")
	}
	l.items, l.open = parts, l.at(l.node)+1
	return err
}

func (l *list) findLines(limit int) error {
	column := l.node.Column - 1
	var dashes []int
	for _, n := range l.node.Content {
		line := l.lineOf(l.at(n))
		for ; line >= 0; line-- {
			if body, indent := l.body(line); strings.HasPrefix(body, "-") && indent == column {
				break
			}
			if len(dashes) > 0 && line == dashes[len(dashes)-1] {
				line = -1
			}
		}
		if line < 0 || len(dashes) > 0 && line <= dashes[len(dashes)-1] {
			return errors.New("its items cannot be distinguished")
		}
		dashes = append(dashes, line)
	}
	end := l.lineOf(limit)
	if limit == len(l.text) {
		end = len(l.starts)
	}
	for i, dash := range dashes {
		next := end
		if i+1 < len(dashes) {
			next = dashes[i+1]
		}
		last := dash
		for line := dash + 1; line < next; line++ {
			_, indent := l.body(line)
			if !l.blank(line) && (!l.isComment(line) || indent > column) {
				last = line
			}
		}
		l.items = append(l.items, span{l.start(dash), l.start(last + 1)})
	}
	l.findHeads(dashes)
	return nil
}

// findHeads finds the comments directly above the items. Those above the first one are about the list, unless others have
// some as well.
func (l *list) findHeads(dashes []int) {
	commented := false
	for i, dash := range dashes {
		top := dash
		for top > 0 && l.isComment(top-1) && (i == 0 || l.start(top-1) >= l.items[i-1].to) {
			top--
		}
		l.heads = append(l.heads, l.start(top))
		commented = commented || i > 0 && top < dash
	}
	if len(dashes) > 0 && !commented {
		l.heads[0] = l.items[0].from
	}
}

// spaced reports that blank lines separate all items.
func (l *list) spaced() bool {
	for i := 1; i < len(l.items); i++ {
		if !l.blankBetween(l.items[i-1].to, l.heads[i]) {
			return false
		}
	}
	return len(l.items) > 1
}

func (l *list) blankBetween(from, to int) bool {
	return from < to && strings.TrimSpace(l.text[from:to]) == ""
}

// insert is the cut that adds an item at the end.
func (l *list) insert(lines []string) cut {
	if l.flow {
		return l.insertWords(lines[0])
	}
	if l.spaced() {
		last := len(l.items) - 1
		between := strings.Count(l.text[l.items[last-1].to:l.heads[last]], "\n")
		lines = append(make([]string, between), lines...)
	}
	return l.linesAt(l.items[len(l.items)-1].to, lines)
}

// insertWords is insert in flow style. The new item has a line of its own if the last one has.
func (l *list) insertWords(words string) cut {
	if len(l.items) == 0 {
		return cut{l.open, l.open, words}
	}
	last := l.items[len(l.items)-1]
	space := " "
	if len(l.items) > 1 {
		space = l.spaceBefore(last.from)
	} else if before := l.spaceBefore(last.from); strings.Contains(before, "\n") {
		space = before
	}
	return cut{last.to, last.to, "," + space + words}
}

// spaceBefore is the white space before a byte.
func (l *list) spaceBefore(at int) string {
	return l.text[len(strings.TrimRight(l.text[:at], " \t\r\n")):at]
}

// remove is the cut that removes an item, in block style with its comment and one of the gaps beside it.
func (l *list) remove(i int) cut {
	if l.flow {
		return l.removeWords(i)
	}
	from, to := l.heads[i], l.items[i].to
	if i == len(l.items)-1 {
		if i > 0 && l.blankBetween(l.items[i-1].to, from) {
			from = l.items[i-1].to
		}
		return l.withoutLines(from, to)
	}
	gap := to
	for line := l.lineOf(to); line < len(l.starts) && l.blank(line) && l.start(line) < l.items[i+1].from; line++ {
		gap = l.start(line + 1)
	}
	if gap > to && (i == 0 || l.blankBetween(l.items[i-1].to, from)) {
		to = gap
	}
	return l.withoutLines(from, to)
}

func (l *list) removeWords(i int) cut {
	switch {
	case i > 0:
		return cut{l.items[i-1].to, l.items[i].to, ""}
	case len(l.items) > 1:
		return cut{l.items[0].from, l.items[1].from, ""}
	}
	to := l.items[0].to
	if rest := strings.TrimLeft(l.text[to:], " \t\r\n"); strings.HasPrefix(rest, ",") {
		to = len(l.text) - len(rest) + 1
	}
	return cut{l.items[0].from, to, ""}
}

// flowParts cuts a list or mapping in flow style at its commas. It begins at the byte of its opening bracket and
// ends at the closing one.
func flowParts(text string, at int) (parts []span, err error) {
	depth, fresh := 0, true // fresh: a quote here would begin a string
	part := span{-1, -1}
	for i := at; i < len(text); i++ {
		c := text[i]
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			fresh = fresh || i > 0 && text[i-1] == ':'
			continue
		case c == '#' && i > 0 && strings.IndexByte(" \t\r\n", text[i-1]) >= 0:
			for i+1 < len(text) && text[i+1] != '\n' && text[i+1] != '\r' {
				i++
			}
			continue
		case c == '[' || c == '{':
			depth++
			fresh = true
			if depth == 1 {
				continue
			}
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				if part.from >= 0 {
					parts = append(parts, part)
				}
				return parts, nil
			}
			fresh = false
		case c == ',':
			fresh = true
			if depth == 1 {
				parts, part = append(parts, part), span{-1, -1}
				continue
			}
		case (c == '"' || c == '\'') && fresh:
			length := quotedLength(text[i:])
			if length == 0 {
				return nil, errors.New("a quote is not closed")
			}
			if part.from < 0 {
				part.from = i
			}
			i += length - 1
			fresh = true // behind "key": a value may begin at once
		default:
			fresh = c == ':' && i > 0 && (text[i-1] == '"' || text[i-1] == '\'')
		}
		if depth > 0 {
			if part.from < 0 {
				part.from = i
			}
			part.to = i + 1
		}
	}
	return nil, errors.New("a bracket is not closed")
}

// quotedLength is the length of the quoted string that a text begins with, 0 if it does not end.
func quotedLength(text string) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\', quote == '\'' && strings.HasPrefix(text[i:], "''"):
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return 0
}
