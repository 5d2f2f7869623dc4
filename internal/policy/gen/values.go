package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// width is how long a line of a comment may become.
const width = 120

// valuesFile replaces what is indented below policy: in the chart's values.
func valuesFile(fields []field, old []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(old, []byte("\npolicy:\n"))
	end := bytes.Index(rest, []byte("\n\n"))
	if !ok || end < 0 {
		return nil, errors.New("there is no policy: with an empty line after it")
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString("\npolicy:\n")
	writeValues(&b, fields, "  ")
	b.Write(rest[end+1:])
	return b.Bytes(), nil
}

// writeValues writes the defaults, each below its description as helm-docs reads it.
func writeValues(b *bytes.Buffer, fields []field, indent string) {
	for _, f := range fields {
		if f.Doc != "" {
			writeComment(b, indent, f.Doc)
		}
		if f.Type.Kind() == reflect.Struct {
			fmt.Fprintf(b, "%s%s:\n", indent, f.Name)
			writeValues(b, f.Fields, indent+"  ")
			continue
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, f.Name, literal(f.Default))
	}
}

func writeComment(b *bytes.Buffer, indent, text string) {
	line := indent + "# --"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// literal is a default as YAML.
func literal(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Map:
		return "{}" // no default has keys
	case v.Kind() == reflect.Slice && v.Len() == 0:
		return "[]"
	case v.Kind() == reflect.Slice:
		return strings.ReplaceAll(fmt.Sprintf("%q", v.Interface()), `" "`, `", "`)
	case v.Kind() == reflect.String && v.Len() == 0:
		return `""`
	}
	return fmt.Sprint(v.Interface())
}
