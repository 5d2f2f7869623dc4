package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The rules of the catalogue that a manifest can break by itself.
const (
	yamlSyntax    = "AA101"
	ambiguousYAML = "AA102"
	notAList      = "AA104"
	unknownField  = "AA105"
)

// mapKeys are the keys of data that hold lists.
var mapKeys = []string{"mapRoles", "mapUsers", "mapAccounts"}

// found makes a finding at a byte of the file.
func (f *File) found(rule string, offset int, finding validate.Finding) {
	f.Findings = append(f.Findings, f.at(rule, offset, finding))
}

func (f *File) at(rule string, offset int, finding validate.Finding) validate.Finding {
	r, _ := validate.Lookup(rule)
	finding.Rule, finding.Name = rule, r.Name
	finding.Severity = cmp.Or(finding.Severity, validate.Error)
	finding.DataKey = Key
	finding.Line, finding.Column = f.text.place(offset)
	return finding
}

// lint looks at the manifest's own YAML around the values.
func (f *File) lint() {
	d := f.object.doc
	f.lintNode(f.object.node, "", map[*yaml.Node]bool{})
	f.lintFields()
	f.lintData()
	var inComment func(int) bool
	for i, c := range d.text {
		if !hidden(c) || f.inValue(d.offset+i) {
			continue
		}
		if inComment == nil {
			inComment = awsauth.Comments(d.text)
		}
		if joins(c) && inComment(i) {
			continue
		}
		f.found(ambiguousYAML, d.offset+i, validate.Finding{Value: string(c),
			Message: fmt.Sprintf("there is an invisible character U+%04X here", c), Why: "and what is written is not what a reader sees", Fix: "delete the character"})
		break
	}
	slices.SortStableFunc(f.Findings, func(a, b validate.Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// hidden reports zero-width and bidirectional characters. What stands inside a value is the rules' to tell.
func hidden(r rune) bool {
	return r == '\ufeff' || r >= '\u200b' && r <= '\u200f' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// joins reports those that people write in a comment: in emoji, Persian, Hindi, Hebrew.
func joins(r rune) bool { return r == '\ufeff' || r >= '\u200b' && r <= '\u200f' }

// inValue reports a byte inside one of the values, which the rules look at.
func (f *File) inValue(offset int) bool {
	for _, p := range f.places {
		if n := len(p.at); n > 0 && p.at[0] <= offset && offset < p.at[n-1] {
			return true
		}
	}
	return false
}

// lintNode finds keys written twice and what can hide or move text: anchors, aliases, merge keys, odd tags.
func (f *File) lintNode(n *yaml.Node, path string, seen map[*yaml.Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	at := f.object.doc.place(n)
	// kubectl expands them faithfully before anything is sent, so the edit is not wrong, only hard to read.
	switch {
	case n.Kind == yaml.AliasNode:
		f.found(ambiguousYAML, at, validate.Finding{Severity: validate.Warning, Field: path, Value: "*" + n.Value, Message: fmt.Sprintf("%q is a YAML alias", "*"+n.Value),
			Why: "so what is written in one place works in another, out of sight", Fix: "write out the text that is meant"})
	case n.Anchor != "":
		f.found(ambiguousYAML, at, validate.Finding{Severity: validate.Warning, Field: path, Value: "&" + n.Anchor, Message: fmt.Sprintf("%q is a YAML anchor", "&"+n.Anchor),
			Why: "so what is written in one place works in another, out of sight", Fix: "write out the text where it is used, and remove the anchor"})
	}
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str" {
		f.found(ambiguousYAML, at, validate.Finding{Field: path, Value: n.Tag, Message: fmt.Sprintf("the tag %q changes how the value is read", n.Tag),
			Why: "and not every tool reads it alike", Fix: "remove the tag and write the text itself"})
	}
	if n.Kind != yaml.MappingNode {
		for i, c := range n.Content {
			f.lintNode(c, fmt.Sprintf("%s[%d]", path, i), seen)
		}
		return
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		field := strings.TrimPrefix(path+"."+k.Value, ".")
		if k.Kind == yaml.ScalarNode {
			if before, twice := first[k.Value]; twice {
				line, _ := f.text.place(f.object.doc.place(before))
				f.found(ambiguousYAML, f.object.doc.place(k), validate.Finding{Field: field, Value: k.Value,
					Message: fmt.Sprintf("%q stands here a second time, first on line %d", k.Value, line),
					Why:     "and kubectl sends only the last one, without an error", Fix: "make one of the two, or remove the wrong one"})
			}
			first[k.Value] = k
			if k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
				f.found(ambiguousYAML, f.object.doc.place(k), validate.Finding{Severity: validate.Warning, Field: field, Value: "<<", Message: "a merge key (<<) takes fields from elsewhere",
					Why: "so the object holds more than it shows", Fix: "write the fields out"})
			}
		}
		// A list in the place of a text is one mistake; what is inside it is the rules' to tell.
		if path == "data" && resolve(v) != nil && resolve(v).Kind != yaml.ScalarNode {
			continue
		}
		f.lintNode(v, field, seen)
	}
}

var rootFields = []string{"apiVersion", "kind", "metadata", "data", "binaryData", "immutable"}

// lintFields finds fields that a ConfigMap does not have; most often data is spelt or indented wrong.
func (f *File) lintFields() {
	root := f.object.node
	misplaced := func(parent *yaml.Node, path string) {
		for i := 0; parent != nil && i+1 < len(parent.Content); i += 2 {
			k := parent.Content[i]
			switch {
			case slices.Contains(mapKeys, k.Value):
				f.unknown(k, path+k.Value, "write it under data:, indented by two blanks more than data")
			case path != "" && (k.Value == "data" || k.Value == "binaryData" || k.Value == "immutable"):
				f.unknown(k, path+k.Value, fmt.Sprintf("indent %s: exactly like metadata:", k.Value))
			}
		}
	}
	misplaced(field(root, "metadata"), "metadata.")
	misplaced(root, "")
	for i := 0; i+1 < len(root.Content); i += 2 {
		k := root.Content[i]
		if k.Value == "<<" || slices.Contains(mapKeys, k.Value) || slices.Contains(rootFields, k.Value) {
			continue
		}
		fix := "remove it; the fields are " + strings.Join(rootFields, ", ")
		for _, known := range rootFields {
			if levenshtein.Distance(strings.ToLower(k.Value), strings.ToLower(known), nil) <= 2 {
				fix = "write " + known
			}
		}
		f.unknown(k, k.Value, fix)
	}
}

func (f *File) unknown(key *yaml.Node, path, fix string) {
	f.found(unknownField, f.object.doc.place(key), validate.Finding{Field: path, Value: key.Value,
		Message: fmt.Sprintf("%q is not a field that a ConfigMap has here", key.Value),
		Why:     "and the API server refuses it, or drops it with all that is in it", Fix: fix})
}

// lintData finds data that is no text.
func (f *File) lintData() {
	root, d := f.object.node, f.object.doc
	if v := field(root, "immutable"); v != nil && (v.Kind != yaml.ScalarNode || v.Tag != "!!bool") && v.Tag != "!!null" {
		f.found(notAList, d.place(v), validate.Finding{Field: "immutable", Value: v.Value, Message: fmt.Sprintf("immutable is %s, not true or false", shape(v)),
			Why: "and the API server refuses the whole object", Fix: "remove it: once true, aws-auth can never be changed again"})
	}
	for _, name := range []string{"data", "binaryData"} {
		key, data := entry(root, name)
		data = resolve(data)
		if data == nil || data.Tag == "!!null" && data.Kind == yaml.ScalarNode {
			continue
		}
		if data.Kind != yaml.MappingNode {
			f.found(notAList, d.place(data), validate.Finding{Field: name, Value: data.Value, Message: fmt.Sprintf("%s is %s, not a mapping of keys to text", name, shape(data)),
				Why: "and the API server refuses the whole object", Fix: fmt.Sprintf("write mapRoles: | under %s:, indented by two blanks", key.Value)})
			continue
		}
		for i := 0; i+1 < len(data.Content); i += 2 {
			f.lintValue(name, data.Content[i], data.Content[i+1])
		}
	}
}

func (f *File) lintValue(parent string, key, value *yaml.Node) {
	v := resolve(value)
	path, at := parent+"."+key.Value, f.object.doc.place(value)
	if key.Value == "<<" || v == nil || v.Tag == "!!null" {
		return
	}
	finding := validate.Finding{Field: path, Value: v.Value, Why: "and a ConfigMap holds only text, so the API server refuses the whole object"}
	switch {
	case v.Kind == yaml.ScalarNode && (v.Tag == "!!str" || v.Tag == "!!binary" || v.Tag == "!!timestamp"):
		return
	case v.Kind == yaml.ScalarNode:
		finding.Message = fmt.Sprintf("%s is %s, not text", key.Value, shape(v))
		finding.Fix = fmt.Sprintf("write it in quotes: %s: %q", key.Value, v.Value)
		if key.Value == "mapAccounts" {
			finding.Fix = fmt.Sprintf("write mapAccounts: | and below it, indented further, - %q", v.Value)
		}
	default:
		if v.Style&yaml.FlowStyle == 0 {
			line, _ := f.text.place(at)
			finding.Value = strings.TrimSpace(f.text.line(line))
		}
		finding.Message = fmt.Sprintf("%s is %s, not text: the | after %s: is missing", key.Value, shape(v), key.Value)
		finding.Fix = fmt.Sprintf("write %s: | and indent the lines below it further than %s", key.Value, key.Value)
		if v.Style&yaml.FlowStyle != 0 {
			finding.Value = ""
			finding.Fix = fmt.Sprintf("write %s: | and begin the list on the next line, indented further", key.Value)
		}
	}
	f.found(notAList, at, finding)
}

// shape names what a node is.
func shape(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	}
	return "text"
}

// lineInText finds the line in messages of kubectl's library, which gives no typed place.
var lineInText = regexp.MustCompile(`line (\d+)`)

// syntax is the finding for a document that is not YAML.
func (f *File) syntax(d *document) validate.Finding {
	offset, complaint, context := d.offset, d.err.Error(), 0
	var le *yaml.LoadError
	if errors.As(d.err, &le) {
		complaint = le.Message
		if le.Mark.Line > 0 {
			offset = d.offset + d.lines.offset(le.Mark.Line, le.Mark.Column)
		}
		if le.ContextMark.Line > 0 {
			context, _ = f.text.place(d.offset + d.lines.offset(le.ContextMark.Line, le.ContextMark.Column))
		}
	} else if m := lineInText.FindStringSubmatch(complaint); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits, and too many of them are 0: the document's first line
		offset = d.offset + d.lines.offset(n, 1)
		for offset < len(f.Text) && f.Text[offset] == ' ' {
			offset++
		}
	}
	if strings.Contains(complaint, "control characters") {
		if i := strings.IndexFunc(d.text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n\u0085", r) }); i >= 0 {
			offset = d.offset + i
		}
	}
	line, _ := f.text.place(offset)
	here := f.text.line(line)
	before := ""
	for n := line - 1; n > 0 && before == ""; n-- {
		before = strings.TrimSpace(f.text.line(n))
	}
	finding := validate.Finding{Why: "and kubectl can send nothing of it"}
	finding.Message, finding.Fix = explain(complaint, here, before, context)
	if strings.HasPrefix(strings.TrimLeft(here, " "), "\t") {
		offset = f.text.starts[line-1] + strings.Index(here, "\t")
	}
	return f.at(yamlSyntax, offset, finding)
}

// explain puts the parser's complaint into an operator's words. here is the line it stopped at, before the last line
// with text above it, and context the line on which the construct began, or 0.
func explain(complaint, here, before string, context int) (message, fix string) {
	has := func(s string) bool { return strings.Contains(complaint, s) }
	opensBlock := strings.HasSuffix(before, "|") || strings.HasSuffix(before, "|-") || strings.HasSuffix(before, "|+")
	switch {
	case strings.HasPrefix(strings.TrimLeft(here, " "), "\t"):
		return "a tab in the indentation", "use blanks, as many as in the lines around it"
	case has("control characters"):
		return "a control character", "delete it"
	case has("did not find expected key") && opensBlock && strings.HasPrefix(strings.TrimSpace(here), "-"):
		key := strings.TrimSpace(strings.TrimRight(before, "|-+"))
		return fmt.Sprintf("this line is not indented further than %s above it, so it is not part of its text", key),
			fmt.Sprintf("indent all lines below %s | by two blanks more than %s", key, strings.TrimSuffix(key, ":"))
	case has("did not find expected key"):
		return "this line is out of step with the lines above", "indent it like the line it belongs to"
	case has("mapping values are not allowed"):
		return "a colon where no key can stand", `indent the line like its neighbours, or put a text that holds ": " in quotes`
	case has("'-' indicator"):
		return "this line is out of step with the list above", `begin the list's items with "- ", all equally far from the left`
	case has("could not find expected ':'"):
		return "a key without a colon", "write key: value"
	case has("unexpected end of stream"):
		return fmt.Sprintf("the quote opened on line %d is never closed", context), "close the quote"
	case has("unexpected document indicator"):
		return fmt.Sprintf("the document ends inside the quote opened on line %d", context), "close the quote"
	case has("',' or ']'"), has("',' or '}'"):
		return fmt.Sprintf("the bracket opened on line %d is never closed, or a comma is missing", context), "close the bracket"
	case has("unknown anchor"):
		return "an alias without an anchor", "write out the text that is meant"
	case has("unknown escape character"):
		return "a backslash that means nothing in double quotes", "use single quotes, or write the backslash twice"
	case has("cannot start any token"):
		return "a text cannot begin with this character", "put the text in quotes"
	}
	return "not YAML: " + strings.TrimPrefix(complaint, "yaml: "), "correct the line"
}
