package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"github.com/fatih/color"
	"go.yaml.in/yaml/v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

// unprintable is every character that a terminal obeys or does not show, an escape sequence that hides what follows, and bytes
// that are no UTF-8.
func unprintable() []string {
	all := []string{"\x1b[8m", "\x1b]0;", "\x80", "\xff", "\u2028", "\u2029"}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) {
			all = append(all, string(r))
		}
	}
	return all
}

// marked is a text with some of them, each where it is found again.
func marked(chars []string) string {
	var b strings.Builder
	for _, c := range chars {
		b.WriteString("a" + c + "z")
	}
	return b.String()
}

// raw are those that an output holds as they are. Line ends and tabs belong to every output, but not in the middle of a text.
func raw(output string, chars []string) []string {
	return slices.DeleteFunc(slices.Clone(chars), func(c string) bool { return !strings.Contains(output, "a"+c+"z") })
}

// hostileServer is an API server that says the text wherever it can, or has an object that holds it.
func hostileServer(t *testing.T, says string, object *corev1.ConfigMap) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if object != nil {
			_ = json.NewEncoder(w).Encode(object)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
			Message: says, Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden})
	}))
	t.Cleanup(server.Close)
	name := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: %q}}]\nusers: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n", server.URL)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestNothingUnprintable puts every unprintable character into all that the plugin prints: names of files, of contexts and of data
