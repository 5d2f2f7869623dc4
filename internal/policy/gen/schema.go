package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy/v1alpha1"
)

// schemaFile is the JSON schema of a policy without its header.
func schemaFile(fields []field, _ []byte) ([]byte, error) {
	schema, err := objectSchema(fields)
	if err != nil {
		return nil, err
	}
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["$comment"] = "Written by `make generate` from internal/policy/v1alpha1. Do not edit."
	schema["title"] = "aws-auth-guard policy"
	schema["definitions"] = object{"rule": object{"enum": rules()}}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(schema)
	return b.Bytes(), err
}

// between are what the fields of a struct ask of each other.
var between = map[reflect.Type]object{
	reflect.TypeFor[v1alpha1.Approval](): {"allOf": []any{
		object{"oneOf": []any{needs("arn"), needs("pattern")}},
		object{"anyOf": []any{needs("groups"), needs("usernames")}},
	}},
	reflect.TypeFor[v1alpha1.Account](): {"allOf": []any{
		object{"not": needs("roleARN", "trust")},
		object{"anyOf": []any{object{"not": needs("externalID")}, needs("roleARN")}},
	}},
}

func needs(names ...string) object { return object{"required": names} }

func objectSchema(fields []field) (object, error) {
	properties := object{}
	var required []string
	for _, f := range fields {
		schema, err := fieldSchema(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if f.Doc != "" {
			schema["description"] = f.Doc
		}
		properties[f.Name] = schema
		if f.Required {
			required = append(required, f.Name)
		}
	}
	schema := object{"type": "object", "additionalProperties": false, "properties": properties}
	if required != nil {
		schema["required"] = required
	}
	return schema, nil
}

func fieldSchema(f field) (object, error) {
	switch f.Type.Kind() {
	case reflect.Struct:
		return objectSchema(f.Fields)
	case reflect.Bool:
		return object{"type": "boolean"}, nil
	case reflect.Slice:
		items, err := itemSchema(f)
		schema := object{"type": "array", "items": items}
		if f.Nonempty {
			schema["minItems"] = 1
		}
		return schema, err
	default:
		return valueSchema(f)
	}
}

func itemSchema(f field) (object, error) {
	t := f.Type.Elem()
	if t.Kind() != reflect.Struct {
		return valueSchema(f)
	}
	schema, err := objectSchema(f.Fields)
	for key, value := range between[t] {
		schema[key] = value
	}
	if t == reflect.TypeFor[v1alpha1.Required]() {
		schema = object{"oneOf": []any{formats["principalARN"].schema, schema}} // the short form
	}
	return schema, err
}

// valueSchema is that of a format. A field's default is legal as well.
func valueSchema(f field) (object, error) {
	if f.Format == "" {
		return object{"type": "string"}, nil
	}
	format, ok := formats[f.Format]
	if !ok {
		return nil, fmt.Errorf("the format %q is not known", f.Format)
	}
	if format.enum == nil {
		return maps.Clone(format.schema), nil
	}
	if f.Default.IsValid() && f.Default.String() == "" {
		return object{"enum": append([]string{""}, format.enum...)}, nil
	}
	return object{"enum": format.enum}, nil
}
