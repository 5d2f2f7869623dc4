package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// The field reference stands between these lines.
const (
	begin = "<!-- The fields are written by `make generate` from internal/policy/v1alpha1. Do not edit them. -->\n"
	end   = "<!-- End of the fields. -->\n"
)

// referenceFile replaces the table of the fields in a page.
func referenceFile(fields []field, old []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(old, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return nil, errors.New("the lines around the fields are missing")
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(begin + "\n| Field | Value | If it is not set | Meaning |\n|---|---|---|---|\n")
	if err := writeRows(&b, fields, ""); err != nil {
		return nil, err
	}
	b.WriteString("\n" + end)
	b.Write(after)
	return b.Bytes(), nil
}

// markdown keeps text from being taken for markup.
var markdown = strings.NewReplacer("*", `\*`, "_", `\_`, "|", `\|`, "<", "&lt;")

func writeRows(b *bytes.Buffer, fields []field, under string) error {
	for _, f := range fields {
		path := under + f.Name
		if f.Doc != "" {
			unset, err := ifUnset(f)
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", path, values(f), unset, markdown.Replace(f.Doc))
		}
		if f.Type.Kind() == reflect.Slice {
			path += "[]"
		}
		if err := writeRows(b, f.Fields, path+"."); err != nil {
			return err
		}
	}
	return nil
}

// values says in words what a field may be.
func values(f field) string {
	one := markdown.Replace(formats[f.Format].words)
	switch enum := formats[f.Format].enum; {
	case enum != nil:
		one = "`" + strings.Join(enum, "`, `") + "`"
	case f.Type.Kind() == reflect.Bool:
		one = "`true`, `false`"
	case f.Fields != nil:
		one = "mappings"
	case f.Format == "":
		one = "string"
	}
	if f.Type.Kind() == reflect.Slice {
		return "list: " + one
	}
	return one
}

func ifUnset(f field) (string, error) {
	if !f.Default.IsValid() {
		if f.Required {
			return "an error", nil
		}
		return "", nil
	}
	value, err := literal(f.Default)
	if slices.Contains([]string{`""`, "[]", "{}"}, value) {
		return "", err // the description says what that means
	}
	return "`" + value + "`", err
}
