package edit

import (
	"regexp"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// plainWords are those that every YAML parser reads as they are written: they begin with a letter, so they are no number, and
// no character in them means anything. In block style a template may be among them.
var (
	plainWords     = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_/@.+=-]|:[A-Za-z0-9_/@.+=-])*$`)
	plainInBlock   = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_/@.+=,-]|:{0,3}[A-Za-z0-9_/@.+=,-]|:?\{\{[A-Za-z0-9]+\}\})*$`)
	plainARN       = regexp.MustCompile(`^arn:[a-z-]+:(iam|sts)::[0-9]*:[A-Za-z0-9_/@.+=-]+$`)
	plainAccountID = regexp.MustCompile(`^[1-9][0-9]{11}$`)
)

// otherwise are plain words that are read as something other than text (YAML 1.1, types bool and null).
var otherwise = map[string]bool{"y": true, "yes": true, "n": true, "no": true, "on": true, "off": true, "true": true,
	"false": true, "null": true}

// scalar writes a text with the quotes that texts beside it have: ', " or none (0), if it needs none.
func scalar(s string, quote byte, flow bool) string {
	switch {
	case quote == 0 && plain(s, flow):
		return s
	case quote == '\'' && strconv.CanBackquote(strings.ReplaceAll(s, "`", "")) && !strings.Contains(s, "\t"):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return strconv.Quote(s) // its escapes are YAML's as well, for a text that is UTF-8
}

func plain(s string, flow bool) bool {
	if otherwise[strings.ToLower(s)] {
		return false
	}
	return plainWords.MatchString(s) || plainARN.MatchString(s) || plainAccountID.MatchString(s) ||
		!flow && plainInBlock.MatchString(s)
}

// quoteOf is the quote of a scalar, 0 if it has none.
func quoteOf(n *yaml.Node) byte {
	switch {
	case n.Style&yaml.SingleQuotedStyle != 0:
		return '\''
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return '"'
	}
	return 0
}

// words are where a scalar is that is written in one line; ok is false for every other node.
func (d *document) words(n *yaml.Node) (s span, ok bool) {
	const several = yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle
	if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Style&several != 0 {
		return span{}, false
	}
	at := d.at(n)
	if quoteOf(n) != 0 {
		length := quotedLength(d.text[at:])
		return span{at, at + length}, length > 0 && !strings.ContainsAny(d.text[at:at+length], "\r\n")
	}
	return span{at, at + len(n.Value)}, n.Value != "" && strings.HasPrefix(d.text[at:], n.Value)
}

// null reports a value that is not there.
func null(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && quoteOf(n) == 0 && n.Value == "" && n.Anchor == ""
}
