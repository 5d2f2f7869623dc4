package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// The field reference is between these lines.
const (
	begin = "<!-- The fields are written by `make generate` from internal/policy. Do not edit them. -->\n"
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
	writeRows(&b, fields, "")
	b.WriteString("\n" + end)
	b.Write(after)
	return b.Bytes(), nil
}

// markdown keeps text from being taken for markup.
var markdown = strings.NewReplacer("*", `\*`, "_", `\_`, "|", `\|`, "<", "&lt;")

func writeRows(b *bytes.Buffer, fields []field, under string) {
	for _, f := range fields {
		path := under + f.Name
		if f.Doc != "" {
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", path, values(f), ifUnset(f), markdown.Replace(f.Doc))
		}
		if f.Type.Kind() == reflect.Slice {
			path += "[]"
		}
		writeRows(b, f.Fields, path+".")
	}
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

// ifUnset says what counts if a field is not set. What it means that it is empty is in the description.
func ifUnset(f field) string {
	switch {
	case f.Required && !f.Default.IsValid():
		return "an error"
	case !f.Default.IsValid() || slices.Contains([]string{`""`, "[]", "{}"}, literal(f.Default)):
		return ""
	}
	return "`" + literal(f.Default) + "`"
}
