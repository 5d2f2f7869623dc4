package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// field is one of the file, with what its type, its tags and its comment say of it.
type field struct {
	Name, Doc string
	Type      reflect.Type
	// Format is a name in formats; empty if the type says all.
	Format             string
	Required, Nonempty bool
	// Default is the value that counts if the file does not set the field. Fields of a list's items have none.
	Default reflect.Value
	// Fields are those below it, also of a list's items.
	Fields []field
}

// policyFields are all fields but those of the header, which the chart writes itself.
func policyFields(source string) ([]field, error) {
	docs, err := comments(source)
	if err != nil {
		return nil, err
	}
	return fieldsOf(reflect.TypeFor[policy.Policy](), reflect.ValueOf(*policy.Default()), docs)
}

// fieldsOf are the fields of a struct. value has the defaults, if there are any.
func fieldsOf(t reflect.Type, value reflect.Value, docs map[string]string) (all []field, err error) {
	for i := range t.NumField() {
		tag, option := t.Field(i).Tag, t.Field(i).Tag.Get("schema")
		if option == "header" || tag.Get("yaml") == "-" {
			continue
		}
		f := field{
			Name: tag.Get("yaml"), Doc: docs[t.Name()+"."+t.Field(i).Name], Type: t.Field(i).Type,
			Format: tag.Get("format"), Required: option == "required", Nonempty: option == "nonempty",
		}
		if _, ok := formats[f.Format]; !ok && f.Format != "" {
			return nil, fmt.Errorf("%s has the format %q, which is not known", f.Name, f.Format)
		}
		if f.Type.Kind() == reflect.Pointer {
			f.Type = f.Type.Elem()
		}
		if value.IsValid() {
			f.Default = reflect.Indirect(value.Field(i))
		}
		if option == "profile" { // the chart fills it in if it is empty
			f.Default = reflect.Zero(f.Type)
		}
		switch {
		case f.Type.Kind() == reflect.Struct:
			f.Fields, err = fieldsOf(f.Type, f.Default, docs)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			f.Fields, err = fieldsOf(f.Type.Elem(), reflect.Value{}, docs)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// comments are those of the fields of all structs in a file, each as one line, by TYPE.FIELD.
func comments(source string) (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	docs := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				docs[spec.Name.Name+"."+f.Names[0].Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
		return false
	})
	return docs, nil
}