// keys, values, usernames, groups, ARNs, what a policy, RBAC and an API server say, and the arguments. None comes out as it is.
func TestNothingUnprintable(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for chars := range slices.Chunk(unprintable(), 24) { // a file's name has 255 bytes at most
		text := marked(chars)
		dir := t.TempDir()
		write := func(name, content string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		inName := func(s string) string { return strings.NewReplacer("\x00", "", "/", "").Replace(s) }
		quoted := func(s string) string { // for YAML, as it is where YAML takes it
			q, _ := json.Marshal(s) // a string never fails
			return string(q)
		}
		object := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"},
			Data: map[string]string{
				"mapRoles": "- {rolearn: 'arn:aws:iam::111122223333:role/nodes', username: 'system:node:{{EC2PrivateDNSName}}', groups: [system:bootstrappers, system:nodes]}\n" +
					fmt.Sprintf("- {rolearn: 'arn:aws:iam::111122223333:role/ci', username: %s, groups: [%s, 'system:masters']}\n", quoted(text), quoted(text)) +
					fmt.Sprintf("- {rolearn: %s, username: x, groups: []}\n- {rolearn: %s, username: x, groups: []}\n", quoted("arn:aws:iam::111122223333:user/"+text), quoted(text)),
				"mapAccounts": "- " + quoted(text) + "\n", "mapUsers": "# " + text, text: text,
			}}
		asJSON, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		manifest, plain := write(inName(text)+".json", string(asJSON)), write("plain.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata: {mapRoles: '[]'}\n")
		broken := write("broken.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n  mapRoles: |\n    # "+text+"\n    - rolearn: "+text+"\n")
		missing := filepath.Join(dir, "missing"+inName(text))
		policies := []string{missing, write("p1.yaml", policyHead+"mode: "+quoted(text)+"\n"), write("p2.yaml", policyHead+quoted(text)+": x\n"), write("p3.yaml", policyHead+"rules: {"+quoted(text)+": off}\n"),
			write("p4.yaml", policyHead+"rules: {"+quoted(text)+": x, a: y}\n"), write("p5"+inName(text), policyHead+"mode: x\npartition: y\n"), write("p6.yaml", policyHead+"# "+text+"\n"),
			write("p7.yaml", policyHead+"privileged: {approvals: [{arn: 'arn:aws:iam::111122223333:role/ci', groups: [system:masters], reason: "+quoted(text)+"}]}\nwaivers: [{rule: AA201, subject: "+quoted(text)+", reason: "+quoted(text)+", expires: 2020-01-01}]\n")}
		bindings := write("rbac.yaml", `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: `+quoted(text)+`}, rules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: `+quoted(text)+`}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: `+quoted(text)+`},
 subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: `+quoted(text)+`}]}
`)
		refusing, holding := hostileServer(t, text, nil), hostileServer(t, "", object)
		commands := [][]string{
			{"check", "-f", missing}, {"check", "--map-roles", missing}, {"check", "-f", manifest, "--against", missing}, {"check", "-f", plain, "--against", broken}, {"check", "-f", manifest, "--rbac", missing},
			{"check", "-f", manifest, "--against", "live", "--kubeconfig", missing}, {"check", "-f", manifest, "--against", "live", "--kubeconfig", holding, "--context", text},
			{"check", "-f", manifest, "--against", "live", "--kubeconfig", refusing}, {"check", "-f", manifest, "--rbac", "live", "--kubeconfig", refusing}, {"fleet", "--kubeconfig", refusing},
			{"access", "--kubeconfig", refusing}, {"access", "--kubeconfig", holding}, {"access", "--kubeconfig", holding, "-o", "json"}, {"access", "--kubeconfig", holding, "-o", "yaml"}, {"access", "--kubeconfig", holding, "-o", "name"}, {"access", "--kubeconfig", holding, "-o", "wide"},
			{"access", "-f", manifest, "-f", text}, {"access", "-n", text}, {"access", "--request-timeout", text}, {"access", "--color", text}, {"access", "--kubeconfig", holding, "--cluster", text}, {"access", "--kubeconfig", holding, "--user", text}, {"diff", plain, "--kubeconfig", holding, "--rbac", "off"},
			{"access", "-f", missing}, {"diff", missing, plain}, {"diff", manifest, plain}, {"diff", plain, manifest}, {"diff", plain, manifest, "-o", "json"}, {"diff", plain, manifest, "--rbac", bindings},
			{"whois", text}, {"whois", "arn:aws:iam::111122223333:role/ci", "-f", manifest}, {"whois", "arn:aws:iam::111122223333:role/ci", "-f", manifest, "-o", "json"}, {"whois", "arn:aws:iam::444455556666:role/ci", "-f", manifest},
			{"whois", "arn:aws:iam::111122223333:user/" + text, "-f", manifest}, {"whois", "arn:aws:sts::111122223333:assumed-role/ci/" + text, "-f", manifest},
			{"explain", text}, {text}, {"check", "--" + text}, {"check", "-o", text, "-f", plain}, {"check", text}, {"iam-policy", "--account", text}, {"iam-policy", "--trust", text}, {"rules", text},
		}
		for _, output := range []string{"text", "json", "sarif"} {
			for _, file := range []string{manifest, broken} {
				commands = append(commands, []string{"check", "-f", file, "-o", output}, []string{"check", "-f", file, "--rbac", bindings, "-o", output}, []string{"check", "-f", plain, "--against", file, "-o", output})
			}
			commands = append(commands, []string{"check", "--map-roles", broken, "-o", output})
		}
		for _, p := range policies {
			commands = append(commands, []string{"check", "-f", manifest, "--policy", p}, []string{"access", "-f", manifest, "--policy", p})
		}
		for _, color.NoColor = range []bool{true, false} {
			for _, args := range commands {
				var stdout, stderr bytes.Buffer
				code := run(context.Background(), args, streams{strings.NewReader(""), &stdout, &stderr}, func() {})
				both := stdout.String() + stderr.String()
				if found := raw(both, chars); len(found) > 0 || !utf8.ValidString(both) {
					t.Errorf("%q prints %q as they are (exit code %d):\n%q", args, found, code, both)
				}
				if both == "" && code != exitAdmitted {
					t.Errorf("%q says nothing, exit code %d", args, code)
				}
				if rest := colours.ReplaceAllString(both, ""); strings.IndexFunc(rest, func(r rune) bool {
					return r != '\n' && r != '\t' && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r))
				}) >= 0 {
					t.Errorf("%q prints what a terminal obeys:\n%q", args, both)
				}
			}
		}
		color.NoColor = true
		nodes := &fleetList{Cluster: text, Region: text, NodesTrouble: text, AccessTrouble: text, Roles: []fleetRole{{ARN: text, Nodes: []string{text}, By: text}}, Shadowed: []shadowedEntry{{text, text}}}
		for form, write := range map[string]func(io.Writer, any) error{"text": nil, "wide": nil, "json": report.WriteJSON, "yaml": report.WriteYAML} {
			var b bytes.Buffer
			if write == nil {
				b.WriteString(nodes.text(0, form == "wide"))
			} else if err := write(&b, nodes); err != nil {
				t.Fatal(err)
			}
			if found := raw(b.String(), chars); len(found) > 0 {
				t.Errorf("fleet -o %s prints %q as they are", form, found)
			}
		}
	}
}

