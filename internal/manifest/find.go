package manifest

import (
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Locate is where line and column inside the value of a data key stand in the file. For Key the place is the file's
// already. ok is false if the key is not in the file.
func (f *File) Locate(dataKey string, line, column int) (fileLine, fileColumn int, ok bool) {
	if dataKey == Key {
		return line, column, line > 0
	}
	p, ok := f.places[dataKey]
	if !ok || line < 1 {
		return 0, 0, false
	}
	fileLine, fileColumn = f.lines.place(p.offset(line, column))
	return fileLine, fileColumn, true
}

// Find is the position of a field such as data.mapRoles[2].rolearn, immutable or metadata.name, or of the nearest field
// that contains it, or of the object itself.
func (f *File) Find(path string) (line, column int, ok bool) {
	n := f.object.node
	if n == nil {
		return 0, 0, false
	}
	at := n
	for rest := path; rest != "" && n != nil && n.Kind == yaml.MappingNode; {
		var key, value *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if after, found := strings.CutPrefix(rest, name); found && name != "" && (after == "" || after[0] == '.' || after[0] == '[') &&
				(key == nil || len(name) >= len(key.Value)) {
				key, value = n.Content[i], n.Content[i+1]
			}
		}
		if key == nil {
			break
		}
		at, n = key, resolve(value)
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, key.Value), ".")
	}
	line, column = f.lines.place(f.object.doc.place(at))
	return line, column, true
}
