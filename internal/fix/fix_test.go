package fix_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fix"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const nodes = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
  - system:bootstrappers
  - system:nodes
`

// manifest is a ConfigMap between two other objects, with a comment at every place.
func manifest(key, mapRoles string) string {
	return "kind: Deployment \n# a\tcomment\u00a0\nmetadata: {name: web}\n---\n# who may use the cluster \napiVersion: v1\nkind: ConfigMap\n" +
		"metadata:\n  name: aws-auth\n  namespace: kube-system\ndata: # the lists\n  " + key + ": | # as EKS reads it\n    " +
		strings.TrimSuffix(strings.ReplaceAll(mapRoles, "\n", "\n    "), "    ") + "---\nkind: Secret \nmetadata: {name: other}\n"
}

// Each mistake is fixed in a value by itself and in the block of a manifest, and nothing else is touched.
func TestFix(t *testing.T) {
	for name, tt := range map[string]struct{ before, after string }{
		"a sound value":        {nodes, nodes},
		"a path":               {"- rolearn: arn:aws:iam::111122223333:role/team/ci # path /team/\n  username: ci\n  groups: [deployers]\n", "- rolearn: arn:aws:iam::111122223333:role/ci # path /team/\n  username: ci\n  groups: [deployers]\n"},
		"a path in quotes":     {"- {rolearn: 'arn:aws:iam::111122223333:role/team/ci', username: ci, groups: [deployers]}\n", "- {rolearn: 'arn:aws:iam::111122223333:role/ci', username: ci, groups: [deployers]}\n"},
		"a session":            {"- rolearn: arn:aws:sts::111122223333:assumed-role/ci/build-7\n  username: ci\n  groups: [deployers]\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"},
		"a no-break space":     {"- rolearn:\u00a0arn:aws:iam::111122223333:role/ci\u00a0\n  username: ci # a\u00a0b\n  groups: [deployers]\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci # a\u00a0b\n  groups: [deployers]\n"},
		"no-break indentation": {"- rolearn: arn:aws:iam::111122223333:role/ci\n\u00a0 username: ci\n  groups: [deployers]\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"},
		"a tab":                {"- rolearn: arn:aws:iam::111122223333:role/ci\n\tusername: ci\n\tgroups: [deployers]\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"},
		"tabs in a list":       {"- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups:\n\t- deployers\n\t- viewers\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups:\n  - deployers\n  - viewers\n"},
		"a tab behind a colon": {"- rolearn:\tarn:aws:iam::111122223333:role/ci\n  username: ci\t# a\tb\n  groups: [deployers]\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci # a\tb\n  groups: [deployers]\n"},
		"letter case":          {"- roleARN: arn:aws:iam::111122223333:role/ci\n  userName: ci\n  Groups: [deployers] # Groups: x\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers] # Groups: x\n"},
		"trailing blanks":      {"- rolearn: arn:aws:iam::111122223333:role/ci  \n  username: ci\t\n   \n  groups: [deployers]\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n\n  groups: [deployers]\n"},
		"several":              {"- roleARN: arn:aws:iam::111122223333:role/team/ci \n\tusername:\u00a0ci\n  groups: [deployers]\n", "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"},
		"one after another": {"- rolearn: arn:aws:iam::111122223333:role/team/ops\n  username: ops\n  groups: [operators]\n- roleARN: arn:aws:sts::111122223333:assumed-role/ci/build-7\n  userName: \"ci  \"   \n  groups:\n  - deployers\u00a0\n  - 'a\u00a0b'\n",
			"- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [operators]\n- rolearn: arn:aws:iam::111122223333:role/ci\n  username: \"ci  \"\n  groups:\n  - deployers\n  - 'a\u00a0b'\n"},
		"what nobody can guess":                                  {"- rolearn: arn:aws:iam::11112222333:role/ci\n  username: ci\n  groups: system:master\n", "- rolearn: arn:aws:iam::11112222333:role/ci\n  username: ci\n  groups: system:master\n"},
		"a path of a duplicate":                                  {"- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n- rolearn: arn:aws:iam::111122223333:role/team/ci\n  username: ci2\n  groups: [admins]\n", ""},
		"a no-break name":                                        {"- rolearn: arn:aws:iam::111122223333:role/ci\n  username: on\u00a0call\n  groups: [deployers]\n", ""},
		"a session, and a comment behind a no-break space":       {"- rolearn: arn:aws:sts::111122223333:assumed-role/ci/build\u00a0# ask Jane\n  username: ci\n  groups: [deployers]\n", ""},
		"a path with a comment in it":                            {"- rolearn: arn:aws:iam::111122223333:role/team\u00a0# see x/ci\n  username: ci\n  groups: [deployers]\n", ""},
		"a session that ends in a comma":                         {"- rolearn: arn:aws:sts::111122223333:assumed-role/ci/build, # x\n  username: ci\n  groups: [deployers]\n", ""},
		"a session that is none":                                 {"- rolearn: arn:aws:sts::111122223333:assumed-role/ci/{{x}}\n  username: ci\n  groups: [deployers]\n", ""},
		"a session in quotes, beside what else cannot be parsed": {"- roleARN: \"arn:aws:sts::111122223333:assumed-role/ci/build\"\u00a0#c\n  username: yes\n  groups: [deployers]\n", ""},
		"a no-break space in quotes":                             {"- rolearn: 'arn:aws:iam::111122223333:role/ci'\u00a0\n  username: \"ci\u00a0\"\n  groups: ['\u00a0viewers']\n", "- rolearn: 'arn:aws:iam::111122223333:role/ci'\n  username: \"ci\u00a0\"\n  groups: ['\u00a0viewers']\n"},
		"a wildcard with a path":                                 {"- rolearn: arn:aws:iam::111122223333:role/team/*\n  username: ci\n  groups: [deployers]\n", ""},
	} {
		if tt.after == "" {
			tt.after = tt.before
		}
		before, after := nodes+tt.before, nodes+tt.after
		t.Run(name, func(t *testing.T) {
			got, changes := fix.Value(awsauth.MapRoles, before)
			if d := cmp.Diff(after, got); d != "" {
				t.Errorf("the value (-want +got):\n%s", d)
			}
			if (len(changes) > 0) != (before != after) {
				t.Errorf("changes: %v", changes)
			}
			if again, changes := fix.Value(awsauth.MapRoles, got); again != got || len(changes) > 0 {
				t.Errorf("once more: %v\n%s", changes, again)
			}
			for _, mark := range []string{"", "\ufeff"} {
				got, _ = fix.Manifest(mark + manifest("mapRoles", before))
				if want := mark + manifest("mapRoles", after); strings.ReplaceAll(got, "    \n", "\n") != strings.ReplaceAll(want, "    \n", "\n") {
					t.Errorf("the manifest (-want +got):\n%s", cmp.Diff(want, got))
				}
			}
			windows := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
			if got, _ := fix.Value(awsauth.MapRoles, windows(before)); got != windows(after) {
				t.Errorf("with CRLF (-want +got):\n%s", cmp.Diff(windows(after), got))
			}
		})
	}
}

func TestManifest(t *testing.T) {
	const ci = "- rolearn: arn:aws:iam::111122223333:role/team/ci\n  username: ci\n  groups: [deployers]\n"
	fixed := strings.Replace(ci, "team/", "", 1)
	json := func(roles string) string {
		return `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system"}, "data": {"mapRoles": "` +
			strings.ReplaceAll(roles, "\n", `\n`) + `"}}`
	}
	for name, tt := range map[string]struct{ before, after string }{
		"the letter case of a data key":                {manifest("maproles", nodes), manifest("mapRoles", nodes)},
		"a data key, and what it kept from being read": {manifest("MAPROLES", nodes+strings.Replace(ci, "user", "\tuser", 1)), manifest("mapRoles", nodes+fixed)},
		"no data key that is there already":            {manifest("maproles: '[]'\n  mapRoles", nodes), ""},
		"JSON":                                         {json(nodes + ci), json(nodes + fixed)},
		"another object":                               {strings.Replace(manifest("mapRoles", nodes+ci), "name: aws-auth", "name: aws-auth-old", 1), ""},
		"a tab before the block's own text":            {strings.Replace(manifest("mapRoles", nodes+fixed), "      username: ci", "\tusername: ci", 1), manifest("mapRoles", nodes+fixed)},
		"no manifest at all":                           {"{{ if .Values.awsAuth }}\n\taws-auth\u00a0", ""},
		"a list where the bar is missing":              {strings.Replace(manifest("mapRoles", nodes+ci), ": |", ":", 1), strings.Replace(manifest("mapRoles", nodes+fixed), ": |", ":", 1)},
		"the manifest's own trailing blanks":           {strings.Replace(manifest("mapRoles", nodes), "kind: ConfigMap", "kind: ConfigMap  ", 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.after == "" {
				tt.after = tt.before
			}
			got, _ := fix.Manifest(tt.before)
			if d := cmp.Diff(tt.after, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Over all cases of the rules: nobody who can authenticate loses anything, a fixed text stays as it is, and comments do.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("../validate/testdata/*/*.txtar")
	if err != nil || len(files) < 300 {
		t.Fatalf("%d cases: %v", len(files), err)
	}
	fixed, want := 0, 10
	if testing.Short() {
		want = 1
	}
	for i, file := range files {
		if testing.Short() && i%10 != 0 {
			continue
		}
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name != "new mapRoles" {
				continue
			}
			before := strings.ReplaceAll(string(f.Data), "@base\n", nodes)
			after, changes := fix.Value(awsauth.MapRoles, before)
			if len(changes) == 0 {
				if before != after {
					t.Errorf("%s: changed without a word", file)
				}
				continue
			}
			fixed++
			was, _ := awsauth.Parse(map[string]string{awsauth.MapRoles: before})
			is, _ := awsauth.Parse(map[string]string{awsauth.MapRoles: after})
			for _, c := range awsauth.Diff(was.Access(), is.Access()) {
				if len(c.After) == 0 {
					t.Errorf("%s: %s loses its access\n%s", file, c.Principal, after)
				}
			}
			if again, more := fix.Value(awsauth.MapRoles, after); again != after {
				t.Errorf("%s: once more: %v", file, more)
			}
			if strings.Count(before, "#") != strings.Count(after, "#") || strings.Count(before, "\n") != strings.Count(after, "\n") {
				t.Errorf("%s: lines or comments are gone\n%s", file, after)
			}
		}
	}
	if fixed < want {
		t.Errorf("%d cases were fixed, want %d at least", fixed, want)
	}
	t.Logf("%d of %d cases were fixed", fixed, len(files))
	if _, err := os.Stat("../validate/testdata/base.txtar"); err != nil {
		t.Error(err)
	}
}

// Names in all styles with what looks like a space at all places: no finding is about a name that the fix wrote.
func TestNoFindingIsIntroduced(t *testing.T) {
	fixed := 0
	for _, entry := range []string{
		"- rolearn: arn:aws:iam::111122223333:role/ci\n  username: %s\n  groups: [deployers]\n",
		"- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers, %s]\n",
		"- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups:\n  - %s\n",
		"- rolearn: %s\n  username: ci\n  groups: [deployers]\n",
	} {
		values := []string{"v", "a, b", "a - b"}
		if strings.HasPrefix(entry, "- rolearn: %s") {
			values = []string{"arn:aws:iam::111122223333:role/team/x", "arn:aws:sts::111122223333:assumed-role/x/build"}
		}
		for _, value := range values {
			for _, blank := range []string{"\u00a0", "\t"} {
				for _, text := range []string{blank + value, value + blank, strings.ReplaceAll(value, " ", blank), value + ",", value + blank + "# c"} {
					for _, style := range []string{"%s", "%q", "'%s'", blank + "'%s'", "'%s'" + blank + "# c"} {
						before := nodes + fmt.Sprintf(entry, fmt.Sprintf(strings.Replace(style, "%q", `"%s"`, 1), text))
						after, changes := fix.Value(awsauth.MapRoles, before)
						if len(changes) > 0 {
							fixed++
						}
						for _, name := range faulty(t, after) {
							if !strings.Contains(before, name) {
								t.Errorf("%q was\n%s\nand is\n%s", name, before, after)
							}
						}
					}
				}
			}
		}
	}
	if fixed < 100 {
		t.Errorf("%d texts were fixed, want 100 at least", fixed)
	}
}

// faulty are the ARNs, usernames and groups that the findings are about.
func faulty(t *testing.T, mapRoles string) (names []string) {
	t.Helper()
	v, err := validate.New(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"}, Data: map[string]string{awsauth.MapRoles: mapRoles}}
	doc, _ := awsauth.Parse(object.Data)
	written := map[string]bool{}
	for _, e := range doc.Entries() {
		for _, name := range append(e.GroupNames(), e.ARN.Value, e.Username.Value) {
			written[name] = name != ""
		}
	}
	for _, f := range v.Validate(t.Context(), validate.Request{Operation: validate.Create, New: object}).Findings {
		if written[f.Value] {
			names = append(names, f.Value)
		}
	}
	return names
}

// A text of a megabyte is no reason to wait for long: it is read a few times at most.
func TestLargeTexts(t *testing.T) {
	roles := nodes + strings.Repeat("- rolearn: arn:aws:iam::111122223333:role/a/b \n  username: x\n  groups: [y]\n", 5000)
	if _, changes := fix.Value(awsauth.MapRoles, roles); len(changes) == 0 {
		t.Error("no trailing blank was removed")
	}
}
