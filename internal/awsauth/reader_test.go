package awsauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

const (
	readerNodes = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n  - system:bootstrappers\n  - system:nodes\n"
	readerCI    = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"
)

// readerTexts are those in which an item might be taken for what it is only by itself.
var readerTexts = map[string]string{
	"two items":                    readerNodes + readerCI,
	"comments and blank lines":     "# the nodes\n\n" + readerNodes + "\n  # and the rest\n#\n" + readerCI + "# end\n",
	"indented":                     "  " + strings.ReplaceAll(strings.TrimSpace(readerNodes+readerCI), "\n", "\n  "),
	"no line break at the end":     readerNodes + strings.TrimSpace(readerCI),
	"the same twice":               readerNodes + readerNodes,
	"a document ends in between":   readerNodes + "...\n" + readerCI,
	"another document begins":      readerNodes + "---\n" + readerCI,
	"begins as a document":         "---\n" + readerNodes + readerCI,
	"a directive":                  "%YAML 1.1\n---\n" + readerNodes,
	"a quote over two items":       readerNodes + "- rolearn: \"arn\n" + readerCI + "  userid: \"\n",
	"a bracket over two items":     readerNodes + "- groups: [a,\n- b]\n" + readerCI,
	"a block over two items":       readerNodes + "- username: |\n    x\n- y\n" + readerCI,
	"a block that keeps its lines": "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: []\n  username: |+\n    x\n\n\n" + readerCI,
	"a folded text":                "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: [b]\n  username: x\n    y\n" + readerCI,
	"an anchor and its alias":      "- rolearn: arn:aws:iam::111122223333:role/a\n  username: &a b\n  groups: [c]\n- rolearn: arn:aws:iam::111122223333:role/b\n  username: *a\n  groups: [c]\n",
	"an alias without an anchor":   readerNodes + "- rolearn: *a\n",
	"a merge key":                  "- &a\n  rolearn: arn:aws:iam::111122223333:role/a\n  username: b\n  groups: [c]\n- <<: *a\n  rolearn: arn:aws:iam::111122223333:role/b\n",
	"a carriage return":            readerNodes + "- rolearn: arn:aws:iam::111122223333:role/a\r...\n" + readerCI,
	"lines of Windows":             strings.ReplaceAll(readerNodes+readerCI, "\n", "\r\n"),
	"a line separator":             readerNodes + "- rolearn: arn:aws:iam::111122223333:role/a\u2028...\n" + readerCI,
	"an item without a space":      readerNodes + "-\n  rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n  groups: [b]\n" + readerCI,
	"a list in a list":             "- " + strings.ReplaceAll(strings.TrimSpace(readerNodes), "\n", "\n  ") + "\n" + readerCI,
	"a list of groups no deeper":   "  - rolearn: arn:aws:iam::111122223333:role/a\n    username: a\n    groups:\n    - b\n  - c\n",
	"an item less deep":            "  " + strings.ReplaceAll(strings.TrimSpace(readerNodes), "\n", "\n  ") + "\n" + readerCI,
	"an item deeper":               readerNodes + "  - rolearn: arn:aws:iam::111122223333:role/a\n    username: a\n",
	"a mapping after the list":     readerNodes + "username: a\n",
	"a tab":                        readerNodes + "- rolearn:\tarn:aws:iam::111122223333:role/a\n  username: a\n  groups: [b]\n",
	"a fault in one item":          readerNodes + "- rolearn: arn:aws:iam::111122223333:role/a\n  usrname: a\n" + readerCI,
	"no groups":                    readerNodes + "- rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n" + readerCI,
	"an sso block":                 readerNodes + "- sso: {permissionSetName: a, accountID: \"111122223333\"}\n  username: a\n  groups: [b]\n" + readerCI,
	"an invisible character":       readerNodes + "- rolearn: arn:aws:iam::111122223333:role/a\u200b\n  username: \"\\u200b\"\n  groups: [b]\n" + readerCI,
	"a byte order mark":            "\ufeff" + readerNodes + readerCI,
	"a first comment nobody sees":  "# \u202enodes\u202c\n" + readerNodes + readerCI,
	"a first comment with a bell":  "\n# nodes\a\n" + readerNodes + readerCI,
	"a first comment's separator":  "# nodes\u2028- x\n" + readerNodes + readerCI,
	"a first comment, not UTF-8":   "#\xff\n" + readerNodes + readerCI,
	"a last comment nobody sees":   readerNodes + readerCI + "# \u202enodes\u202c\n",
	"an emoji in comments":         "# \u26a0\ufe0f\n" + readerNodes + "# \u200f\n" + readerCI + "# \u200d",
	"an emoji behind a block":      "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: []\n  username: |-\n    x\n# \ufe0f\n" + readerCI,
	"an emoji behind indentation":  "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: []\n  username: |1-\n    x\n- # \ufe0f\n  rolearn: arn:aws:iam::111122223333:role/b\n  username: b\n  groups: [c]\n",
	"an emoji in a block":          "- rolearn: arn:aws:iam::111122223333:role/a\n  groups: []\n  username: |-\n    x\n    # \ufe0f\n" + readerCI,
	"U+FFFD in a comment":          readerNodes + "# \ufffd\n" + readerCI,
	"a comment without a blank":    readerNodes + readerCI[:len(readerCI)-1] + "# c\n" + readerCI,
	"a dash in braces":             readerNodes + "- {rolearn: x, groups: [], username: -}\n" + readerCI,
	"a dash and no more":           readerNodes + "- {rolearn: x, groups: [], username: -}\n-",
	"text behind the end":          readerNodes + readerCI + "...\n@\n",
	"two readings":                 readerNodes + readerCI + "  GROUPS: [a]\n",
	"a number":                     readerNodes + "- rolearn: x\n  username: 7\n  groups: [1, ~]\n" + readerCI,
	"invalid UTF-8":                readerNodes + "- rolearn: \xff\n",
	"nothing but a comment":        "# nothing\n",
	"nothing":                      " \n",
	"an empty text":                `""`,
}