var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

const policyHead = "apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n"

// TestJSONKeepsCharacters holds that a program reads from JSON what the object says, to the character.
func TestJSONKeepsCharacters(t *testing.T) {
	want := strings.ToValidUTF8(marked(unprintable()), "\ufffd") + "\"\\<東京>\U000e0001"
	var b bytes.Buffer
	if err := report.WriteJSON(&b, want); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got != want {
		t.Errorf("%v: got %q, want %q", err, got, want)
	}
}

// TestYAMLKeepsCharacters holds the same of YAML, for its two parsers, and that fields keep their order.
func TestYAMLKeepsCharacters(t *testing.T) {
	type answer struct {
		Z, A  string
		Looks []string
		N     int
		No    *string
		Yes   bool
		None  []string
	}
	text := strings.ToValidUTF8(marked(unprintable()), "\ufffd") + "\"\\<東京>\U000e0001"
	want := answer{Z: text, A: "東京", Looks: []string{"yes", "0x10", "~", "1e3", "- a", "a: b", "", " ", "2001-01-01", "#"}, N: 1000000, Yes: true, None: []string{}}
	var b bytes.Buffer
	if err := report.WriteYAML(&b, want); err != nil {
		t.Fatal(err)
	}
	for name, parse := range map[string]func([]byte, *answer) error{
		"as JSON": func(data []byte, into *answer) error { return sigsyaml.Unmarshal(data, into) },
		"as nodes": func(data []byte, into *answer) error {
			var fields map[string]any
			if err := yaml.Unmarshal(data, &fields); err != nil {
				return err
			}
			text, err := json.Marshal(fields)
			if err != nil {
				return err
			}
			return json.Unmarshal(text, into)
		},
	} {
		var got answer
		if err := parse(b.Bytes(), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v: got %#v, want %#v", name, err, got, want)
		}
	}
	if z, a := strings.Index(b.String(), "Z:"), strings.Index(b.String(), "\nA:"); z != 0 || a < z {
		t.Errorf("the fields are not in their order:\n%s", b.String())
	}
}

// TestTable holds that rows are columns where they fit, and paragraphs where a terminal is too narrow.
func TestTable(t *testing.T) {
	header, rows := []string{"ROLE", "KIND"}, [][]string{{"one", "東京"}, {"  a node", ""}}
	const columns, paragraphs = "ROLE       KIND\none        東京\n  a node\n", "one\n    kind   東京\n  a node\n"
	for width, want := range map[int]string{0: columns, 15: columns, 14: paragraphs, 1: paragraphs} {
		if got := table(width, header, rows); got != want {
			t.Errorf("at %d columns:\n%q, want\n%q", width, got, want)
		}
	}
}

// TestProse holds that sentences in the last column are wrapped between words, and that no word is ever broken.
func TestProse(t *testing.T) {
	arn := "arn:aws:iam::111122223333:role/" + strings.Repeat("long", 15)
	c := columns{header: []string{"ID", "CATCHES"}, rows: [][]string{{"AA101", "one two three four five six seven eight nine ten"}, {"AA102", "see " + arn}}, prose: true}
	for width := 1; width < 120; width++ {
		got := c.text(width)
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if words := strings.Fields(line); displaywidth.String(line) > max(width, len("    catches   ")+len("AA101")) && !strings.HasSuffix(line, arn) {
				t.Fatalf("at %d columns, a line of %d with %d words:\n%s", width, displaywidth.String(line), len(words), got)
			}
		}
		if !strings.Contains(got, arn) || len(strings.Fields(got)) < 14 {
			t.Fatalf("at %d columns a word is broken or missing:\n%s", width, got)
		}
	}
	if got, want := c.text(0), "ID      CATCHES\nAA101   one two three four five six seven eight nine ten\nAA102   see "+arn+"\n"; got != want {
		t.Errorf("for scripts:\n%s, want\n%s", got, want)
	}
}

