package validate_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/quick"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	yaml "go.yaml.in/yaml/v4"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// goldenCase is one file of testdata; testdata/README.md describes the format.
type goldenCase struct {
	name     string // testdata/AA203/sso-role.txtar
	archive  *txtar.Archive
	head     caseHead
	policy   *policy.Policy
	old, new *caseObject // nil for the old one of CREATE and the new one of DELETE
	rbac     string      // the documents of RBAC objects; without any, RBAC is not asked
}

// caseObject is one side of an edit.
type caseObject struct {
	*corev1.ConfigMap
	file *manifest.File // if the case has the whole manifest
}

// The lines of a case that stand for others.
const (
	baseLine = "@base" // the section's lines in testdata/base.txtar
	oldLine  = "@old"  // the key's value in the old object
)

// side is what the sections of a case say of one object.
type side struct {
	file    *manifest.File
	values  map[string]section
	without []string
}

// section is the text of a section; in a quoted one the lines that begin with " or ` are Go strings.
type section struct {
	text   []byte
	quoted bool
}

// expand is what a section holds, with the lines that stand for others replaced.
func (s section) expand(others map[string]string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(string(s.text)) {
		word := strings.TrimSuffix(line, "\n")
		other, known := others[word]
		switch {
		case known:
			b.WriteString(other)
		case word == baseLine || word == oldLine:
			return "", fmt.Errorf("%s: there is nothing that it can stand for", word)
		case s.quoted && isGoString(word):
			text, err := strconv.Unquote(word)
			if err != nil {
				return "", fmt.Errorf("%s: not a Go string", word)
			}
			b.WriteString(text)
		default:
			b.WriteString(line)
		}
	}
	return b.String(), nil
}

// quote is the section that holds a value, with the lines quoted in which not every byte could be seen.
func quote(value string) section {
	visible := func(line string) bool {
		return utf8.ValidString(line) && !strings.ContainsFunc(line, func(r rune) bool { return !strconv.IsPrint(r) })
	}
	plain := func(line string) bool {
		text, whole := strings.CutSuffix(line, "\n")
		return whole && visible(text) && text != baseLine && text != oldLine && (!strings.HasPrefix(text, "-- ") || !strings.HasSuffix(text, " --"))
	}
	var s section
	for line := range strings.Lines(value) {
		s.quoted = s.quoted || !plain(line)
	}
	for line := range strings.Lines(value) {
		switch {
		case s.quoted && visible(line) && strconv.CanBackquote(line): // only its end is missing
			line = "`" + line + "`\n"
		case s.quoted && (!plain(line) || isGoString(line)):
			line = strconv.Quote(line) + "\n"
		}
		s.text = append(s.text, line...)
	}
	return s
}

// isGoString reports a line of a quoted section that stands for the bytes of a Go string.
func isGoString(line string) bool {
	return strings.HasPrefix(line, `"`) || strings.HasPrefix(line, "`")
}

// baseSections are the sections of testdata/base.txtar.
var baseSections = sync.OnceValues(func() (map[string]string, error) {
	a, err := txtar.ParseFile(filepath.Join("testdata", "base.txtar"))
	if err != nil {
		return nil, err
	}
	base := map[string]string{}
	for _, f := range a.Files {
		base[f.Name] = string(f.Data)
	}
	return base, nil
})