// sameAsParse holds a Reader, whatever it has read before, against Parse.
func sameAsParse(t *testing.T, r *awsauth.Reader, data map[string]string) {
	t.Helper()
	doc, problems := awsauth.Parse(data)
	for _, time := range []string{"first", "second"} {
		gotDoc, gotProblems := r.Parse(data)
		if diff := cmp.Diff(doc, gotDoc, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(awsauth.Document{}, awsauth.Entry{})); diff != "" {
			t.Errorf("read for the %s time (-Parse +Reader):\n%s", time, diff)
		}
		if diff := cmp.Diff(problems, gotProblems, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("problems, read for the %s time (-Parse +Reader):\n%s", time, diff)
		}
	}
}

func TestReader(t *testing.T) {
	remembers := &awsauth.Reader{}
	for name, text := range readerTexts {
		t.Run(name, func(t *testing.T) {
			data := map[string]string{awsauth.MapRoles: text, awsauth.MapUsers: strings.ReplaceAll(text, "rolearn", "userarn"), awsauth.MapAccounts: text}
			sameAsParse(t, &awsauth.Reader{}, data)
			sameAsParse(t, remembers, data)
		})
	}
}

// What is remembered is bounded, and what is no longer remembered is read again.
func TestReaderForgets(t *testing.T) {
	r := &awsauth.Reader{}
	for i := range 10 {
		var b strings.Builder
		for j := range 1500 {
			fmt.Fprintf(&b, "- rolearn: arn:aws:iam::111122223333:role/team-%d-%d\n  username: team\n  groups: [viewers]\n", i, j)
		}
		doc, problems := r.Parse(map[string]string{awsauth.MapRoles: b.String()})
		if len(doc.Roles) != 1500 || len(problems) > 0 || doc.Roles[1499].ARN.Line != 4498 {
			t.Fatalf("document %d: %d roles, problems %v", i, len(doc.Roles), problems)
		}
	}
	if n := r.Items(); n < 1500 || n > 8000 {
		t.Errorf("%d items are remembered after 10 documents of 1,500 new ones, want those of the last few", n)
	}
	sameAsParse(t, r, map[string]string{awsauth.MapRoles: readerNodes})
}

// FuzzReader reads two texts one after the other, and a third of both, as Parse does.
func FuzzReader(f *testing.F) {
	for _, text := range readerTexts {
		f.Add(text, readerCI)
		f.Add(readerNodes, text)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 1024 { // a fault in every byte is slow to compare
			return
		}
		r := &awsauth.Reader{}
		for _, text := range []string{a, b, a + b, a + "\n" + b} {
			sameAsParse(t, r, map[string]string{awsauth.MapRoles: text})
			sameAsParse(t, r, map[string]string{awsauth.MapUsers: text})
		}
	})
}
