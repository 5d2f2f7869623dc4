package policy

import (
	"fmt"
	"io"
	"os"
)

// maxSize bounds the file: a ConfigMap holds 1 MiB at most.
const maxSize = 1 << 20

// Load reads a policy file. The error names the file and, where there is one, the line.
func Load(name string) (*Policy, error) {
	data, err := read(name)
	if err != nil {
		return nil, err
	}
	return parseFile(name, data)
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

func parseFile(name string, data []byte) (*Policy, error) {
	p, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, err)
	}
	return p, nil
}

// Parse decodes and checks a policy file's text. All that is wrong is told at once, each with its line.
func Parse(data []byte) (*Policy, error) {
	doc, err := document(data)
	if err != nil {
		return nil, err
	}
	found := &problems{root: doc.Content[0]}
	file, err := decode(doc, found)
	if err != nil {
		return nil, err
	}
	file.SetDefaults()
	found.addAll(file.Validate())
	if err := found.err(); err != nil {
		return nil, err
	}
	return fromFile(file, found.line), nil
}
