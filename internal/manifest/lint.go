package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The rules of the catalogue that a manifest can break by itself.
const (
	yamlSyntax    = "AA101"
	ambiguousYAML = "AA102"
	notAList      = "AA104"
	unknownField  = "AA105"
)

// found makes a finding at a byte of the file.
func (f *File) found(rule string, offset int, finding validate.Finding) {
	f.Findings = append(f.Findings, f.at(rule, offset, finding))
}

func (f *File) at(rule string, offset int, finding validate.Finding) validate.Finding {
	r, _ := validate.Lookup(rule)
	finding.Rule, finding.Name = rule, r.Name
	finding.Severity = cmp.Or(finding.Severity, validate.Error)
	finding.DataKey = Key
	finding.Line, finding.Column = f.lines.place(offset)
	return finding
}

// lint looks at the manifest's own YAML around the values.
func (f *File) lint() {
	f.lintNode(f.object.node, "", map[*yaml.Node]bool{})
	f.lintFields()
	f.lintData()
	f.lintHidden()
	slices.SortStableFunc(f.Findings, func(a, b validate.Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// lintNode finds keys written twice and what can hide or move text: anchors, aliases, merge keys, odd tags.
func (f *File) lintNode(n *yaml.Node, path string, seen map[*yaml.Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	f.lintProperties(n, path)
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
			f.lintKey(k, field, first)
		}
		// A list instead of a string is one mistake; the rules check what is inside it.
		if path == "data" && resolve(v) != nil && resolve(v).Kind != yaml.ScalarNode {
			continue
		}
		f.lintNode(v, field, seen)
	}
}

// lintProperties finds aliases, anchors and tags. kubectl expands the first two faithfully before anything is sent, so the edit
// is not wrong, only hard to read.
func (f *File) lintProperties(n *yaml.Node, path string) {
	at := f.object.doc.place(n)
	const outOfSight = "a reader of this line does not see the value that is used"
	switch {
	case n.Kind == yaml.AliasNode:
		f.found(ambiguousYAML, at, validate.Finding{Severity: validate.Warning, Field: path, Value: "*" + n.Value,
			Message: fmt.Sprintf("%q is a YAML alias", "*"+n.Value), Why: outOfSight, Fix: "write the value itself"})
	case n.Anchor != "":
		f.found(ambiguousYAML, at, validate.Finding{Severity: validate.Warning, Field: path, Value: "&" + n.Anchor,
			Message: fmt.Sprintf("%q is a YAML anchor", "&"+n.Anchor), Why: outOfSight,
			Fix: "write the value in each place that uses it, and remove the anchor"})
	}
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str" {
		f.found(ambiguousYAML, at, validate.Finding{Field: path, Value: n.Tag,
			Message: fmt.Sprintf("the tag %q changes how the value is read", n.Tag),
			Why:     "tools read the tag differently", Fix: "remove the tag and write the value itself"})
	}
}

// lintKey finds a key that is there a second time, and a merge key. first are the keys of the mapping so far.
func (f *File) lintKey(k *yaml.Node, field string, first map[string]*yaml.Node) {
	at := f.object.doc.place(k)
	if before, twice := first[k.Value]; twice {
		line, _ := f.lines.place(f.object.doc.place(before))
		f.found(ambiguousYAML, at, validate.Finding{Field: field, Value: k.Value,
			Message: fmt.Sprintf("%q appears twice, first on line %d", k.Value, line),
			Why:     "kubectl sends only the last one, without an error", Fix: "merge the two, or remove the wrong one"})
	}
	first[k.Value] = k
	if k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		f.found(ambiguousYAML, at, validate.Finding{Severity: validate.Warning, Field: field, Value: "<<",
			Message: "a merge key (<<) takes fields from elsewhere", Why: "the object contains fields that it does not show", Fix: "write the fields themselves"})
	}
}
