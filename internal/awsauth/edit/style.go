package edit

import (
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// style is how entries are written.
type style struct {
	indent, gap string   // before and behind the dash
	flow        bool     // an entry is a mapping in braces
	order       []string // of the fields: those of fields, in which the ARN's field is arn
	arn, name   byte     // quotes
	groups      groupStyle
	// Of mappings in braces: the quote around keys, what is behind a colon and a comma, and inside the braces.
	keyQuote, colon, comma, pad string
}

type groupStyle struct {
	flow   bool
	indent int // of the dashes, from that of the key
	gap    string
	quote  byte
}

// The fields of an entry in the usual order.
const (
	arnField      = "arn"
	usernameField = "username"
	groupsField   = "groups"
)

var fields = []string{arnField, usernameField, groupsField}

func usualStyle() *style {
	return &style{gap: " ", order: fields, colon: " ", comma: " ", groups: groupStyle{gap: " "}}
}

// style is that of the last entry, and of the last one with groups; nil if there is no entry.
func (d *document) style(key string) *style {
	if d.root == nil || d.root.Kind != yaml.SequenceNode {
		return nil
	}
	var s *style
	groups, ordered := false, false
	for _, n := range slices.Backward(d.root.Content) {
		if n.Kind != yaml.MappingNode || n.Anchor != "" {
			continue
		}
		if s == nil {
			s = usualStyle()
			d.layout(s, n)
			d.quotes(s, key, n)
		}
		if _, v := pair(n, groupsField); v != nil && v.Kind == yaml.SequenceNode && len(v.Content) > 0 && !groups {
			s.groups, groups = d.groupStyle(n, v), true
		}
		if order := orderOf(key, n); len(order) == len(fields) && !ordered {
			s.order, ordered = order, true
		}
	}
	return s
}

// layout is about the dash, or the braces.
func (d *document) layout(s *style, n *yaml.Node) {
	at := d.at(n)
	line := d.lineOf(at)
	if body, indent := d.body(line); d.root.Style&yaml.FlowStyle == 0 {
		s.indent = strings.Repeat(" ", d.root.Column-1)
		if behind := n.Column - d.root.Column - 1; strings.HasPrefix(body, "-") && indent == d.root.Column-1 && behind > 0 {
			s.gap = strings.Repeat(" ", behind)
		}
	}
	s.flow = n.Style&yaml.FlowStyle != 0
	if !s.flow || len(n.Content) == 0 {
		return
	}
	if strings.HasPrefix(d.text[at:], "{ ") {
		s.pad = " "
	}
	if q := quoteOf(n.Content[0]); q != 0 {
		s.keyQuote = string(q)
		if i := strings.Index(d.text[at:], s.keyQuote+":"); i >= 0 && !strings.HasPrefix(d.text[at+i+2:], " ") {
			s.colon, s.comma = "", ""
		}
	}
}

func (d *document) quotes(s *style, key string, n *yaml.Node) {
	if _, v := pair(n, awsauth.ARNField(key)); v != nil {
		s.arn = quoteOf(v)
	}
	if _, v := pair(n, usernameField); v != nil {
		s.name = quoteOf(v)
	}
	s.groups.quote = s.name
	s.groups.flow = s.flow
}

func (d *document) groupStyle(item, groups *yaml.Node) groupStyle {
	g := groupStyle{flow: groups.Style&yaml.FlowStyle != 0, gap: " ", quote: quoteOf(groups.Content[0])}
	if !g.flow {
		k, _ := pair(item, groupsField)
		g.indent = max(groups.Column-k.Column, 0)
		if behind := groups.Content[0].Column - groups.Column - 1; groups.Content[0].Line == groups.Line && behind > 0 {
			g.gap = strings.Repeat(" ", behind)
		}
	}
	return g
}

// pair is a field of a mapping; nil if it has none of that name.
func pair(n *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && k.Value == name {
			return k, n.Content[i+1]
		}
	}
	return nil, nil
}

func orderOf(key string, n *yaml.Node) (order []string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if name == awsauth.ARNField(key) {
			name = arnField
		}
		if slices.Contains(fields, name) && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	return order
}

// entry writes an entry as lines, or in one line for a list in flow style.
func (s *style) entry(key string, e Entry, flow bool) []string {
	if s.flow || flow {
		line := s.braces(key, e)
		if !flow {
			line = s.indent + "-" + s.gap + line
		}
		return []string{line}
	}
	var lines []string
	for _, field := range s.order {
		switch field {
		case arnField:
			lines = append(lines, awsauth.ARNField(key)+": "+scalar(e.ARN, s.arn, false))
		case usernameField:
			lines = append(lines, "username: "+scalar(e.Username, s.name, false))
		case groupsField:
			if len(e.Groups) > 0 {
				lines = append(lines, s.groupLines(e.Groups)...)
			}
		}
	}
	for i := range lines {
		if i == 0 {
			lines[i] = s.indent + "-" + s.gap + lines[i]
		} else {
			lines[i] = s.indent + " " + strings.Repeat(" ", len(s.gap)) + lines[i]
		}
	}
	return lines
}

// groupLines are the field groups without the indentation of its key.
func (s *style) groupLines(groups []string) []string {
	if s.groups.flow {
		return []string{"groups: " + s.brackets(groups)}
	}
	lines := []string{"groups:"}
	for _, g := range groups {
		lines = append(lines, strings.Repeat(" ", s.groups.indent)+"-"+s.groups.gap+scalar(g, s.groups.quote, false))
	}
	return lines
}

func (s *style) brackets(groups []string) string {
	var words []string
	for _, g := range groups {
		words = append(words, scalar(g, s.groups.quote, true))
	}
	return "[" + strings.Join(words, ","+s.comma) + "]"
}

func (s *style) braces(key string, e Entry) string {
	var parts []string
	for _, field := range s.order {
		switch field {
		case arnField:
			parts = append(parts, s.field(awsauth.ARNField(key), scalar(e.ARN, s.arn, true)))
		case usernameField:
			parts = append(parts, s.field(field, scalar(e.Username, s.name, true)))
		case groupsField:
			if len(e.Groups) > 0 {
				parts = append(parts, s.field(field, s.brackets(e.Groups)))
			}
		}
	}
	return "{" + s.pad + strings.Join(parts, ","+s.comma) + s.pad + "}"
}

// field is a field of a mapping in braces.
func (s *style) field(name, value string) string {
	return s.keyQuote + name + s.keyQuote + ":" + s.colon + value
}

// accountStyle is how mapAccounts is written.
func (d *document) accountStyle() (indent string, quote byte) {
	if d.root == nil || d.root.Kind != yaml.SequenceNode || len(d.root.Content) == 0 {
		return "", '"'
	}
	if d.root.Style&yaml.FlowStyle == 0 {
		indent = strings.Repeat(" ", d.root.Column-1)
	}
	return indent, quoteOf(d.root.Content[len(d.root.Content)-1])
}
