package awsauth_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

const (
	nodesItem = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n  - system:bootstrappers\n  - system:nodes\n"
	ciItem    = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"
	emojiItem = "- rolearn: arn:aws:iam::111122223333:role/e\n  username: e\n  groups: [deployers] # \u26a0\ufe0f\n"
	tagItem   = "- rolearn: ! \"arn:aws:iam::111122223333:role/t\"\n  username: t\n  groups: [deployers]\n"
)

// reparseTexts are those in which an item might be taken for what it is only by itself.
var reparseTexts = map[string]string{
	"two items":                    nodesItem + ciItem,
	"comments and blank lines":     "# the nodes\n\n" + nodesItem + "\n  # and the rest\n#\n" + ciItem + "# end\n",
	"indented":                     "  " + strings.ReplaceAll(strings.TrimSpace(nodesItem+ciItem), "\n", "\n  "),
	"no line break at the end":     nodesItem + strings.TrimSpace(ciItem),
	"the same twice":               nodesItem + nodesItem,
	"a document ends in between":   nodesItem + "...\n" + ciItem,
	"another document begins":      nodesItem + "---\n" + ciItem,
	"begins as a document":         "---\n" + nodesItem + ciItem,
	"a directive":                  "%YAML 1.1\n---\n" + nodesItem,
	"a quote over two items":       nodesItem + "- rolearn: \"arn\n" + ciItem + "  userid: \"\n",
	"a bracket over two items":     nodesItem + "- groups: [a,\n- b]\n" + ciItem,
	"a block over two items":       nodesItem + "- username: |\n    x\n- y\n" + ciItem,
	"a block that keeps its lines": "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: []\n  username: |+\n    x\n\n\n" + ciItem,
	"a folded text":                "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: [b]\n  username: x\n    y\n" + ciItem,
	"an anchor and its alias":      "- rolearn: arn:aws:iam::111122223333:role/a\n  username: &a b\n  groups: [c]\n- rolearn: arn:aws:iam::111122223333:role/b\n  username: *a\n  groups: [c]\n",
	"an alias without an anchor":   nodesItem + "- rolearn: *a\n",
	"a merge key":                  "- &a\n  rolearn: arn:aws:iam::111122223333:role/a\n  username: b\n  groups: [c]\n- <<: *a\n  rolearn: arn:aws:iam::111122223333:role/b\n",
	"a carriage return":            nodesItem + "- rolearn: arn:aws:iam::111122223333:role/a\r...\n" + ciItem,
	"lines of Windows":             strings.ReplaceAll(nodesItem+ciItem, "\n", "\r\n"),
	"a line separator":             nodesItem + "- rolearn: arn:aws:iam::111122223333:role/a\u2028...\n" + ciItem,
	"an item without a space":      nodesItem + "-\n  rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n  groups: [b]\n" + ciItem,
	"a list in a list":             "- " + strings.ReplaceAll(strings.TrimSpace(nodesItem), "\n", "\n  ") + "\n" + ciItem,
	"a list of groups no deeper":   "  - rolearn: arn:aws:iam::111122223333:role/a\n    username: a\n    groups:\n    - b\n  - c\n",
	"an item less deep":            "  " + strings.ReplaceAll(strings.TrimSpace(nodesItem), "\n", "\n  ") + "\n" + ciItem,
	"an item deeper":               nodesItem + "  - rolearn: arn:aws:iam::111122223333:role/a\n    username: a\n",
	"a mapping after the list":     nodesItem + "username: a\n",
	"a tab":                        nodesItem + "- rolearn:\tarn:aws:iam::111122223333:role/a\n  username: a\n  groups: [b]\n",
	"a fault in one item":          nodesItem + "- rolearn: arn:aws:iam::111122223333:role/a\n  usrname: a\n" + ciItem,
	"no groups":                    nodesItem + "- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n" + ciItem,
	"an sso block":                 nodesItem + "- sso: {permissionSetName: a, accountID: \"111122223333\"}\n  username: a\n  groups: [b]\n" + ciItem,
	"an invisible character":       nodesItem + "- rolearn: arn:aws:iam::111122223333:role/a\u200b\n  username: \"\\u200b\"\n  groups: [b]\n" + ciItem,
	"a byte order mark":            "\ufeff" + nodesItem + ciItem,
	"a first comment nobody sees":  "# \u202enodes\u202c\n" + nodesItem + ciItem,
	"a first comment with a bell":  "\n# nodes\a\n" + nodesItem + ciItem,
	"a first comment's separator":  "# nodes\u2028- x\n" + nodesItem + ciItem,
	"a first comment, not UTF-8":   "#\xff\n" + nodesItem + ciItem,
	"a last comment nobody sees":   nodesItem + ciItem + "# \u202enodes\u202c\n",
	"an emoji in comments":         "# \u26a0\ufe0f\n" + nodesItem + "# \u200f\n" + ciItem + "# \u200d",
	"an emoji behind a block":      "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: []\n  username: |-\n    x\n# \ufe0f\n" + ciItem,
	"an emoji behind indentation":  "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: []\n  username: |1-\n    x\n- # \ufe0f\n  rolearn: arn:aws:iam::111122223333:role/b\n  username: b\n  groups: [c]\n",
	"an emoji in a block":          "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: []\n  username: |-\n    x\n    # \ufe0f\n" + ciItem,
	"an emoji in one item":         nodesItem + emojiItem,
	"an emoji, and a tag before":   tagItem + nodesItem + emojiItem,
	"an emoji, and an anchor":      nodesItem + emojiItem + "- rolearn: &a \"arn:aws:iam::111122223333:role/t\"\n  username: t\n  groups: [a]\n",
	"an emoji, and a tag in flow":  nodesItem + emojiItem + "- {rolearn: arn:aws:iam::111122223333:role/t, username: t, groups: [!!str 'a']}\n",
	"an emoji, and a tag above":    nodesItem + emojiItem + "- rolearn: !!str\n    'arn:aws:iam::111122223333:role/t'\n  username: t\n  groups: [a]\n",
	"a word with an !":             nodesItem + "- rolearn: arn:aws:iam::111122223333:role/a\n  username: a!b&c # d!\n  groups: [b]\n" + emojiItem,
	"U+FFFD in a comment":          nodesItem + "# \ufffd\n" + ciItem,
	"a comment without a blank":    nodesItem + ciItem[:len(ciItem)-1] + "# c\n" + ciItem,
	"a dash in braces":             nodesItem + "- {rolearn: x, groups: [], username: -}\n" + ciItem,
	"a dash and no more":           nodesItem + "- {rolearn: x, groups: [], username: -}\n-",
	"text behind the end":          nodesItem + ciItem + "...\n@\n",
	"two readings":                 nodesItem + ciItem + "  GROUPS: [a]\n",
	"a number":                     nodesItem + "- rolearn: x\n  username: 7\n  groups: [1, ~]\n" + ciItem,
	"invalid UTF-8":                nodesItem + "- rolearn: \xff\n",
	"nothing but a comment":        "# nothing\n",
	"nothing":                      " \n",
	"an empty text":                `""`,
}

