package manifest

import (
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// lintData finds values that are not strings.
func (f *File) lintData() {
	const why = "the API server rejects the whole object"
	root, d := f.object.node, f.object.doc
	if v := field(root, "immutable"); v != nil && (v.Kind != yaml.ScalarNode || v.Tag != "!!bool") && v.Tag != "!!null" {
		f.found(notAList, d.place(v), validate.Finding{Field: "immutable", Value: v.Value,
			Message: fmt.Sprintf("immutable is %s, not true or false", shape(v)), Why: why,
			Fix: "remove it: once true, aws-auth can never be changed again"})
	}
	for _, name := range []string{"data", "binaryData"} {
		key, data := entry(root, name)
		data = resolve(data)
		if data == nil || data.Tag == "!!null" && data.Kind == yaml.ScalarNode {
			continue
		}
		if data.Kind != yaml.MappingNode {
			f.found(notAList, d.place(data), validate.Finding{Field: name, Value: data.Value,
				Message: fmt.Sprintf("%s is %s, not a mapping of keys to strings", name, shape(data)), Why: why,
				Fix: fmt.Sprintf("write mapRoles: | under %s:, indented by two spaces", key.Value)})
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
	finding := validate.Finding{Field: path, Value: v.Value, Why: "a ConfigMap contains only strings, so the API server rejects the whole object"}
	switch {
	case v.Kind == yaml.ScalarNode && (v.Tag == "!!str" || v.Tag == "!!binary" || v.Tag == "!!timestamp"):
		return
	case v.Kind == yaml.ScalarNode:
		finding.Message = fmt.Sprintf("%s is %s, not a string", key.Value, shape(v))
		finding.Fix = fmt.Sprintf("write it in quotes: %s: %q", key.Value, v.Value)
		if key.Value == "mapAccounts" {
			finding.Fix = fmt.Sprintf("write mapAccounts: | and below it, indented further, - %q", v.Value)
		}
	default:
		if v.Style&yaml.FlowStyle == 0 {
			line, _ := f.lines.place(at)
			finding.Value = strings.TrimSpace(f.lines.line(line))
		}
		finding.Message = fmt.Sprintf("%s is %s, not a string: the | after %s: is missing", key.Value, shape(v), key.Value)
		finding.Fix = fmt.Sprintf("write %s: | and indent the lines below it further than %s", key.Value, key.Value)
		if v.Style&yaml.FlowStyle != 0 {
			finding.Value = ""
			finding.Fix = fmt.Sprintf("write %s: | and begin the list on the next line, indented further", key.Value)
		}
	}
	f.found(notAList, at, finding)
}