func readCase(t testing.TB, name string) goldenCase {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseCase(name, a)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

func parseCase(name string, a *txtar.Archive) (goldenCase, error) {
	c := goldenCase{name: name, archive: a, policy: policy.Default()}
	base, err := baseSections()
	if err != nil {
		return c, err
	}
	sides := map[string]*side{"old": {values: map[string]section{}}, "new": {values: map[string]section{}}}
	seen := map[string]bool{}
	for _, f := range a.Files {
		words := strings.Fields(f.Name)
		text := section{text: f.Data}
		if n := len(words) - 1; n > 0 && words[n] == "quoted" {
			words, text.quoted = words[:n], true
		}
		what := strings.Join(words, " ")
		if seen[what] {
			return c, fmt.Errorf("section %q appears twice", what)
		}
		seen[what] = true
		if err := c.take(words, text, base, sides); err != nil {
			return c, fmt.Errorf("section %q: %w", f.Name, err)
		}
	}
	return c, c.build(base, sides)
}

// take reads one section.
func (c *goldenCase) take(words []string, s section, base map[string]string, sides map[string]*side) (err error) {
	switch o := sides[words[0]]; {
	case o != nil && len(words) == 1:
		text, err := s.expand(nil)
		if err != nil {
			return err
		}
		if o.file, err = manifest.Read(words[0], []byte(text)); err != nil {
			return err
		}
		if len(o.file.Findings) > 0 {
			return fmt.Errorf("the manifest itself is wrong: %v", o.file.Findings)
		}
	case o != nil && len(words) == 2:
		o.values[words[1]] = s
	case o != nil && len(words) == 3 && words[1] == "without":
		if len(s.text) > 0 {
			return errors.New("it has lines, want none")
		}
		o.without = append(o.without, words[2])
	case len(words) > 1 || s.quoted:
		return errors.New("not known, see testdata/README.md")
	case words[0] == "policy":
		c.policy, err = policy.Parse(s.text)
	case words[0] == "setting":
		err = c.head.parse(s.text)
	case words[0] == "rbac":
		c.rbac, err = s.expand(map[string]string{baseLine: base["rbac"]})
	case words[0] != "want" && words[0] != "kept":
		return errors.New("not known, see testdata/README.md")
	}
	return err
}

// parse reads the section setting.
func (h *caseHead) parse(text []byte) error {
	d, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithKnownFields())
	if err == nil {
		err = d.Load(h)
	}
	if err != nil {
		return err
	}
	for arn, a := range h.IAM {
		if _, ok := existences[a.Existence]; !ok {
			return fmt.Errorf("iam: %s: existence %q is not known", arn, a.Existence)
		}
	}
	return h.Fleet.check()
}

// build makes the objects: the old one is the base, the new one the old one, but for what the case says.
func (c *goldenCase) build(base map[string]string, sides map[string]*side) (err error) {
	if c.head.Operation == "" {
		c.head.Operation = validate.Update
	}
	first := &caseObject{ConfigMap: aconfigmap(map[string]string{"mapRoles": base["mapRoles"]})}
	for _, name := range []string{"old", "new"} {
		o := sides[name]
		if name == "old" && c.head.Operation == validate.Create || name == "new" && c.head.Operation == validate.Delete {
			if o.file != nil || len(o.values)+len(o.without) > 0 {
				return fmt.Errorf("%s has no %s object", c.head.Operation, name)
			}
			continue
		}
		stands := func(key string) map[string]string {
			others := map[string]string{}
			if text, ok := base[key]; ok {
				others[baseLine] = text
			}
			if c.old != nil {
				if text, ok := c.old.Data[key]; ok {
					others[oldLine] = text
				}
			}
			return others
		}
		made, err := o.over(first, stands)
		if err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		if name == "old" {
			c.old, first = made, made
		} else {
			c.new = made
		}
	}
	return nil
}

// over is an object with what a side changes of it.
func (o *side) over(first *caseObject, stands func(key string) map[string]string) (*caseObject, error) {
	if o.file != nil {
		if len(o.values)+len(o.without) > 0 {
			return nil, errors.New("is a whole manifest and single values, want one of them")
		}
		return &caseObject{ConfigMap: o.file.ConfigMap, file: o.file}, nil
	}
	if len(o.values)+len(o.without) == 0 {
		return first, nil
	}
	made := first.DeepCopy()
	if made.Data == nil {
		made.Data = map[string]string{}
	}
	for _, key := range o.without {
		if _, ok := made.Data[key]; !ok {
			return nil, fmt.Errorf("without %s: it has none", key)
		}
		delete(made.Data, key)
	}
	for key, s := range o.values {
		text, err := s.expand(stands(key))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		made.Data[key] = text
	}
	return &caseObject{ConfigMap: made}, nil
}