// sameAsParse compares what Reparse makes of a document, after another one, with Parse. It returns the document.
func sameAsParse(t *testing.T, previous *awsauth.Document, data map[string]string) *awsauth.Document {
	t.Helper()
	want, wantProblems := awsauth.Parse(data)
	got, gotProblems := awsauth.Reparse(previous, data)
	internals := cmpopts.IgnoreUnexported(awsauth.Document{}, awsauth.Entry{})
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), internals); diff != "" {
		t.Errorf("(-Parse +Reparse):\n%s", diff)
	}
	if diff := cmp.Diff(wantProblems, gotProblems, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("problems (-Parse +Reparse):\n%s", diff)
	}
	for i, e := range want.Entries() {
		if o := got.Entries()[i]; o.Name() != e.Name() {
			t.Errorf("entry %d is called %q, want %q", i, o.Name(), e.Name())
		}
	}
	return got
}

// TestReparse reads every text after a sound one and after itself, and both together.
func TestReparse(t *testing.T) {
	for name, text := range reparseTexts {
		t.Run(name, func(t *testing.T) {
			for _, before := range []string{nodesItem, ciItem, nodesItem + ciItem, text} {
				readInTurn(t, before, text)
			}
		})
	}
}

// Where a block with a given indentation ends, the text after it decides, so that an item with one is not taken over: whether a
// character is in a comment shows only in the whole text.
func TestReparseGivenIndentation(t *testing.T) {
	const given = "- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n  groups: [b]\n  userid: |1-\n    x\n"
	readInTurn(t, given+ciItem, given+"- # \ufe0f\n"+strings.Replace(ciItem, "-", " ", 1))
}

