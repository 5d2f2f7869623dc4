package edit

import (
	"errors"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// item is one entry in the text.
type item struct {
	*document
	key   string
	node  *yaml.Node
	flow  bool // it is in braces
	lines span // of the item, in a list in block style
}

// step changes an item and returns the new text.
type step func(it *item) (string, error)

// setEntry takes steps one after another, and reads what comes of it: the entry must be what change makes of it.
func setEntry(data map[string]string, e *awsauth.Entry, steps []step, change func(*meaning)) (map[string]string, error) {
	was, err := read(data, e.DataKey)
	if err != nil {
		return nil, err
	}
	text := data[e.DataKey]
	for _, s := range steps {
		it, err := findItem(text, e)
		if err == nil {
			text, err = s(it)
		}
		if err != nil {
			return nil, unusual(e.DataKey, err)
		}
	}
	want := was.entries(e.DataKey)
	want[e.Index].groups = slices.Clone(want[e.Index].groups)
	change(&want[e.Index])
	return was.checked(e.DataKey, text, want, e.ARN.Value)
}

func findItem(text string, e *awsauth.Entry) (*item, error) {
	d, err := compose(text)
	if err != nil {
		return nil, err
	}
	if d.root == nil {
		return nil, errors.New("it holds no list")
	}
	l, err := d.list(d.root, len(d.text))
	if err != nil {
		return nil, err
	}
	if e.Index >= len(l.items) {
		return nil, errors.New("its items cannot be distinguished")
	}
	n := d.root.Content[e.Index]
	if n.Kind != yaml.MappingNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		return nil, errors.New("the entry is not a plain mapping")
	}
	return &item{document: d, key: e.DataKey, node: n, flow: n.Style&yaml.FlowStyle != 0, lines: l.items[e.Index]}, nil
}

func setUsername(name string) step {
	return func(it *item) (string, error) {
		_, v := pair(it.node, usernameField)
		if v == nil {
			s := it.style(it.key)
			if it.flow {
				return it.addPart(s.field(usernameField, scalar(name, s.name, true)))
			}
			return it.addLines([]string{"username: " + scalar(name, s.name, false)})
		}
		if null(v) {
			return it.behindColon(usernameField, " "+scalar(name, 0, it.flow))
		}
		words, ok := it.words(v)
		if !ok {
			return "", errors.New("the username is not written in one line")
		}
		return it.apply(cut{words.from, words.to, scalar(name, quoteOf(v), it.flow)}), nil
	}
}

func addGroup(group string) step {
	return func(it *item) (string, error) {
		k, v := pair(it.node, groupsField)
		s := it.style(it.key)
		switch {
		case v == nil && it.flow:
			return it.addPart(s.field(groupsField, s.brackets([]string{group})))
		case v == nil:
			return it.addLines(s.groupLines([]string{group}))
		case null(v) && it.flow:
			return it.behindColon(groupsField, " "+s.brackets([]string{group}))
		case null(v):
			s.groups.flow = false
			line := strings.Repeat(" ", k.Column-1) + s.groupLines([]string{group})[1]
			return it.apply(it.linesAt(it.start(it.lineOf(it.at(k))+1), []string{line})), nil
		}
		l, err := it.groupList(k, v)
		if err != nil {
			return "", err
		}
		quote := s.groups.quote
		if len(v.Content) > 0 {
			quote = quoteOf(v.Content[len(v.Content)-1])
		}
		line := scalar(group, quote, l.flow)
		if !l.flow {
			line = strings.Repeat(" ", v.Column-1) + "-" + it.groupStyle(it.node, v).gap + line
		}
		return it.apply(l.insert([]string{line})), nil
	}
}

// removeGroup removes a group once.
func removeGroup(group string) step {
	return func(it *item) (string, error) {
		k, v := pair(it.node, groupsField)
		if v == nil {
			return "", errors.New("the entry has no field groups")
		}
		l, err := it.groupList(k, v)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(v.Content, func(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Value == group })
		if i < 0 {
			return it.text, nil
		}
		if len(l.items) == 1 && !l.flow { // a list without items has brackets
			colon, err := it.colon(k)
			if err != nil {
				return "", err
			}
			return it.apply(cut{colon, colon, " []"}, it.withoutLines(l.heads[0], l.items[0].to)), nil
		}
		return it.apply(l.remove(i)), nil
	}
}

// groupList is the list of an item's groups.
func (it *item) groupList(k, v *yaml.Node) (*list, error) {
	limit := it.lines.to
	for i := 0; i+1 < len(it.node.Content); i += 2 {
		if next := it.at(it.node.Content[i]); next > it.at(k) {
			limit = min(limit, it.start(it.lineOf(next)))
		}
	}
	return it.list(v, limit)
}

// addLines adds a field at the end of an item in block style.
func (it *item) addLines(lines []string) (string, error) {
	for i := range lines {
		lines[i] = strings.Repeat(" ", it.node.Column-1) + lines[i]
	}
	return it.apply(it.linesAt(it.lines.to, lines)), nil
}

// addPart adds a field at the end of an item in braces.
func (it *item) addPart(part string) (string, error) {
	parts, err := flowParts(it.text, it.at(it.node))
	if err != nil || len(parts) == 0 {
		return "", errors.New("the fields of the entry cannot be distinguished")
	}
	l := &list{document: it.document, node: it.node, flow: true, items: parts, open: it.at(it.node) + 1}
	return it.apply(l.insertWords(part)), nil
}

// behindColon puts a value behind the key of a field that has none.
func (it *item) behindColon(field, value string) (string, error) {
	k, _ := pair(it.node, field)
	colon, err := it.colon(k)
	if err != nil {
		return "", err
	}
	return it.apply(cut{colon, colon, value}), nil
}

// colon is the byte behind the colon of a key.
func (it *item) colon(k *yaml.Node) (int, error) {
	words, ok := it.words(k)
	rest := it.text[words.to:]
	if body := strings.TrimLeft(rest, " "); ok && strings.HasPrefix(body, ":") {
		return words.to + len(rest) - len(body) + 1, nil
	}
	return 0, errors.New("a key is not written in one line")
}
