package manifest_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
)

const head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  namespace: kube-system\ndata:\n"

// styles are the ways to write a value. %ENTRY words in them are unique, so that the file itself says where they are.
var styles = map[string]struct {
	file  string
	words []string
	// escaped says that some characters of the value are written in another way in the file.
	escaped bool
}{
	"block":                        {head + "  mapRoles: |\n    - rolearn: one\n      username: two\n\n    # three\n    - rolearn: four\n", []string{"one", "two", "three", "four"}, false},
	"block strip":                  {head + "  mapRoles: |-\n    - rolearn: one\n      username: two\n  mapUsers: x\n", []string{"one", "two"}, false},
	"block keep":                   {head + "  mapRoles: |+\n    - rolearn: one\n\n\n  mapUsers: x\n", []string{"one"}, false},
	"block with comment on header": {head + "  mapRoles: | # note 2\n    - rolearn: one\n", []string{"one"}, false},
	"block with indicator":         {head + "  mapRoles: |2\n      - rolearn: one\n    - rolearn: two\n", []string{"one", "two"}, false},
	"block with indicator, strip":  {head + "  mapRoles: |-3\n       - rolearn: one\n     - rolearn: two", []string{"one", "two"}, false},
	"block, empty lines first":     {head + "  mapRoles: |\n\n  \n    - rolearn: one\n", []string{"one"}, false},
	"block, blanks at the end":     {head + "  mapRoles: |\n    - rolearn: one   \n      \n    - rolearn: two\n   \n", []string{"one", "two"}, false},
	"block, no newline at the end": {head + "  mapRoles: |\n    - rolearn: one\n    - rolearn: two", []string{"one", "two"}, false},
	"block, tab inside":            {head + "  mapRoles: |\n    - rolearn:\tone\n    \t- two\n", []string{"one", "two"}, false},
	"block, CRLF":                  {crlf(head + "  mapRoles: |\n    - rolearn: one\n      username: two\n    - rolearn: three\n"), []string{"one", "two", "three"}, false},
	"block, BOM":                   {"\ufeff" + head + "  mapRoles: |\n    - rolearn: one\n", []string{"one"}, false},
	"block, wide and combining":    {head + "  mapRoles: |\n    - {a: 東京, b: one}\n    - {e\u0301: \U0001F600, b: two}\n", []string{"one", "two"}, false},
	"block, line separator":        {head + "  mapRoles: |\n    - a: x\u2028    - b: one\n    - c: two\n", []string{"one", "two"}, false},
	"block with anchor and tag":    {head + "  mapRoles: &here !!str |\n    - rolearn: one\n", []string{"one"}, false},
	"block, tag on its own line":   {head + "  mapRoles: !!str # text\n    |\n    - rolearn: one\n", []string{"one"}, false},
	"block by alias":               {strings.Replace(head, "metadata:\n", "metadata:\n  annotations:\n    copy: &x |\n      - rolearn: one\n", 1) + "  mapRoles: *x\n", []string{"one"}, false},
	"block deep in a list":         {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: other\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: aws-auth, namespace: kube-system}\n  data:\n    mapRoles: |\n      - rolearn: one\n", []string{"one"}, false},
	"block in the third document":  {"# first\n---\nkind: Service\n--- # next\n" + head + "  mapRoles: |\n    - rolearn: one\n---\n", []string{"one"}, false},
	"folded":                       {head + "  mapRoles: >\n    one\n    two\n\n    three\n      four\n      five\n    six\n\n\n    seven\n", []string{"one", "two", "three", "four", "five", "six", "seven"}, false},
	"folded list":                  {head + "  mapRoles: >\n    - rolearn: one\n      username: two\n    - rolearn: three\n", []string{"one", "two", "three"}, false},
	"folded with indicator":        {head + "  mapRoles: >2-\n      one\n    two\n    three\n", []string{"one", "two", "three"}, false},
	"plain":                        {head + "  mapRoles: one two\n", []string{"one", "two"}, false},
	"plain over lines":             {head + "  mapRoles: one\n    two\n\n    three # not this\n  mapUsers: x\n", []string{"one", "two", "three"}, false},
	"single quotes":                {head + "  mapRoles: '- a: ''one''\n\n    - b: two   \n\n\n      three'\n", []string{"one", "two", "three"}, true},
	"double quotes":                {head + `  mapRoles: "- rolearn: one\n  username: \"two\"\n- \x41\u00e9\U0001F600: three\n"` + "\n", []string{"one", "two", "three"}, true},
	"double quotes over lines":     {head + "  mapRoles: \"- a: one\\n\\\n    \\  b: two\\n\n    three\n\n    four\\\n\n    five\"\n", []string{"one", "two", "three", "four", "five"}, true},
	"double quotes in JSON": {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth","namespace":"kube-system"},` +
		`"data":{"mapUsers":"\ud83d\ude00","mapRoles":"- a: one\n\ud83d\ude00 \/ two\n\t- \\ud83d three"}}`, []string{"one", "two", "three"}, true},
	"JSON, indented by tabs":           {"{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"aws-auth\"},\n\t\"data\": {\n\t\t\"mapRoles\": \"- a: one\\n- b: two\\n\"\n\t}\n}\n", []string{"one", "two"}, true},
	"flow mapping":                     {"{apiVersion: v1, kind: ConfigMap, metadata: {name: aws-auth}, data: {mapRoles: '[one, two]'}}\n", []string{"one", "two"}, false},
	"data at the left":                 {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n name: aws-auth\ndata:\n mapRoles: |\n  - a: one\n", []string{"one"}, false},
	"the missing |":                    {head + "  mapRoles:\n    - rolearn: one\n      username: two\n    # three\n    - four\n  mapUsers: |\n    []\n", []string{"one", "two", "three", "four"}, false},
	"the missing |, list not indented": {head + "  mapRoles:\n  - rolearn: one\n    username: two\n  - three\nimmutable: false\n", []string{"one", "two", "three"}, false},
	"the missing |, in brackets":       {head + "  mapRoles: [{rolearn: one,\n    username: two}]\n", []string{"one", "two"}, false},
	"the missing |, a mapping":         {head + "  mapRoles:\n    rolearn: one\n    username: two\n", []string{"one", "two"}, false},
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// TestPlaces checks places against the text itself: where the value has a word, the file has the same word.
func TestPlaces(t *testing.T) {
	for name, tt := range styles {
		t.Run(name, func(t *testing.T) {
			f, err := manifest.Read("f.yaml", []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			value := f.ConfigMap.Data["mapRoles"]
			lines := valueLines(value)
			for _, word := range tt.words {
				found := false
				for i, line := range lines {
					before, _, ok := strings.Cut(line, word)
					if !ok {
						continue
					}
					found = true
					l, c, ok := f.Locate("mapRoles", i+1, utf8.RuneCountInString(before)+1)
					if got := at(tt.file, l, c); !ok || !strings.HasPrefix(got, word) {
						t.Errorf("%q is at %d:%d of the value; Locate says %d:%d (%t), where the file has %q", word, i+1, utf8.RuneCountInString(before)+1, l, c, ok, got)
					}
				}
				if !found {
					t.Errorf("%q is not in the value %q", word, value)
				}
			}
			if tt.escaped {
				return
			}
			for i, line := range lines {
				for c, r := range []rune(line) {
					fl, fc, _ := f.Locate("mapRoles", i+1, c+1)
					got, _ := utf8.DecodeRuneInString(at(tt.file, fl, fc))
					if got != r && (r != ' ' || got != '\n') { // a folded line break is a blank
						t.Fatalf("the value has %q at %d:%d; Locate says %d:%d, where the file has %q", r, i+1, c+1, fl, fc, got)
					}
				}
			}
		})
	}
}

// valueLines cuts a value as YAML 1.1 does.
func valueLines(s string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n").Replace(s), "\n")
}

// at is the file's text from a line and column on, as an editor counts them.
func at(file string, line, column int) string {
	lines := strings.SplitAfter(strings.TrimPrefix(file, "\ufeff"), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	runes := []rune(strings.ReplaceAll(lines[line-1], "\r\n", "\n"))
	if column < 1 || column > len(runes) {
		return ""
	}
	return string(runes[column-1:])
}

// A column or line outside the value must not leave the file.
func TestPlacesOutsideTheValue(t *testing.T) {
	f, err := manifest.Read("f.yaml", []byte(styles["block"].file))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ line, column, wantLine, wantColumn int }{
		"column past the end": {1, 999, 8, 19},
		"column zero":         {1, 0, 8, 5},
		"line past the end":   {99, 1, 12, 20},
	} {
		t.Run(name, func(t *testing.T) {
			l, c, ok := f.Locate("mapRoles", tt.line, tt.column)
			if !ok || l != tt.wantLine || c != tt.wantColumn {
				t.Errorf("got %d:%d (%t), want %d:%d", l, c, ok, tt.wantLine, tt.wantColumn)
			}
		})
	}
	if _, _, ok := f.Locate("mapAccounts", 1, 1); ok {
		t.Error("found a place in a value that is not there")
	}
}

// What kubectl decodes and the places cannot follow falls back to where the value begins.
func TestPlacesOfATaggedValue(t *testing.T) {
	f, err := manifest.Read("f.yaml", []byte(head+"  mapRoles: !!binary W10=\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.ConfigMap.Data["mapRoles"]; got != "[]" {
		t.Fatalf("value is %q", got)
	}
	if l, c, ok := f.Locate("mapRoles", 1, 2); !ok || l != 7 || c != 22 {
		t.Errorf("got %d:%d (%t), want 7:22", l, c, ok)
	}
}

func TestFind(t *testing.T) {
	f, err := manifest.Read("f.yaml", []byte("---\n"+head+"  mapRoles: |\n    []\n  my.key: x\n  my: y\nimmutable: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string][2]int{
		"immutable": {12, 1}, "data.mapRoles": {8, 3}, "data.mapRoles[2].rolearn": {8, 3}, "data.mapUsers": {7, 1}, "data.my.key": {10, 3},
		"data.my": {11, 3}, "metadata.name": {5, 3}, "": {2, 1}, "nothing": {2, 1},
	} {
		if l, c, ok := f.Find(field); !ok || l != want[0] || c != want[1] {
			t.Errorf("Find(%q) is %d:%d (%t), want %d:%d", field, l, c, ok, want[0], want[1])
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, tt := range styles {
		f.Add(tt.file)
	}
	f.Fuzz(func(t *testing.T, s string) {
		file, err := manifest.Read("f.yaml", []byte(s))
		if err != nil {
			return
		}
		if file.ConfigMap == nil && len(file.Findings) == 0 {
			t.Fatal("no object and no finding")
		}
		lines := strings.Count(file.Text, "\n") + 1
		for _, finding := range file.Findings {
			if finding.Line < 1 || finding.Line > lines || finding.Column < 1 {
				t.Errorf("%s is at %d:%d of %d lines", finding.Message, finding.Line, finding.Column, lines)
			}
		}
		if file.ConfigMap == nil {
			return
		}
		for key, value := range file.ConfigMap.Data {
			for i, line := range valueLines(value) {
				l, c, ok := file.Locate(key, i+1, utf8.RuneCountInString(line)+1)
				if ok && (l < 1 || l > lines || c < 1) {
					t.Errorf("%s %d is at %d:%d of %d lines", key, i+1, l, c, lines)
				}
			}
		}
	})
}
