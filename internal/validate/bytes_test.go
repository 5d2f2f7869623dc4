package validate_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// A body in protobuf may hold bytes that are not valid UTF-8; the API server stores them, the authenticator reads them in
// protobuf as they are, and a webhook sees U+FFFD for each of them.

// invalidBytes are the kinds of them.
var invalidBytes = map[string]string{
	"a byte that never occurs":        "\xff",
	"a continuation alone":            "\x80",
	"two continuations":               "\xbf\x80",
	"two bytes, cut short":            "\xc3",
	"three bytes, cut short":          "\xe2\x82",
	"four bytes, cut short":           "\xf0\x9f\x98",
	"a slash in two bytes":            "\xc0\xaf",
	"a slash in three bytes":          "\xe0\x80\xaf",
	"a zero in two bytes":             "\xc0\x80",
	"a surrogate":                     "\xed\xa0\x80",
	"two surrogates":                  "\xed\xa0\xbd\xed\xb8\x80",
	"beyond U+10FFFF":                 "\xf4\x90\x80\x80",
	"five bytes":                      "\xf8\x88\x80\x80\x80",
	"Latin-1":                         "f\xfcr",
	"half of a byte order mark, 16":   "\xfe\xff",
	"behind a valid character":        "é\xe9",
	"a character with a byte between": "\xe2\x82 \xac",
}

// bytePlaces are the kinds of places in a value: X is where the bytes are.
var bytePlaces = map[string]string{
	"a first comment":    "# X\n" + nodeRole,
	"a last comment":     nodeRole + "# X",
	"a trailing comment": nodeRole + "  # X\n" + item(),
	"between two items":  nodeRole + "X\n" + item(),
	"an ARN":             nodeRole + item("- rolearn: arn:aws:iam::111122223333:role/cX"),
	"a username":         nodeRole + item("  username: cXi"),
	"a text in quotes":   nodeRole + item("  username: \"cXi\""),
	"a group":            nodeRole + item("  groups: [deployers, X]"),
	"a key":              nodeRole + item("  X: a"),
	"inside a key":       nodeRole + item("  groXups: [viewers]"),
	"a block of text":    nodeRole + item("  username: |-\n    ci\n    X"),
	"indentation":        nodeRole + item("X  username: ci"),
	"a directive":        "%YAML 1.1 # X\n---\n" + nodeRole,
	"a second document":  nodeRole + "---\n# X\n",
	"JSON":               `[{"rolearn":"arn:aws:iam::111122223333:role/nodes","username":"system:node:{{EC2PrivateDNSName}}","groups":["system:bootstrappers","system:nodes"]} ` + "\n# X\n]",
	"all of a value":     "X",
}