// compareSection compares a text with a section of a case, or writes it there.
func (c goldenCase) compareSection(t *testing.T, name, got string) {
	t.Helper()
	i := slices.IndexFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == name })
	if *updateGolden {
		if i < 0 {
			c.archive.Files = append(c.archive.Files, txtar.File{Name: name})
			i = len(c.archive.Files) - 1
		}
		c.archive.Files[i].Data = []byte(got)
		if err := os.WriteFile(c.name, txtar.Format(c.archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if i < 0 {
		t.Fatalf("%s has no section %s; -update writes it", c.name, name)
	}
	if diff := cmp.Diff(string(c.archive.Files[i].Data), got); diff != "" {
		t.Errorf("%s: %s (-want +got):\n%s", c.name, name, diff)
	}
}

// readCases reads the cases of directories of testdata.
func readCases(t testing.TB, directories string) []goldenCase {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", directories, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases in testdata/%s: %v", directories, err)
	}
	cases := make([]goldenCase, 0, len(names))
	for _, name := range names {
		cases = append(cases, readCase(t, name))
	}
	return cases
}

// The bytes of a value that a case holds are those that were written into it, whatever they are.
func TestCaseHoldsAnyBytes(t *testing.T) {
	holds := func(value string) bool {
		s, name := quote(value), "new mapRoles"
		if s.quoted {
			name += " quoted"
		}
		file := txtar.Format(&txtar.Archive{Comment: []byte("A value.\n\n"), Files: []txtar.File{{Name: name, Data: s.text}, {Name: "want", Data: []byte("UPDATE\n")}}})
		if unseen := unseen(file); unseen != "" {
			t.Errorf("%q: not to be seen in the file: %s", value, unseen)
		}
		c, err := parseCase("case", txtar.Parse(file))
		if err != nil {
			t.Errorf("%q: %v", value, err)
			return false
		}
		if got := c.new.Data["mapRoles"]; got != value {
			t.Errorf("%q became %q in\n%s", value, got, file)
			return false
		}
		return true
	}
	for _, value := range []string{
		"", "\n", "[]", "- a", "- a\n", "- a\n\n", "\n\n- a\n", "- a\r\n- b\r\n", "- a\r", "\ufeff- a\n", "\t- a\n", "# \xff\xfe\n", "c\u200bi\n", "a\u2028b", "\x00",
		"-- want --\n", "-- want --\r\n", "-- want --", "a\n-- new mapRoles --\nb\n", "-- --\n", "@base\n", "@old\n", "@base", "\"a\"\n", "\"a\"\n\tb\n", "`a`\n\tb", "`a`", "`", "a `\"\\", "a \n", "---\n",
	} {
		holds(value)
	}
	if err := quick.Check(func(value []byte) bool { return holds(string(value)) }, nil); err != nil {
		t.Error(err)
	}
}

// unseen is the first byte or character of a text that a reader could not see.
func unseen(text []byte) string {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r != '\n' && !strconv.IsPrint(r) || r == utf8.RuneError && n == 1 {
			return fmt.Sprintf("line %d: %q", 1+bytes.Count(text[:i], []byte("\n")), text[i:i+n])
		}
		i += n
	}
	return ""
}

