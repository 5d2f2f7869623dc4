// Package transitions reads edits of aws-auth from txtar files in the format of internal/validate/testdata, for tests that make
// them on a real API server.
package transitions

import (
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"
)

// Transition is an edit: the data before and after. After is nil if the object is deleted.
type Transition struct {
	Name          string
	Before, After map[string]string
}

// base is what @base stands for under mapRoles, and the old mapRoles of a case that gives none.
const base = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
    - system:bootstrappers
    - system:nodes
`

// Load reads the cases in the directories below dir in which nothing but the values matters. The others are left out: those
// with a policy, RBAC, another caller, a fleet, or a whole manifest.
func Load(dir string) ([]Transition, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.txtar"))
	if err != nil {
		return nil, err
	}
	var all []Transition
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
		if tr := (Transition{Name: name, Before: map[string]string{"mapRoles": base}}); tr.read(archive) {
			all = append(all, tr)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no case in the directories below %q, want DIRECTORY/NAME.txtar", dir)
	}
	return all, nil
}

// read takes a case, unless it has something beside values.
func (tr *Transition) read(archive *txtar.Archive) bool {
	if !tr.apply(archive, tr.Before, "old", "new") {
		return false
	}
	tr.After = maps.Clone(tr.Before)
	return tr.apply(archive, tr.After, "new", "old")
}

// apply reads the sections of one version.
func (tr *Transition) apply(archive *txtar.Archive, side map[string]string, which, other string) bool {
	for _, f := range archive.Files {
		words := strings.Fields(f.Name)
		quoted := words[len(words)-1] == "quoted"
		if quoted {
			words = words[:len(words)-1]
		}
		switch {
		case words[0] == "want" || words[0] == "kept" || words[0] == other:
		case words[0] != which:
			return false
		case len(words) == 3 && words[1] == "without":
			delete(side, words[2])
		case len(words) != 2:
			return false
		default:
			text, ok := expand(string(f.Data), quoted, tr.Before[words[1]])
			if !ok {
				return false
			}
			side[words[1]] = text
		}
	}
	return true
}

// expand is the text of a section (internal/validate/testdata/README.md).
func expand(text string, quoted bool, old string) (string, bool) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		bare := strings.TrimSuffix(line, "\n")
		switch {
		case bare == "@base":
			b.WriteString(base)
		case bare == "@old":
			b.WriteString(old)
		case quoted && (strings.HasPrefix(bare, `"`) || strings.HasPrefix(bare, "`")):
			s, err := strconv.Unquote(bare)
			if err != nil {
				return "", false
			}
			b.WriteString(s)
		default:
			b.WriteString(line)
		}
	}
	return b.String(), true
}
