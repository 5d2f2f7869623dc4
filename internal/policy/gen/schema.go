package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// schemaFile is the JSON schema of a policy without its header.
func schemaFile(fields []field, _ []byte) ([]byte, error) {
	schema := objectSchema(fields)
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["$comment"] = "Written by `make generate` from internal/policy. Do not edit."
	schema["title"] = "aws-auth-guard policy"
	schema["definitions"] = object{"rule": object{"enum": rules()}}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(schema)
	return b.Bytes(), err
}

// between are what the fields of a struct ask of each other.
var between = map[reflect.Type]object{
	reflect.TypeFor[policy.Approval](): {"allOf": []any{
		object{"oneOf": []any{needs("arn"), needs("pattern")}},
		object{"anyOf": []any{needs("groups"), needs("usernames")}},
	}},
	reflect.TypeFor[policy.Account](): {"allOf": []any{
		object{"not": needs("roleARN", "trust")},
		object{"anyOf": []any{object{"not": needs("externalID")}, needs("roleARN")}},
	}},
}

func needs(names ...string) object { return object{"required": names} }

func objectSchema(fields []field) object {
	properties := object{}
	var required []string
	for _, f := range fields {
		schema := fieldSchema(f)
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
	return schema
}

func fieldSchema(f field) object {
	switch f.Type.Kind() {
	case reflect.Struct:
		return objectSchema(f.Fields)
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Slice:
		schema := object{"type": "array", "items": itemSchema(f)}
		if f.Nonempty {
			schema["minItems"] = 1
		}
		return schema
	default:
		return valueSchema(f)
	}
}

func itemSchema(f field) object {
	t := f.Type.Elem()
	if t.Kind() != reflect.Struct {
		return valueSchema(f)
	}
	schema := objectSchema(f.Fields)
	maps.Copy(schema, between[t])
	if t == reflect.TypeFor[policy.Required]() {
		return object{"oneOf": []any{formats["principalARN"].schema, schema}} // the short form
	}
	return schema
}

// valueSchema is that of a format. A field's default is legal as well.
func valueSchema(f field) object {
	format := formats[f.Format]
	switch {
	case f.Format == "":
		return object{"type": "string"}
	case format.enum == nil:
		return maps.Clone(format.schema)
	case f.Default.IsValid() && f.Default.String() == "":
		return object{"enum": append([]string{""}, format.enum...)}
	}
	return object{"enum": format.enum}
}
