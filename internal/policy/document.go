package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// document reads the one YAML document of a file, without anchors, aliases and keys that appear twice.
func document(data []byte) (*yaml.Node, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxSize)
	}
	if err := legible(data); err != nil {
		return nil, err
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithUniqueKeys())
	if err != nil {
		return nil, plainError(err)
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("the file is empty: want apiVersion: %s and kind: %s", APIVersion, Kind)
	case err != nil:
		return nil, plainError(err)
	}
	if err := loader.Load(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one YAML document")
	}
	return &doc, noAliases(&doc)
}

// noAliases is an error for anchors and aliases. Each line can be reviewed by itself, and a file of 400 kB whose aliases
// name a long list is 100 MB when they are followed: so nothing may follow them before this check.
func noAliases(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return fmt.Errorf("line %d: the alias %q: write its value; the policy accepts no anchors and no aliases",
			n.Line, "*"+n.Value)
	case n.Anchor != "":
		return fmt.Errorf("line %d: the anchor %q: remove it, and write out its value where an alias uses it; "+
			"the policy takes no anchors and no aliases", n.Line, "&"+n.Anchor)
	}
	for _, child := range n.Content {
		if err := noAliases(child); err != nil {
			return err
		}
	}
	return nil
}

// unseenBreak is what ends a line, and with it a comment, for YAML 1.1 (section 5.4), while most editors and
// diffs show what follows on the same line.
var unseenBreak = regexp.MustCompile("\r(?:[^\n]|$)|[\u0085\u2028\u2029]")

// legible rejects a text with line breaks that editors do not show: a field could hide behind a comment, and the line
// numbers of errors would differ from an editor's.
func legible(data []byte) error {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return errors.New("the file is UTF-16; save it as UTF-8 (in PowerShell: Out-File -Encoding utf8)")
	}
	if at := unseenBreak.FindIndex(data); at != nil {
		r, _ := utf8.DecodeRune(data[at[0]:])
		return fmt.Errorf("line %d: the character U+%04X ends a line for YAML, and for most editors it does not: "+
			"put what follows on a line of its own, or delete the character",
			bytes.Count(data[:at[0]], []byte("\n"))+1, r)
	}
	return nil
}

// plainError takes the library's name and stages out of its messages; the lines stay.
func plainError(err error) error {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		var errs []error
		for _, e := range many.Errors {
			errs = append(errs, plainError(e))
		}
		return errors.Join(errs...)
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		if strings.HasPrefix(one.Message, "line ") {
			return errors.New(one.Message)
		}
		return fmt.Errorf("line %d: %s", max(one.Mark.Line, 1), one.Message)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}
