package screens

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the screens and the picture again")

// base is the mapRoles that every mistake is made in.
const base = `- rolearn: arn:aws:iam::111122223333:role/workers
  username: system:node:{{EC2PrivateDNSName}}
  groups:
  - system:bootstrappers
  - system:nodes
- rolearn: arn:aws:iam::111122223333:role/admin
  username: admin
  groups:
  - system:masters
- rolearn: arn:aws:iam::111122223333:role/deploy
  username: deploy
  groups:
  - deployers
- rolearn: arn:aws:iam::111122223333:role/on-call
  username: on-call
  groups:
  - viewers
`

// behind is the first line behind the data, as kubectl shows the object.
const behind = "kind: ConfigMap\n"

// shown is an aws-auth with these mapRoles as kubectl shows it, without its metadata.
func shown(mapRoles string) string {
	return "apiVersion: v1\ndata:\n  mapRoles: |\n" + indented(mapRoles) + behind
}

func indented(mapRoles string) string {
	var b strings.Builder
	for line := range strings.Lines(mapRoles) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// mistake is one file of the corpus; README.md describes the format.
type mistake struct {
	file    string
	archive *txtar.Archive
	// old are lines of what the editor shows, wrong what the operator makes of them, and right what they have to be.
	old, wrong, right string
	// known are words of right that the operator alone can know.
	known string
	// screen is what the operator sees, and terminal what is on the terminal beside the editor.
	screen, terminal string
}

// readMistakes reads the whole corpus.
func readMistakes(t *testing.T) map[string]*mistake {
	t.Helper()
	files, err := filepath.Glob("mistakes/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no mistakes: %v", err)
	}
	all := map[string]*mistake{}
	for _, file := range files {
		m, err := readMistake(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".txtar")] = m
	}
	return all
}

func readMistake(file string) (*mistake, error) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return nil, err
	}
	m := &mistake{file: file, archive: archive, old: behind}
	sections := map[string]*string{
		"old": &m.old, "new": &m.wrong, "type": &m.right, "known": &m.known, "screen": &m.screen, "terminal": &m.terminal,
	}
	added := true
	for _, f := range archive.Files {
		name, quoted := strings.CutSuffix(f.Name, " quoted")
		section, ok := sections[name]
		if !ok {
			return nil, fmt.Errorf("section %q is not known, want old, new, type, known, screen or terminal", f.Name)
		}
		added = added && name != "old"
		if *section = string(f.Data); !quoted {
			if name != "screen" && name != "terminal" && strings.ContainsFunc(*section, unseen) {
				return nil, fmt.Errorf("section %q has a character that cannot be seen: name it %q and quote the line",
					f.Name, f.Name+" quoted")
			}
			continue
		}
		if *section, err = unquote(*section); err != nil {
			return nil, fmt.Errorf("section %q: %w", f.Name, err)
		}
	}
	if strings.TrimSpace(string(archive.Comment)) == "" {
		return nil, fmt.Errorf("a sentence that says what the mistake is must come first")
	}
	if m.wrong == m.right {
		return nil, fmt.Errorf("the sections new and type are the same")
	}
	if added {
		m.wrong, m.right = m.wrong+behind, m.right+behind
	}
	return m, nil
}

// unseen reports a character that a reader of the file would not see.
func unseen(r rune) bool {
	return r != '\n' && r != ' ' && !unicode.IsGraphic(r) || r != ' ' && unicode.IsSpace(r) && r != '\n'
}

// unquote turns the lines of a section that are Go strings into what they say; the others stay as they are.
func unquote(text string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, `"`) || strings.HasPrefix(line, "`") {
			s, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
			if err != nil {
				return "", fmt.Errorf("%q: %w", line, err)
			}
			line = s
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

// write puts what was seen into the file.
func (m *mistake) write() error {
	files := m.archive.Files[:0]
	for _, f := range m.archive.Files {
		if f.Name != "screen" && f.Name != "terminal" {
			files = append(files, f)
		}
	}
	files = append(files, txtar.File{Name: "screen", Data: []byte(m.screen)})
	if m.terminal != "" {
		files = append(files, txtar.File{Name: "terminal", Data: []byte(m.terminal)})
	}
	m.archive.Files = files
	return os.WriteFile(m.file, txtar.Format(m.archive), 0o644)
}