// What a case says of the objects is what is in them, and what it says wrongly is an error.
func TestParseCase(t *testing.T) {
	base, err := baseSections()
	if err != nil {
		t.Fatal(err)
	}
	nodeRole := base["mapRoles"]
	for name, test := range map[string]struct {
		file     string
		old, new map[string]string
		err      string
	}{
		"nothing is said":    {"", map[string]string{"mapRoles": nodeRole}, map[string]string{"mapRoles": nodeRole}, ""},
		"lines are added":    {"-- new mapRoles --\n@base\n- a\n", map[string]string{"mapRoles": nodeRole}, map[string]string{"mapRoles": nodeRole + "- a\n"}, ""},
		"over the old lines": {"-- new mapRoles --\n# x\n@old\n- b\n-- old mapRoles --\n@base\n- a\n", map[string]string{"mapRoles": nodeRole + "- a\n"}, map[string]string{"mapRoles": "# x\n" + nodeRole + "- a\n- b\n"}, ""},
		"a key stays":        {"-- old mapUsers --\n- a\n-- new mapRoles --\n", map[string]string{"mapRoles": nodeRole, "mapUsers": "- a\n"}, map[string]string{"mapRoles": "", "mapUsers": "- a\n"}, ""},
		"a key goes":         {"-- old mapUsers --\n- a\n-- new without mapRoles --\n", map[string]string{"mapRoles": nodeRole, "mapUsers": "- a\n"}, map[string]string{"mapUsers": "- a\n"}, ""},
		"created":            {"-- setting --\noperation: CREATE\n-- new mapUsers --\n- a\n", nil, map[string]string{"mapRoles": nodeRole, "mapUsers": "- a\n"}, ""},
		"deleted":            {"-- setting --\noperation: DELETE\n", map[string]string{"mapRoles": nodeRole}, nil, ""},
		"a manifest": {"-- new --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata: {mapUsers: '[]'}\n",
			map[string]string{"mapRoles": nodeRole}, map[string]string{"mapUsers": "[]"}, ""},

		"a misspelt section":      {"-- nwe mapRoles --\n", nil, nil, `section "nwe mapRoles": not known`},
		"another section":         {"-- notes --\n", nil, nil, `section "notes": not known`},
		"a section twice":         {"-- new mapRoles --\n-- new mapRoles quoted --\n", nil, nil, `section "new mapRoles" appears twice`},
		"a quoted policy":         {"-- policy quoted --\n", nil, nil, "not known"},
		"no base for it":          {"-- new mapUsers --\n@base\n", nil, nil, "@base: there is nothing"},
		"no old value of it":      {"-- new mapUsers --\n@old\n", nil, nil, "@old: there is nothing"},
		"the old value of itself": {"-- old mapRoles --\n@old\n", nil, nil, "@old: there is nothing"},
		"a quote that is open":    {"-- new mapRoles quoted --\n\"a\n", nil, nil, "not a Go string"},
		"what is not there goes":  {"-- new without mapUsers --\n", nil, nil, "it has none"},
		"lines of what goes":      {"-- new without mapRoles --\n- a\n", nil, nil, "it has lines"},
		"an old object, created":  {"-- setting --\noperation: CREATE\n-- old mapRoles --\n", nil, nil, "CREATE has no old object"},
		"a new object, deleted":   {"-- setting --\noperation: DELETE\n-- new mapRoles --\n", nil, nil, "DELETE has no new object"},
		"a misspelt setting":      {"-- setting --\noperations: DELETE\n", nil, nil, "operations"},
		"a misspelt policy":       {"-- policy --\napiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\nmodes: audit\n", nil, nil, "modes"},
		"another kind of node":    {"-- setting --\nfleet: {nodes: [{kind: EC3, names: [a]}]}\n", nil, nil, `kind "EC3" is not known`},
		"nodes without a name":    {"-- setting --\nfleet: {nodes: [{kind: EC2}]}\n", nil, nil, "it has no names"},
		"another answer of IAM":   {"-- setting --\niam: {a: {existence: gone}}\n", nil, nil, `existence "gone" is not known`},
		"a manifest and values": {"-- new mapUsers --\n-- new --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata: {}\n",
			nil, nil, "want one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parseCase("case", txtar.Parse([]byte("What it shows.\n\n"+test.file)))
			if got := fmt.Sprint(err); test.err != "" && (err == nil || !strings.Contains(got, test.err)) || test.err == "" && err != nil {
				t.Fatalf("error %q, want %q", got, test.err)
			}
			if test.err != "" {
				return
			}
			for which, o := range map[string]struct {
				got  *caseObject
				want map[string]string
			}{"old": {c.old, test.old}, "new": {c.new, test.new}} {
				if (o.got == nil) != (o.want == nil) || o.got != nil && !maps.Equal(o.got.Data, o.want) {
					t.Errorf("%s: got %v, want %q", which, o.got, o.want)
				}
			}
		})
	}
}

// TestCasesCanBeRead is what a reader needs: every case says what it shows, and has no character that cannot be seen. (A report
// quotes the lines of a value, a no-break space with them.)
func TestCasesCanBeRead(t *testing.T) {
	names, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(a.Comment)) == 0 {
			t.Errorf("%s: want a first line that says what the case shows", name)
		}
		for _, f := range a.Files {
			if unseen := unseen(f.Data); unseen != "" && f.Name != "want" {
				t.Errorf("%s: %s: %s: write the line as a Go string, in a section whose name ends with quoted", name, f.Name, unseen)
			}
		}
	}
	left, _ := filepath.Glob("testdata/*/*.y*ml")
	for _, name := range left {
		t.Errorf("%s: no case, want a .txtar", name)
	}
}