// seen is what a webhook is shown of a value: encoding/json writes, and reads, U+FFFD for each byte that is not valid.
func seen(t testing.TB, raw string) string {
	t.Helper()
	b, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func notUTF8(f validate.Finding) bool {
	return f.Rule == "AA101" && f.Severity == validate.Error && !f.Preexisting && strings.Contains(f.Message, "UTF-8") && f.Line > 0
}

func TestInvalidBytes(t *testing.T) {
	v := validator(t, "partition: aws\naccounts: [{id: \"444455556666\", mapAccounts: true}]\n")
	for place, text := range bytePlaces {
		for kind, bytes := range invalidBytes {
			for _, key := range []string{awsauth.MapRoles, awsauth.MapUsers, awsauth.MapAccounts} {
				var sound, raw string
				switch key {
				case awsauth.MapRoles:
					sound, raw = nodeRole+item(), strings.Replace(text, "X", bytes, 1)
				case awsauth.MapUsers:
					sound = alice
					raw = strings.ReplaceAll(strings.Replace(text, "X", bytes, 1), "rolearn", "userarn")
				case awsauth.MapAccounts:
					sound, raw = "- \"444455556666\"\n", "# "+bytes+"\n- \"444455556666\"\n"
				}
				with := func(text string) map[string]string {
					data := roles0(nodeRole)
					data[key] = text
					return data
				}
				shown := seen(t, raw)
				if utf8.ValidString(raw) || !utf8.ValidString(shown) || !strings.Contains(shown, "\ufffd") {
					t.Fatalf("%q is shown as %q", raw, shown)
				}
				if place != "a second document" || key == awsauth.MapAccounts { // of which the authenticator reads nothing in any case
					if _, _, _, err := strict(with(raw)); err == nil && !strings.HasPrefix(raw, "\xfe\xff") {
						t.Errorf("%s in %s: the authenticator reads %q", kind, place, raw)
					}
				}
				for _, value := range []string{shown, raw} { // the command line may be given the bytes
					for what, old := range map[string]string{"sound": sound, "the same": value, "not YAML": sound + "- 'x\n", "another U+FFFD": "# \ufffd\n" + sound, "none": ""} {
						rep := step(v, with(old), with(value))
						if rep.Allowed || !slices.ContainsFunc(rep.Findings, notUTF8) {
							t.Errorf("%s in %s of %s, as %q, old %s: allowed %v%s", kind, place, key, value, what, rep.Allowed, findingsOf(rep))
						}
					}
					if rep := create(v, with(value)); rep.Allowed || !slices.ContainsFunc(rep.Findings, notUTF8) {
						t.Errorf("%s in %s of %s, created as %q: allowed %v%s", kind, place, key, value, rep.Allowed, findingsOf(rep))
					}
					if rep := step(v, with(value), with(sound)); !rep.Allowed {
						t.Errorf("%s in %s of %s, as %q: the repair is denied%s", kind, place, key, value, findingsOf(rep))
					}
				}
			}
		}
	}
}

// The authenticator reads UTF-16 too, by its byte order mark.
func TestUTF16(t *testing.T) {
	raw := "\xfe\xff"
	for _, c := range utf16.Encode([]rune(nodeRole + admin)) {
		raw += string([]byte{byte(c >> 8), byte(c)})
	}
	if roles, _, _, err := strict(roles0(raw)); err != nil || len(roles) != 2 {
		t.Fatalf("the authenticator reads %q: %v", roles, err)
	}
	if rep := step(validator(t, ""), roles0(nodeRole), roles0(seen(t, raw))); rep.Allowed || !slices.ContainsFunc(rep.Findings, notUTF8) {
		t.Errorf("allowed %v%s", rep.Allowed, findingsOf(rep))
	}
}

// What is wrong besides is known again behind the character, and one of two characters is not enough.
func TestReplacementCharacter(t *testing.T) {
	v := validator(t, "partition: aws\n")
	path := nodeRole + item("- rolearn: arn:aws:iam::111122223333:role/team/ci", "  username: yes")
	one, two := "# \ufffd\n"+path, "# \ufffd\n"+path+"# \ufffd\ufffd\n"
	if rep := step(v, roles0(one), roles0(path)); !rep.Allowed {
		t.Errorf("only the character goes: denied%s", findingsOf(rep))
	}
	rep := step(v, roles0(two), roles0(one))
	if rep.Allowed {
		t.Error("two of three characters go: allowed")
	}
	if rep := step(v, roles0(nodeRole), roles0(two)); rep.Allowed || !strings.Contains(sentences(rep), "delete all 3 of them") {
		t.Errorf("three characters: %s", sentences(rep))
	}
	for _, change := range []func(old, updated map[string]string){
		func(_, updated map[string]string) { updated["note"] = "a" }, // which no rule forbids
		func(_, updated map[string]string) { updated["mapUsers"] = alice },
		func(old, updated map[string]string) { old["mapAccounts"], updated["mapAccounts"] = "[]", "[]\n" },
	} {
		old, updated := roles0(one), roles0(one)
		if change(old, updated); step(v, old, updated).Allowed {
			t.Errorf("%q to %q is allowed", old, updated)
		}
	}
	// Who may do anything may do that, and a policy may make a warning of it; EKS reads no other key.
	for _, text := range []string{"rules: {AA101: warning}\n", "mode: audit\n"} {
		if rep := create(validator(t, text), roles0("# \ufffd\n"+nodeRole)); !rep.Allowed {
			t.Errorf("%q: denied%s", text, findingsOf(rep))
		}
	}
	breakGlass := validator(t, "breakGlass: {groups: [oncall]}\n")
	req := validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(one)), New: aconfigmap(roles0(one))}
	req.User.Groups = []string{"oncall"}
	if rep := breakGlass.Validate(context.Background(), req); !rep.Allowed || rep.Excuse != "break-glass" {
		t.Errorf("break-glass: allowed %v by %q", rep.Allowed, rep.Excuse)
	}
	other := map[string]string{"mapRoles": nodeRole, "note": "\ufffd"}
	if rep := step(v, other, other); !rep.Allowed || len(rep.Findings) > 0 {
		t.Errorf("in another key: %s", findingsOf(rep))
	}
	// More problems than are reported do not hide it.
	many := nodeRole + item("  groups: ["+strings.Repeat("\u200b, ", 12_000)+"\ufffd]")
	if rep := step(v, roles0(many), roles0(many)); rep.Allowed || !slices.ContainsFunc(rep.Findings, notUTF8) {
		t.Errorf("behind 12,000 problems: allowed %v", rep.Allowed)
	}
}