// TestScreen holds the last place before the terminal to itself, in pieces of every size.
func TestScreen(t *testing.T) {
	in := "plain\n\ttabs 東京 \x1b[1;31mred\x1b[0m \x1b[2J \x1b]0;t\a \u202e \u0085 \x7f \xff\xfe half \xe6\x9d"
	for colours, want := range map[bool]string{
		true:  "plain\n\ttabs 東京 \x1b[1;31mred\x1b[0m \\x1b[2J \\x1b]0;t\\x07 \\u202e \\u0085 \\x7f \\xff\\xfe half \\xe6\\x9d",
		false: "plain\n\ttabs 東京 \\x1b[1;31mred\\x1b[0m \\x1b[2J \\x1b]0;t\\x07 \\u202e \\u0085 \\x7f \\xff\\xfe half \\xe6\\x9d",
	} {
		for size := 1; size <= len(in); size++ {
			if colours && size < len(in) {
				continue // the colour library writes a sequence in one piece
			}
			var b bytes.Buffer
			s := &screen{Writer: &b, colours: colours}
			for piece := range slices.Chunk([]byte(in), size) {
				if n, err := s.Write(piece); n != len(piece) || err != nil {
					t.Fatal(n, err)
				}
			}
			s.flush()
			if b.String() != want {
				t.Fatalf("in pieces of %d bytes: %q, want %q", size, b.String(), want)
			}
		}
	}
}

// TestNoWarnings holds that what an API server adds to an answer goes nowhere.
func TestNoWarnings(t *testing.T) {
	config, err := clusterOptions{kubeconfig: hostileServer(t, "", nil)}.config()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := config.WarningHandler.(rest.NoWarnings); !ok {
		t.Errorf("warnings go to %T", config.WarningHandler)
	}
}

// TestLogTo holds that what client-go logs goes to the screen and nowhere else.
func TestLogTo(t *testing.T) {
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close() //nolint:errcheck // read below
	was := os.Stderr
	os.Stderr = stderr
	defer func() { os.Stderr = was }()
	var b bytes.Buffer
	logTo(&screen{Writer: &b})
	klog.Error("a\x1bz\u202e")
	klog.Warning("warned")
	klog.ErrorS(errors.New("a\x1bz"), "failed", "of", "a\u0085z")
	klog.Flush()
	if got := b.String(); strings.Contains(got, "\x1b") || strings.Contains(got, "\u202e") || strings.Count(got, `a\x1bz\u202e`) != 1 || !strings.Contains(got, "warned") || !strings.Contains(got, "failed") {
		t.Errorf("the screen has %q", got)
	}
	if raw, err := os.ReadFile(stderr.Name()); err != nil || len(raw) > 0 {
		t.Errorf("stderr has %q (%v)", raw, err)
	}
}

// An access diff at 80 columns: no line is longer, and no ARN is broken.
func TestChangesAtWidth(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:role/on-call"
	way := wayText{Kind: "group", Name: "system:masters", Evidence: "full control of the cluster, which nobody can take away again"}
	row := principalRow{Principal: arn, Username: "on-call", Groups: []string{"system:masters", "viewers"}, Place: "good.yaml:16"}
	text := changeList{{Principal: arn, After: []principalRow{row}, Gained: []wayText{way}}}.text(80)
	for line := range strings.Lines(text) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	if !strings.Contains(text, arn) || strings.Count(text, "\n") < 3 {
		t.Error(text)
	}
}
