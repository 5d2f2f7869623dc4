package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// candidate is an object that could be the one.
type candidate struct {
	located
	// index is that in a List, -1 for an object by itself.
	index                             int
	apiVersion, kind, namespace, name string
}

func (c candidate) offset() int { return c.doc.place(c.node) }

// candidates are the document's objects, those of a List too.
func (d *document) candidates() []candidate {
	if d.root == nil || d.root.Kind != yaml.MappingNode {
		return []candidate{{located: located{d.root, d}, index: -1}}
	}
	if items := field(d.root, "items"); items != nil && items.Kind == yaml.SequenceNode {
		var all []candidate
		for i, n := range items.Content {
			all = append(all, d.candidate(resolve(n), i))
		}
		return all
	}
	return []candidate{d.candidate(d.root, -1)}
}

func (d *document) candidate(n *yaml.Node, index int) candidate {
	c := candidate{located: located{n, d}, index: index}
	c.apiVersion, c.kind = scalar(field(n, "apiVersion")), scalar(field(n, "kind"))
	metadata := field(n, "metadata")
	c.namespace, c.name = scalar(field(metadata, "namespace")), scalar(field(metadata, "name"))
	return c
}

// choose finds aws-auth in the file. A document that is no YAML is a finding, if it may be about aws-auth; there is no object
// then, and no error.
func (f *File) choose() (*candidate, error) {
	docs := split(f.Text)
	if len(docs) == 0 {
		return nil, none("%s holds no YAML document, only blanks or comments; want a ConfigMap %s/%s", f.Name, objectNamespace, objectName)
	}
	var broken *document
	var taken, others []candidate
	for _, d := range docs {
		if !d.compose() {
			if broken == nil || !broken.namesObject() && d.namesObject() {
				broken = d
			}
			continue
		}
		for _, c := range d.candidates() {
			if c.isAWSAuth() {
				taken = append(taken, c)
			} else {
				others = append(others, c)
			}
		}
	}
	switch {
	case len(taken) == 0 && broken == nil:
		return nil, f.noConfigMap(others)
	case len(taken) > 1:
		a, _ := f.lines.place(taken[0].offset())
		b, _ := f.lines.place(taken[1].offset())
		return nil, fmt.Errorf("%s holds ConfigMap %s/%s twice, on lines %d and %d; keep one", f.Name, objectNamespace, objectName, a, b)
	}
	if broken != nil && (len(taken) == 0 || broken.namesObject()) {
		f.Findings = append(f.Findings, f.syntax(broken))
	}
	if len(taken) == 0 {
		return nil, nil
	}
	return &taken[0], nil
}

// namesObject reports a document with the name aws-auth in it.
func (d *document) namesObject() bool { return strings.Contains(d.text, objectName) }

// isAWSAuth reports the object that EKS reads.
func (c candidate) isAWSAuth() bool {
	return c.apiVersion == "v1" && c.kind == "ConfigMap" && c.name == objectName && (c.namespace == objectNamespace || c.namespace == "")
}

// nearness is how much of what is looked for an object has.
func (c candidate) nearness() (n int) {
	for _, near := range []bool{
		strings.EqualFold(c.kind, "ConfigMap"),
		strings.Contains(strings.ToLower(strings.ReplaceAll(c.name, "_", "-")), objectName),
		c.namespace == objectNamespace,
	} {
		if near {
			n++
		}
	}
	return n
}

// NoConfigMap is the error for a file that holds no aws-auth.
type NoConfigMap struct{ what string }

func (e *NoConfigMap) Error() string { return e.what }

func none(format string, a ...any) error { return &NoConfigMap{fmt.Sprintf(format, a...)} }

// noConfigMap is the error for a file without aws-auth, with what is there instead: the nearest to what is looked for.
func (f *File) noConfigMap(seen []candidate) error {
	instead := ""
	if len(seen) > 0 {
		instead = "; " + f.difference(slices.MaxFunc(seen, func(a, b candidate) int { return cmp.Compare(a.nearness(), b.nearness()) }))
	}
	return none("%s holds no ConfigMap %s/%s%s", f.Name, objectNamespace, objectName, instead)
}

// difference says why an object is not the one.
func (f *File) difference(c candidate) string {
	if c.node == nil || c.node.Kind != yaml.MappingNode {
		return "a manifest begins with apiVersion: v1, kind: ConfigMap (bare values are given with --map-roles, --map-users, --map-accounts)"
	}
	line, _ := f.lines.place(c.offset())
	at := func(n *yaml.Node) int {
		if n == nil {
			return line
		}
		l, _ := f.lines.place(c.doc.place(n))
		return l
	}
	metadata := field(c.node, "metadata")
	switch {
	case c.kind == "":
		if field(c.node, "mapRoles") != nil || field(c.node, "mapUsers") != nil || field(c.node, "data") != nil {
			return fmt.Sprintf("line %d begins an object without kind, add apiVersion: v1, kind: ConfigMap and metadata", line)
		}
		return fmt.Sprintf("line %d begins an object without kind", line)
	case c.kind != "ConfigMap" && strings.EqualFold(c.kind, "ConfigMap"):
		return fmt.Sprintf("kind is %q on line %d, write ConfigMap", c.kind, at(field(c.node, "kind")))
	case c.kind != "ConfigMap":
		return fmt.Sprintf("it holds %s %q (line %d)", c.kind, c.name, line)
	case c.apiVersion != "v1":
		return fmt.Sprintf("apiVersion is %q on line %d, write v1", c.apiVersion, at(field(c.node, "apiVersion")))
	case c.name != objectName:
		return fmt.Sprintf("the ConfigMap's name is %q on line %d, and EKS reads only %q", c.name, at(field(metadata, "name")), objectName)
	default:
		return fmt.Sprintf("namespace is %q on line %d, and EKS reads only %q", c.namespace, at(field(metadata, "namespace")), objectNamespace)
	}
}
