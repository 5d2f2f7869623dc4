// Command schemas writes the JSON schemas that kubeconform checks against, from what Kubernetes and the makers of custom
// resources publish in their Go modules. The usual place to fetch them from is a web site.
//
// usage: schemas OUT SWAGGER-JSON [CRD-YAML...]
//
// They are strict: an object with named properties may have no others.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
)

type object = map[string]any

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: schemas OUT SWAGGER-JSON [CRD-YAML...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(out, swagger string, crds []string) error {
	if err := builtIn(out, swagger); err != nil {
		return err
	}
	for _, crd := range crds {
		if err := custom(out, crd); err != nil {
			return fmt.Errorf("%s: %w", crd, err)
		}
	}
	return nil
}

// builtIn writes one file with all definitions, and one for each kind that points into it.
func builtIn(out, swagger string) error {
	text, err := os.ReadFile(swagger)
	if err != nil {
		return err
	}
	var spec struct {
		Definitions map[string]object `json:"definitions"`
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	for name, d := range spec.Definitions {
		strict(d)
		switch {
		case strings.HasSuffix(name, ".intstr.IntOrString"):
			d["type"] = []string{"string", "integer"}
		case strings.HasSuffix(name, ".resource.Quantity"):
			d["type"] = []string{"string", "number"}
		}
		kinds, ok := d["x-kubernetes-group-version-kind"].([]any)
		if !ok || len(kinds) != 1 {
			continue // shared by many, such as DeleteOptions
		}
		kind, _ := kinds[0].(object)
		if err := write(out, fmt.Sprint(kind["kind"]), fmt.Sprint(kind["group"]), fmt.Sprint(kind["version"]), object{"$ref": "_definitions.json#/definitions/" + name}); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(out, "_definitions.json"), object{"definitions": spec.Definitions})
}

// custom writes a file for each version of a CustomResourceDefinition.
func custom(out, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var crd struct {
			Spec struct {
				Group string `json:"group"`
				Names struct {
					Kind string `json:"kind"`
				} `json:"names"`
				Versions []struct {
					Name   string `json:"name"`
					Schema struct {
						OpenAPIV3Schema object `json:"openAPIV3Schema"`
					} `json:"schema"`
				} `json:"versions"`
			} `json:"spec"`
		}
		if err := decoder.Decode(&crd); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for _, v := range crd.Spec.Versions {
			strict(v.Schema.OpenAPIV3Schema)
			if err := write(out, crd.Spec.Names.Kind, crd.Spec.Group, v.Name, v.Schema.OpenAPIV3Schema); err != nil {
				return err
			}
		}
	}
}

// strict closes every object that names its properties.
func strict(node any) {
	switch n := node.(type) {
	case object:
		if _, named := n["properties"].(object); named && n["additionalProperties"] == nil && n["x-kubernetes-preserve-unknown-fields"] == nil {
			n["additionalProperties"] = false
		}
		for _, child := range n {
			strict(child)
		}
	case []any:
		for _, child := range n {
			strict(child)
		}
	}
}

// write names the file as kubeconform looks for it: the first part of the group alone.
func write(out, kind, group, version string, schema object) error {
	name := strings.ToLower(kind)
	if group, _, _ = strings.Cut(group, "."); group != "" {
		name += "-" + strings.ToLower(group)
	}
	return writeJSON(filepath.Join(out, name+"-"+strings.ToLower(version)+".json"), schema)
}

func writeJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
