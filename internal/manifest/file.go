package manifest

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Key is the DataKey of this package's findings: their line and column are the file's, not a value's.
const Key = "manifest"

// MaxSize bounds what is read: an API server takes no request over 3 MiB, and YAML may be written wider than that.
const MaxSize = 8 << 20

// The object that EKS reads.
const (
	objectName      = "aws-auth"
	objectNamespace = "kube-system"
)

// File is a manifest that was read. It is not safe for concurrent use.
type File struct {
	Name string // as the operator named it
	Text string // without a byte order mark
	// ConfigMap is what kubectl would send. Values that are not strings, which the API server rejects, are here as the
	// text of the file, so that the rules can check them too. Nil if the manifest could not be parsed; then Findings says
	// where and why.
	ConfigMap *corev1.ConfigMap
	// Findings are about the manifest's own YAML. Their DataKey is Key. Sorted by place.
	Findings []validate.Finding
	// Notes are what was taken for granted, one line each.
	Notes []string

	lines  *lines
	object located
	places map[string]*places
}

// located is a mapping node and where its document begins.
type located struct {
	node *yaml.Node
	doc  *document
}

// Read reads a manifest. An error says that there is nothing to judge: the file is no text, holds no aws-auth, or holds
// it twice. YAML that cannot be parsed is a finding.
func Read(name string, data []byte) (*File, error) {
	s, err := decodeText(name, data)
	if err != nil {
		return nil, err
	}
	f := &File{Name: name, Text: s, lines: editorLines(s), places: map[string]*places{}}
	c, err := f.choose()
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return f, nil
	}
	if err := f.take(*c); err != nil {
		return nil, err
	}
	return f, nil
}

// take makes the chosen object the file's, as kubectl would send it, and looks at the YAML around its values.
func (f *File) take(c candidate) error {
	f.object = c.located
	var broken errUndecodable
	switch err := f.decode(c); {
	case errors.As(err, &broken):
		c.doc.err = broken.error
		f.Findings = append(f.Findings, f.syntax(c.doc))
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	if c.namespace == "" {
		f.Notes = append(f.Notes, fmt.Sprintf("%s gives no namespace; judged as %s", f.Name, objectNamespace))
	}
	f.lint()
	return nil
}

// decodeText rejects binary files and removes a byte order mark.
func decodeText(name string, data []byte) (string, error) {
	switch {
	case len(data) > MaxSize:
		return "", fmt.Errorf("%s has %d bytes; a manifest may have %d at most", name, len(data), MaxSize)
	case len(data) >= 2 && (data[0] == 0xFF && data[1] == 0xFE || data[0] == 0xFE && data[1] == 0xFF):
		return "", fmt.Errorf("%s is UTF-16; save it as UTF-8 (in PowerShell: Out-File -Encoding utf8)", name)
	case len(data) == 0:
		return "", none("%s is empty; want a ConfigMap %s/%s", name, objectNamespace, objectName)
	}
	s := strings.TrimPrefix(string(data), "\ufeff")
	for i, c := range s {
		invalid := c == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd")
		if invalid || c == 0 {
			line, column := editorLines(s).place(i)
			return "", fmt.Errorf("%s is not UTF-8 text: byte 0x%02x at line %d, column %d", name, s[i], line, column)
		}
	}
	return s, nil
}

// Bare reads a file that is one value of the object. text is what its places count in, value what the object would
// hold; they differ by a byte order mark.
func Bare(name string, data []byte) (text, value string, err error) {
	if len(data) == 0 {
		return "", "", nil
	}
	text, err = decodeText(name, data)
	return text, string(data), err
}
