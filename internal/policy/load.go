package policy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	yaml "go.yaml.in/yaml/v4"
)

// maxSize bounds the file: a ConfigMap holds 1 MiB at most.
const maxSize = 1 << 20

// Load reads a policy file. The error names the file and, where there is one, the line.
func Load(name string) (*Policy, error) {
	data, err := read(name)
	if err != nil {
		return nil, err
	}
	return parse(Source{File: name}, data)
}

// read reads a file, no more of it than a policy can be.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return data, nil
}

func parse(from Source, data []byte) (*Policy, error) {
	p, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", from, err)
	}
	p.Source = from
	return p, nil
}

// Parse decodes and checks a policy file's text. All errors are reported at once, each with its line.
func Parse(data []byte) (*Policy, error) {
	doc, err := document(data)
	if err != nil {
		return nil, err
	}
	return parseNodes(doc)
}

// ParseValues is Parse for the policy in values of the Helm chart: what is below policy. The lines are those of the file.
func ParseValues(data []byte) (*Policy, error) {
	doc, err := document(data)
	if err != nil {
		return nil, err
	}
	key, fields := child(doc.Content[0], "policy")
	switch {
	case key == nil:
		return nil, errors.New("the values have no policy")
	case fields.Kind != yaml.MappingNode:
		return nil, fmt.Errorf("line %d: policy: want fields, as in docs/policy.md", key.Line)
	}
	if err := doc.Load(new(map[string]any)); err != nil { // a second policy, for example
		return nil, plainError(err)
	}
	of := *fields
	of.Content = slices.Clone(fields.Content)
	for _, header := range [][2]string{{"apiVersion", APIVersion}, {"kind", Kind}} { // the chart adds them
		for _, text := range header {
			of.Content = append(of.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: key.Line})
		}
	}
	return parseNodes(&yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{&of}})
}

// parseNodes decodes and checks a document.
func parseNodes(doc *yaml.Node) (*Policy, error) {
	found := &problems{root: doc.Content[0]}
	p, err := decode(doc, found)
	if err != nil {
		return nil, err
	}
	p.setDefaults()
	found.addAll(p.validate())
	if err := found.err(); err != nil {
		return nil, err
	}
	p.settleRules(found.line)
	for i := range p.Privileged.Approvals {
		p.Privileged.Approvals[i].Line = found.line(place{"privileged", "approvals", i})
	}
	for i := range p.Required {
		p.Required[i].Line = found.line(place{"required", i})
	}
	for i := range p.Waivers {
		p.Waivers[i].Line = found.line(place{"waivers", i})
	}
	return p, nil
}

// settleRules writes out the short forms of severities, and notes the lines.
func (p *Policy) settleRules(line func(place) int) {
	p.RuleLines = make(map[string]int, len(p.Rules))
	for rule, s := range p.Rules {
		p.RuleLines[rule] = line(place{"rules", rule})
		switch s {
		case "":
			p.Rules[rule] = Error
		case Warn:
			p.Rules[rule] = Warning
		}
	}
}
