// Command gen writes what is said elsewhere of the policy file, from its definition in package policy: the JSON
// schema, the policy in the chart's values, and the field reference in docs/policy.md. `make generate` runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// outputs are what is generated, by path. Each is made from the fields and from the file as it is.
var outputs = map[string]func(fields []field, old []byte) ([]byte, error){
	"deploy/helm/aws-auth-guard/policy.schema.json": schemaFile,
	"deploy/helm/aws-auth-guard/values.yaml":        valuesFile,
	"docs/policy.md":                                referenceFile,
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen DIRECTORY-OF-THE-REPOSITORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	files, err := generate(root)
	for path, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(root, path), text, 0o644) //nolint:gosec // for everybody
		}
	}
	return err
}

// generate writes every file.
func generate(root string) (map[string][]byte, error) {
	fields, err := policyFields(filepath.Join(root, "internal/policy/policy.go"))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for path, output := range outputs {
		old, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return nil, err
		}
		if files[path], err = output(fields, old); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return files, nil
}
