package policy

import (
	"reflect"
	"strings"

	"github.com/agext/levenshtein"
	yaml "go.yaml.in/yaml/v4"
)

// maxKeys is how many keys a mapping may hold: many times as many as there are rules.
const maxKeys = 1000

// shape checks that the nodes of a file can be decoded into a value of type t, and says in the reader's words what is
// unknown or of the wrong kind, where the library would speak of Go types. There are no aliases in the nodes (noAliases).
func (c *checker) shape(where []any, n *yaml.Node, t reflect.Type) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // as if it were not there
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[fileRequired]() && n.Kind == yaml.ScalarNode {
			return // the short form
		}
		if n.Kind != yaml.MappingNode {
			c.wrongKind(where, n, "fields: "+strings.Join(fieldNames(t), ", "))
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if f, ok := field(t, key); ok {
				c.shape(under(where, key), n.Content[i+1], f.Type)
			} else {
				c.unknownField(under(where, key), key, fieldNames(t))
			}
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			c.wrongKind(where, n, "a mapping such as AA203: warning")
			return
		}
		if len(n.Content)/2 > maxKeys { // the library compares each key with every other
			c.undecodable = true
			c.fail(where, "has %d keys, and the limit is %d: delete those that name no rule", len(n.Content)/2, maxKeys)
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.shape(under(where, n.Content[i].Value), n.Content[i+1], t.Elem())
		}
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			c.wrongKind(where, n, "a list")
			return
		}
		for i, item := range n.Content {
			c.shape(under(where, i), item, t.Elem())
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
			c.wrongKind(where, n, "true or false")
		}
	default:
		if n.Kind != yaml.ScalarNode {
			c.wrongKind(where, n, "text")
		}
	}
}

func (c *checker) wrongKind(where []any, n *yaml.Node, want string) {
	c.undecodable = true
	switch n.Kind {
	case yaml.ScalarNode:
		c.fail(where, "%q is text, want %s", n.Value, want)
	case yaml.SequenceNode:
		c.fail(where, "is a list, want %s", want)
	default:
		c.fail(where, "is a mapping, want %s", want)
	}
}

func (c *checker) unknownField(where []any, key string, known []string) {
	if len(c.errs) == maxErrors { // do not look for what was meant by 100,000 of them
		c.more++
		return
	}
	best, distance := "", 3
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(key), strings.ToLower(k), nil); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		c.fail(where, "unknown field, did you mean %s?", best)
		return
	}
	c.fail(where, "unknown field, want one of %s", strings.Join(known, ", "))
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("yaml"))
	}
	return names
}

func field(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == name {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}
