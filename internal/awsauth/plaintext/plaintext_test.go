package plaintext

import (
	"maps"
	"strings"
	"testing"
)

const roles = "# nodes\n- rolearn: arn:aws:iam::111122223333:role/nodes\n\n  username: x\n"

func TestWrite(t *testing.T) {
	got := Write([]string{"Edit.", ""}, map[string]string{"mapRoles": roles, "maproles": "x: |\n  y", "mapUsers": "[]\n"})
	want := "# Edit.\n#\nmapRoles:\n  # nodes\n  - rolearn: arn:aws:iam::111122223333:role/nodes\n\n    username: x\n" +
		"mapUsers:\n  []\nmapAccounts:\nmaproles:\n  x: |\n    y\n"
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestRead reads what people type.
func TestRead(t *testing.T) {
	was := map[string]string{"mapRoles": "- a\n", "mapUsers": "- u"}
	for name, tt := range map[string]struct {
		text string
		want map[string]string
	}{
		"as it was written":         {Write(nil, was), was},
		"a line more":               {"mapRoles:\n  - a\n  - b\nmapUsers:\n  - u\n", map[string]string{"mapRoles": "- a\n- b\n", "mapUsers": "- u"}},
		"without indentation":       {"mapRoles:\n- a\n- b: c\n  d: e\nmapUsers:\n  - u\n", map[string]string{"mapRoles": "- a\n- b: c\n  d: e\n", "mapUsers": "- u"}},
		"a comment at the margin":   {"mapRoles:\n  - a\n# why\nmapUsers:\n  - u\n", map[string]string{"mapRoles": "- a\n# why\n", "mapUsers": "- u"}},
		"a block, as in kubectl":    {"mapRoles: |\n    - a\n    - b\nmapUsers: |-\n  - u\n", map[string]string{"mapRoles": "  - a\n  - b\n", "mapUsers": "- u"}},
		"behind the key":            {"mapRoles: [a]\nmapUsers:\n  - u\n", map[string]string{"mapRoles": "[a]\n", "mapUsers": "- u"}},
		"with blank lines":          {"\nmapRoles:\n  - a\n\n\nmapUsers:\n  - u\n\n", was},
		"a value emptied":           {"mapRoles:\nmapUsers:\n  - u\n", map[string]string{"mapRoles": "", "mapUsers": "- u"}},
		"a key removed":             {"mapUsers:\n  - u\n", map[string]string{"mapRoles": "", "mapUsers": "- u"}},
		"a new value":               {"mapAccounts:\n  - \"111122223333\"\n" + Write(nil, was), map[string]string{"mapRoles": "- a\n", "mapUsers": "- u", "mapAccounts": "- \"111122223333\"\n"}},
		"saved with CRLF":           {strings.ReplaceAll(Write(nil, was), "\n", "\r\n"), was},
		"no final newline":          {strings.TrimSuffix(Write(nil, was), "\n"), was},
		"a tab":                     {"mapRoles:\n\t- a\nmapUsers:\n  - u\n", map[string]string{"mapRoles": "\t- a\n", "mapUsers": "- u"}},
		"quotes around the key":     {"\"mapRoles\":\n  - a\nmapUsers:\n  - u\n", was},
		"less indented than others": {"mapRoles:\n  - a: b\n c: d\nmapUsers:\n  - u\n", map[string]string{"mapRoles": " - a: b\nc: d\n", "mapUsers": "- u"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Read(tt.text, was); !maps.Equal(got.Data, tt.want) || len(got.Problems) > 0 {
				t.Errorf("got %q, want %q; %v", got.Data, tt.want, got.Problems)
			}
		})
	}
}

// A misspelt key that is in the data can be renamed.
func TestReadRename(t *testing.T) {
	was := map[string]string{"maproles": "- a\n"}
	text := strings.Replace(Write(nil, was), "maproles:", "mapRoles:", 1)
	if got := Read(text, was); len(got.Problems) > 0 || !maps.Equal(got.Data, map[string]string{"mapRoles": "- a\n"}) {
		t.Errorf("%q %v", got.Data, got.Problems)
	}
}

func TestReadProblems(t *testing.T) {
	for text, want := range map[string]Problem{
		"mapRole:\n  - a\n":                        {1, `"mapRole" is not a key of aws-auth`, "write mapRoles"},
		"mapRoles:\n  - rolearn: x\nusername: y\n": {3, `"username" is not indented`, "indent the line as far as the other fields of the entry"},
		"apiVersion: v1\n":                         {1, `"apiVersion" is not a key of aws-auth`, "remove the line; EKS reads mapRoles, mapUsers and mapAccounts"},
		"- rolearn: x\nmapRoles:\n":                {1, `"- rolearn: x" is above the first key`, "write it below mapRoles:, mapUsers: or mapAccounts:"},
		"mapRoles:\n  - a\nmapRoles:\n  - b\n":     {3, "mapRoles appears twice", "remove one of them: the first is on line 1"},
	} {
		got := Read(text, nil)
		if len(got.Problems) != 1 || got.Problems[0] != want {
			t.Errorf("%q: %+v", text, got.Problems)
		}
	}
}

func TestLine(t *testing.T) {
	text := Read("# x\nmapRoles:\n  - a\n  - b\nmapUsers: []\n", nil)
	for _, tt := range []struct {
		key        string
		line, want int
	}{{"mapRoles", 0, 2}, {"mapRoles", 1, 3}, {"mapRoles", 2, 4}, {"mapRoles", 9, 4}, {"mapUsers", 1, 5}, {"mapUsers", 0, 5}, {"mapAccounts", 1, 0}} {
		if got := text.Line(tt.key, tt.line); got != tt.want {
			t.Errorf("%s:%d is on line %d, want %d", tt.key, tt.line, got, tt.want)
		}
	}
}

func TestNotes(t *testing.T) {
	text := "# head\nmapRoles:\n  - a\n  - b"
	got := Annotate(text, []Note{{3, []string{"AA203", "  fix: x"}}, {0, []string{"look"}}, {3, []string{"more"}}, {9, []string{"end"}}})
	want := "# head\n# ^ look\nmapRoles:\n  - a\n# ^ AA203\n# ^   fix: x\n# ^ more\n  - b\n# ^ end\n"
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if back := WithoutNotes(got); back != text+"\n" {
		t.Errorf("without notes\n%s", back)
	}
}

// FuzzRoundTrip: whatever a value is, what nobody has changed comes back as the same bytes, with notes or without.
func FuzzRoundTrip(f *testing.F) {
	f.Add(roles, "[]\n")
	f.Add("a\r\nb\r\n", " \n")
	f.Add("\t- a\n\n\n", "# c\n")
	f.Add("a\r\nb\r", "# ^ x\n")
	f.Fuzz(func(t *testing.T, first, second string) {
		was := map[string]string{"mapRoles": first, "mapUsers": second, "other": first}
		text := Write([]string{"head"}, was)
		got := Read(text, was)
		if !maps.Equal(got.Data, was) || len(got.Problems) > 0 {
			t.Fatalf("%q came back as %q (%v)", was, got.Data, got.Problems)
		}
		notes := []Note{{0, []string{"a"}}, {got.Line("mapRoles", 1), []string{"b"}}, {got.Line("other", 2), []string{"c"}}}
		if back := WithoutNotes(Annotate(text, notes)); back != text {
			t.Fatalf("without its notes %q is %q", text, back)
		}
	})
}
