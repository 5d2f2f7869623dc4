package policy

import (
	"errors"
	"fmt"
	"slices"

	yaml "go.yaml.in/yaml/v4"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxProblems is how many are reported at once; the rest is counted.
const maxProblems = 100

// problems collects what is wrong with a file, each with its line.
type problems struct {
	root *yaml.Node
	errs []error
	// more is how many there are beside errs.
	more int
}

func (p *problems) add(at place, format string, args ...any) {
	if p.full() {
		p.more++
		return
	}
	p.errs = append(p.errs, fmt.Errorf("line %d: %s: %s", p.line(at), at, fmt.Sprintf(format, args...)))
}

func (p *problems) full() bool { return len(p.errs) == maxProblems }

func (p *problems) addAll(list field.ErrorList) {
	for i, e := range list {
		if p.full() {
			p.more += len(list) - i
			return
		}
		p.add(parsePlace(e.Field), "%s", e.Detail)
	}
}

// err is all that is wrong with the file.
func (p *problems) err() error {
	if p.more > 0 {
		return errors.Join(append(slices.Clone(p.errs), fmt.Errorf("%d more errors", p.more))...)
	}
	return errors.Join(p.errs...)
}

// line finds the line of a value: that of the nearest parent where the value itself is not there.
func (p *problems) line(at place) int {
	n, line := p.root, p.root.Line
	for _, step := range at {
		key, value := child(n, step)
		if key == nil {
			break
		}
		n, line = value, key.Line
	}
	return line
}

// child finds a step below a node: the node that has its line, and its value. Of a key that appears twice, which
// is rejected later, it is the last.
func child(n *yaml.Node, step any) (key, value *yaml.Node) {
	switch n.Kind {
	case yaml.SequenceNode:
		if i, ok := step.(int); ok && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				key, value = n.Content[i], n.Content[i+1]
			}
		}
	}
	return key, value
}
