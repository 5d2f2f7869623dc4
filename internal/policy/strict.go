package policy

import (
	"reflect"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	yaml "go.yaml.in/yaml/v4"
)

// maxKeys is how many keys a mapping may hold: many times as many as there are rules.
const maxKeys = 1000

// decode reads a document strictly. It is an error if the rest of the file cannot be judged; what else is wrong
// is among found.
func decode(doc *yaml.Node, found *problems) (*Policy, error) {
	s := strict{problems: found}
	s.check(nil, found.root, reflect.TypeFor[Policy]())
	if s.undecodable || found.more > 0 {
		return nil, found.err()
	}
	var p Policy
	if err := doc.Load(&p); err != nil {
		return nil, plainError(err)
	}
	return &p, nil
}

// strict compares nodes with the Go types that they are decoded into, and says in the reader's words what is
// unknown or of the wrong kind, where the library would speak of Go types.
type strict struct {
	*problems
	// undecodable is set if a value is of the wrong kind.
	undecodable bool
}

// check goes through a node and what is below it. There are no aliases (document).
func (s *strict) check(at place, n *yaml.Node, t reflect.Type) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // as if it were not there
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		s.fields(at, n, t)
	case reflect.Map:
		s.mapping(at, n, t)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			s.wrongKind(at, n, "a list")
			return
		}
		for i, item := range n.Content {
			s.check(at.to(i), item, t.Elem())
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
			s.wrongKind(at, n, "true or false")
		}
	default:
		if n.Kind != yaml.ScalarNode {
			s.wrongKind(at, n, "text")
		}
	}
}

func (s *strict) fields(at place, n *yaml.Node, t reflect.Type) {
	if n.Kind == yaml.ScalarNode && t == reflect.TypeFor[Required]() {
		return // the short form
	}
	var known []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "-" { // those that a file cannot set stand last
			known = append(known, name)
		}
	}
	if n.Kind != yaml.MappingNode {
		s.wrongKind(at, n, "fields: "+strings.Join(known, ", "))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		if f := slices.Index(known, key); f >= 0 {
			s.check(at.to(key), value, t.Field(f).Type)
		} else {
			s.unknown(at.to(key), key, known)
		}
	}
}

func (s *strict) mapping(at place, n *yaml.Node, t reflect.Type) {
	switch count := len(n.Content) / 2; {
	case n.Kind != yaml.MappingNode:
		s.wrongKind(at, n, "a mapping such as AA203: warning")
	case count > maxKeys: // the library compares each key with every other
		s.undecodable = true
		s.add(at, "has %d keys, and the limit is %d: delete those that name no rule", count, maxKeys)
	default:
		for i := 0; i+1 < len(n.Content); i += 2 {
			s.check(at.to(n.Content[i].Value), n.Content[i+1], t.Elem())
		}
	}
}

func (s *strict) wrongKind(at place, n *yaml.Node, want string) {
	s.undecodable = true
	switch n.Kind {
	case yaml.ScalarNode:
		s.add(at, "%q is text, want %s", n.Value, want)
	case yaml.SequenceNode:
		s.add(at, "is a list, want %s", want)
	default:
		s.add(at, "is a mapping, want %s", want)
	}
}

func (s *strict) unknown(at place, key string, known []string) {
	if s.full() { // do not look for what was meant by 100,000 of them
		s.more++
		return
	}
	best, distance := "", 3
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(key), strings.ToLower(k), nil); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		s.add(at, "unknown field, did you mean %s?", best)
		return
	}
	s.add(at, "unknown field, want one of %s", strings.Join(known, ", "))
}