// readInTurn reads two texts, the same and both together, each with what was read before.
func readInTurn(t *testing.T, texts ...string) {
	t.Helper()
	whole := strings.Join(texts, "")
	var roles, users *awsauth.Document
	for _, text := range append(texts, whole, strings.Join(texts, "\n"), whole, texts[0]) {
		roles = sameAsParse(t, roles, map[string]string{awsauth.MapRoles: text})
		users = sameAsParse(t, users, map[string]string{awsauth.MapUsers: strings.ReplaceAll(text, "rolearn", "userarn"), awsauth.MapAccounts: text})
	}
}

// alterations are two texts written together in another way. They are read after and before the two as they are, and must neither
// take over what is not the same in them, nor leave anything behind.
var alterations = []func(a, b string) map[string]string{
	func(a, b string) map[string]string { return roles(backwards(a + b)) }, // every item has moved
	func(a, b string) map[string]string { return roles(a + b + a + b) },
	func(a, b string) map[string]string { return roles("\ufeff" + a + b) },
	func(a, b string) map[string]string { return roles(a + "\ufeff" + b) },
	func(a, b string) map[string]string { return roles(strings.ReplaceAll(a+b, "\n", "\r\n")) },
	func(a, b string) map[string]string { return roles(strings.Replace(a+b, "\n", "\r", 1)) },
	func(a, b string) map[string]string { return roles(a + "---\n" + b) },
	func(a, b string) map[string]string { return roles(a + "...\n" + b) },
	func(a, b string) map[string]string { return roles("  " + strings.ReplaceAll(a+b, "\n", "\n  ")) },
	func(a, b string) map[string]string { return roles(strings.TrimSuffix(a+b, "\n")) },
	// The same text under another key.
	func(a, b string) map[string]string { return map[string]string{awsauth.MapUsers: a + b} },
	func(a, b string) map[string]string {
		return map[string]string{awsauth.MapRoles: b, awsauth.MapUsers: a, awsauth.MapAccounts: b}
	},
}

func roles(text string) map[string]string { return map[string]string{awsauth.MapRoles: text} }

// readAltered reads two texts, the alteration of them, and the two again, each with what was read before.
func readAltered(t *testing.T, a, b string, how int) {
	t.Helper()
	both := map[string]string{awsauth.MapRoles: a + b, awsauth.MapUsers: b}
	read := sameAsParse(t, nil, both)
	read = sameAsParse(t, read, alterations[how](a, b))
	sameAsParse(t, read, both)
}

// backwards is a list whose items begin lines, with the last of them first.
func backwards(list string) string {
	items := strings.Split("\n"+list, "\n- ")
	slices.Reverse(items[1:])
	return strings.TrimPrefix(strings.Join(items, "\n- "), "\n")
}

// TestReparseAltered reads every text with a sound one behind it, and altered.
func TestReparseAltered(t *testing.T) {
	for name, text := range reparseTexts {
		t.Run(name, func(t *testing.T) {
			for how := range alterations {
				readAltered(t, text, nodesItem+ciItem, how)
			}
		})
	}
}

// TestReparseTakesOver: an item that is written as before is not read again. That is seen by what it allocates.
func TestReparseTakesOver(t *testing.T) {
	text := strings.Repeat(nodesItem, 200) + ciItem
	before, _ := awsauth.Parse(map[string]string{awsauth.MapRoles: text})
	data := map[string]string{awsauth.MapRoles: "# moved\n" + strings.Replace(text, "[deployers]", "[viewers]", 1)}
	whole := testing.AllocsPerRun(5, func() { awsauth.Parse(data) })
	again := testing.AllocsPerRun(5, func() { awsauth.Reparse(before, data) })
	if again > whole/10 {
		t.Errorf("%.0f allocations, and %.0f without the previous document: want a tenth at most", again, whole)
	}
}

// FuzzReparse reads two texts one after the other, both together, and altered, as Parse does.
func FuzzReparse(f *testing.F) {
	for _, text := range reparseTexts {
		f.Add(text, ciItem, byte(len(text)))
		f.Add(nodesItem, text, byte(len(text)))
	}
	f.Fuzz(func(t *testing.T, a, b string, how byte) {
		if len(a)+len(b) > 1024 { // a fault in every byte is slow to compare
			return
		}
		readInTurn(t, a, b)
		readAltered(t, a, b, int(how)%len(alterations))
	})
}
