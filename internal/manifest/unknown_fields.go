package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// mapKeys are the keys of data that hold lists.
var mapKeys = []string{"mapRoles", "mapUsers", "mapAccounts"}

var rootFields = []string{"apiVersion", "kind", "metadata", "data", "binaryData", "immutable"}

// lintFields finds fields that a ConfigMap does not have; most often data is spelt or indented wrong.
func (f *File) lintFields() {
	root := f.object.node
	misplaced := func(parent *yaml.Node, path string) {
		for i := 0; parent != nil && i+1 < len(parent.Content); i += 2 {
			k := parent.Content[i]
			switch {
			case slices.Contains(mapKeys, k.Value):
				f.unknown(k, path+k.Value, "write it under data:, indented by two spaces more than data")
			case path != "" && (k.Value == "data" || k.Value == "binaryData" || k.Value == "immutable"):
				f.unknown(k, path+k.Value, fmt.Sprintf("indent %s: exactly like metadata:", k.Value))
			}
		}
	}
	misplaced(field(root, "metadata"), "metadata.")
	misplaced(root, "")
	for i := 0; i+1 < len(root.Content); i += 2 {
		k := root.Content[i]
		if k.Value == "<<" || slices.Contains(mapKeys, k.Value) || slices.Contains(rootFields, k.Value) {
			continue
		}
		fix := "remove it; the fields are " + strings.Join(rootFields, ", ")
		for _, known := range rootFields {
			if levenshtein.Distance(strings.ToLower(k.Value), strings.ToLower(known), nil) <= 2 {
				fix = "write " + known
			}
		}
		f.unknown(k, k.Value, fix)
	}
}

func (f *File) unknown(key *yaml.Node, path, fix string) {
	f.found(unknownField, f.object.doc.place(key), validate.Finding{Field: path, Value: key.Value,
		Message: fmt.Sprintf("%q is not a field that a ConfigMap has here", key.Value),
		Why:     "the API server rejects it, or drops it with all that is in it", Fix: fix})
}
