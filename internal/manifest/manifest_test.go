package manifest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Findings are identified by the text at their place: «rule severity field @text».
func TestFindings(t *testing.T) {
	const entry = "    - rolearn: arn:aws:iam::111122223333:role/ci\n"
	for name, tt := range map[string]struct {
		file string
		want []string // rule, severity, and the text from the place to the end of its line
		say  []string // parts of the first finding's sentence
		data map[string]string
	}{
		"good":                  {head + "  mapRoles: |\n" + entry, nil, nil, map[string]string{"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/ci\n"}},
		"from a server":         {"apiVersion: v1\ndata:\n  mapRoles: '[]'\nkind: ConfigMap\nmetadata:\n  annotations:\n    a: '{\"data\":{\"mapRoles\":\"\"}}'\n  creationTimestamp: \"2026-01-01T00:00:00Z\"\n  managedFields:\n  - {apiVersion: v1, fieldsV1: {f:data: {.: {}}}}\n  name: aws-auth\n  namespace: kube-system\n  resourceVersion: \"1\"\n  uid: x\n", nil, nil, map[string]string{"mapRoles": "[]"}},
		"null is an empty text": {head + "  mapRoles:\n", nil, nil, map[string]string{"mapRoles": ""}},
		"a date is text":        {head + "  mapRoles: 2026-01-01\n", nil, nil, nil},

		"missing |": {head + "  mapRoles:\n" + entry + "  mapUsers: |\n    []\n", []string{"AA104 error - rolearn: arn:aws:iam::111122223333:role/ci"},
			[]string{"mapRoles is a list, not a string: the | after mapRoles: is missing", "the API server rejects", "write mapRoles: |"},
			map[string]string{"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/ci\n", "mapUsers": "[]\n"}},
		"missing | before a list at the key's indentation": {head + "  mapRoles:\n  - rolearn: x\n  - rolearn: y\n", []string{"AA104 error - rolearn: x"}, nil,
			map[string]string{"mapRoles": "- rolearn: x\n- rolearn: y\n"}},
		"missing | in brackets": {head + "  mapRoles: [a]\n", []string{"AA104 error [a]"}, []string{"begin the list on the next line"}, map[string]string{"mapRoles": "[a]\n"}},
		"missing | in JSON": {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth"},"data":{"mapRoles":["a"]}}`, []string{`AA104 error ["a"]}}`}, nil,
			map[string]string{"mapRoles": "[\"a\"]\n"}},
		"missing | twice":   {head + "  mapRoles:\n    - rolearn: x\n  mapUsers:\n    userarn: y\n", []string{"AA104 error - rolearn: x", "AA104 error userarn: y"}, nil, nil},
		"a number":          {head + "  mapAccounts: 111122223333\n", []string{"AA104 error 111122223333"}, []string{"is a number, not a string", `- "111122223333"`}, map[string]string{"mapAccounts": "111122223333"}},
		"a boolean":         {head + "  mapRoles: true\n", []string{"AA104 error true"}, []string{`mapRoles: "true"`}, map[string]string{"mapRoles": "true"}},
		"data is a list":    {strings.TrimSuffix(head, "\n") + "\n- mapRoles: x\n", []string{"AA104 error - mapRoles: x"}, []string{"data is a list"}, nil},
		"data is text":      {strings.Replace(head, "\ndata:", "\ndata: |", 1) + "  mapRoles: x\n", []string{"AA104 error |"}, []string{"data is text"}, nil},
		"immutable is text": {head + "  mapRoles: x\nimmutable: 'true'\n", []string{"AA104 error 'true'"}, nil, nil},

		"data under metadata":     {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  data:\n    mapRoles: x\n", []string{"AA105 error data:"}, []string{"indent data: exactly like metadata:"}, nil},
		"mapRoles beside data":    {head + "mapRoles: |\n  x\n", []string{"AA105 error mapRoles: |"}, []string{"under data:"}, nil},
		"mapRoles under metadata": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: aws-auth\n  mapRoles: x\n", []string{"AA105 error mapRoles: x"}, nil, nil},
		"Data":                    {strings.Replace(head, "\ndata:", "\nData:", 1) + "  mapRoles: x\n", []string{"AA105 error Data:"}, []string{"write data"}, nil},
		"spec":                    {head + "  mapRoles: x\nspec: {}\n", []string{"AA105 error spec: {}"}, []string{"the fields are apiVersion"}, nil},

		"mapRoles twice":                   {head + "  mapRoles: one\n  mapUsers: x\n  mapRoles: two\n", []string{"AA102 error mapRoles: two"}, []string{"first on line 7", "sends only the last one"}, map[string]string{"mapRoles": "two", "mapUsers": "x"}},
		"name twice":                       {strings.Replace(head, "  name: aws-auth\n", "  name: other\n  name: aws-auth\n", 1), []string{"AA102 error name: aws-auth"}, nil, nil},
		"anchor and alias":                 {head + "  mapRoles: &a x\n  mapUsers: *a\n", []string{"AA102 warning &a x", "AA102 warning *a"}, nil, map[string]string{"mapRoles": "x", "mapUsers": "x"}},
		"merge key":                        {strings.Replace(head, "metadata:\n", "metadata:\n  <<: {labels: {a: b}}\n", 1), []string{"AA102 warning <<: {labels: {a: b}}"}, nil, nil},
		"tag":                              {head + "  mapRoles: !!binary W10=\n", []string{"AA102 error !!binary W10="}, nil, map[string]string{"mapRoles": "[]"}},
		"invisible":                        {head + "  mapRoles: |\n    x\n  map\u200bUsers: y\n", []string{"AA102 error \u200bUsers: y"}, []string{"U+200B"}, nil},
		"emoji in a comment":               {"# 👩\u200d💻\n" + head + "  # \u200f\n  mapRoles: x # \u200c\n", nil, nil, nil},
		"invisible in what is no comment":  {strings.Replace(head, "metadata:\n", "metadata:\n  annotations:\n    a: 'b # \u200d'\n", 1) + "  mapRoles: x\n", []string{"AA102 error \u200d'"}, nil, nil},
		"invisible, behind one in a value": {head + "  mapRoles: |\n    x\u200b\n  map\u200bUsers: y\n", []string{"AA102 error \u200bUsers: y"}, nil, nil},
		"direction in a comment":           {head + "  # \u202e\n  mapRoles: x\n", []string{"AA102 error \u202e"}, nil, nil},
		"invisible in a value is the rules' to tell": {head + "  mapRoles: |\n    x\u200b\n", nil, nil, nil},

		"tab":                             {head + "  mapRoles: |\n\t- rolearn: x\n", []string{"AA101 error \t- rolearn: x"}, []string{"the line is indented with a tab", "use spaces"}, nil},
		"tab after blanks":                {head + "  \tmapRoles: |\n", []string{"AA101 error \tmapRoles: |"}, []string{"the line is indented with a tab"}, nil},
		"text not indented":               {head + "  mapRoles: |\n  - rolearn: x\n", []string{"AA101 error - rolearn: x"}, []string{"indented no further than mapRoles:", "indent all lines below mapRoles:"}, nil},
		"matches none of the lines above": {head + "  mapRoles: |\n    x\n   mapUsers: y\n", []string{"AA101 error mapUsers: y"}, []string{"matches none of the lines above"}, nil},
		"open quote":                      {head + "  mapRoles: \"x\n", []string{"AA101 error "}, []string{"the quote opened on line 7"}, nil},
		"open bracket":                    {head + "  mapRoles: [a\n", []string{"AA101 error "}, []string{"the bracket opened on line 7"}, nil},
		"colon":                           {head + "  mapRoles: a: b\n", []string{"AA101 error : b"}, nil, nil},
		"control character":               {head + "  mapRoles: a\x01b\n", []string{"AA101 error \x01b"}, []string{"a control character"}, nil},
		"kubectl takes less":              {head + "  mapRoles: \"\\/\"\n", []string{"AA101 error mapRoles: \"\\/\""}, []string{"backslash"}, nil},
		"broken beside a good one":        {head + "  mapRoles: x\n---\nmetadata: {name: aws-auth\n", []string{"AA101 error "}, nil, map[string]string{"mapRoles": "x"}},
		"broken but another object":       {head + "  mapRoles: x\n---\nmetadata: {name: other\n", nil, nil, map[string]string{"mapRoles": "x"}},
		"20,000 brackets":                 {head + "  mapRoles: " + strings.Repeat("[", 20000), []string{"AA101 error "}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := manifest.Read("f.yaml", []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, finding := range f.Findings {
				if finding.DataKey != manifest.Key || finding.Name == "" || finding.Message == "" || finding.Fix == "" {
					t.Errorf("incomplete: %+v", finding)
				}
				text, _, _ := strings.Cut(at(tt.file, finding.Line, finding.Column), "\n")
				got = append(got, fmt.Sprintf("%s %s %s", finding.Rule, finding.Severity, text))
			}
			if name == "20,000 brackets" && len(got) == 1 { // where the parser gives up is its own affair
				got = tt.want
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("findings (-want +got):\n%s", d)
			}
			for _, part := range tt.say {
				if len(f.Findings) > 0 && !strings.Contains(sentence(f.Findings[0]), part) {
					t.Errorf("%q does not say %q", sentence(f.Findings[0]), part)
				}
			}
			if tt.data == nil {
				return
			}
			if d := cmp.Diff(tt.data, f.ConfigMap.Data); d != "" {
				t.Errorf("data (-want +got):\n%s", d)
			}
		})
	}
}

func sentence(f validate.Finding) string { return f.Message + ", " + f.Why + "; " + f.Fix }

func TestNothingToJudge(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"empty":                  {"", "f.yaml is empty; want a ConfigMap kube-system/aws-auth"},
		"blank":                  {" \n\n# only a comment\n---\n", "f.yaml holds no YAML document, only blanks or comments; want a ConfigMap kube-system/aws-auth"},
		"null":                   {"null\n", "f.yaml holds no ConfigMap kube-system/aws-auth; a manifest begins with apiVersion: v1, kind: ConfigMap (bare values are given with --map-roles, --map-users, --map-accounts)"},
		"a list":                 {"- rolearn: x\n", "f.yaml holds no ConfigMap kube-system/aws-auth; a manifest begins with apiVersion: v1, kind: ConfigMap (bare values are given with --map-roles, --map-users, --map-accounts)"},
		"no kind":                {"data:\n  mapRoles: x\n", "f.yaml holds no ConfigMap kube-system/aws-auth; line 1 begins an object without kind, add apiVersion: v1, kind: ConfigMap and metadata"},
		"another kind":           {"apiVersion: v1\nkind: Secret\nmetadata: {name: aws-auth, namespace: kube-system}\n", `f.yaml holds no ConfigMap kube-system/aws-auth; it holds Secret "aws-auth" (line 1)`},
		"kind's case":            {strings.Replace(head, "ConfigMap", "Configmap", 1), `f.yaml holds no ConfigMap kube-system/aws-auth; kind is "Configmap" on line 2, write ConfigMap`},
		"apiVersion":             {strings.Replace(head, "v1", "apps/v1", 1), `f.yaml holds no ConfigMap kube-system/aws-auth; apiVersion is "apps/v1" on line 1, write v1`},
		"another name":           {strings.Replace(head, "aws-auth", "aws_auth", 1), `f.yaml holds no ConfigMap kube-system/aws-auth; the ConfigMap's name is "aws_auth" on line 4, and EKS reads only "aws-auth"`},
		"another namespace":      {strings.Replace(head, "kube-system", "default", 1), `f.yaml holds no ConfigMap kube-system/aws-auth; namespace is "default" on line 5, and EKS reads only "kube-system"`},
		"the nearest of several": {"kind: Deployment\nmetadata: {name: x}\n---\n" + strings.Replace(head, "kube-system", "default", 1), `f.yaml holds no ConfigMap kube-system/aws-auth; namespace is "default" on line 8, and EKS reads only "kube-system"`},
		"an empty list":          {"apiVersion: v1\nkind: List\nitems: []\n", "f.yaml holds no ConfigMap kube-system/aws-auth"},
		"twice":                  {head + "---\n" + head, "f.yaml holds ConfigMap kube-system/aws-auth twice, on lines 1 and 8; keep one"},
		"binary":                 {"\x7fELF\x02\x01\x01\x00", "f.yaml is not UTF-8 text: byte 0x00 at line 1, column 8"},
		"Latin-1":                {head + "  mapRoles: caf\xe9\n", "f.yaml is not UTF-8 text: byte 0xe9 at line 7, column 16"},
		"UTF-16":                 {"\xff\xfea\x00", "f.yaml is UTF-16; save it as UTF-8 (in PowerShell: Out-File -Encoding utf8)"},
		"too long":               {strings.Repeat("#", manifest.MaxSize+1), "f.yaml has 8388609 bytes; a manifest may have 8388608 at most"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := manifest.Read("f.yaml", []byte(tt.file))
			if err == nil {
				t.Fatalf("no error, findings %+v", f.Findings)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	f, err := manifest.Read("f.yaml", []byte(strings.Replace(head, "  namespace: kube-system\n", "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"f.yaml gives no namespace; judged as kube-system"}, f.Notes); d != "" || f.ConfigMap.Namespace != "kube-system" {
		t.Errorf("namespace %q, notes (-want +got):\n%s", f.ConfigMap.Namespace, d)
	}
}

func TestBare(t *testing.T) {
	text, value, err := manifest.Bare("roles", []byte("\ufeff[]"))
	if err != nil || text != "[]" || value != "\ufeff[]" {
		t.Errorf("got %q, %q, %v", text, value, err)
	}
	if _, _, err := manifest.Bare("roles", []byte{0xff}); err == nil {
		t.Error("took bytes that are no text")
	}
}

// What a manifest's escapes make of a value is what the API server is sent, and so what the rules judge.
func TestReplacementCharacter(t *testing.T) {
	v, err := validate.New(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	const list = `- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: 'system:node:{{EC2PrivateDNSName}}'\n  groups: ['system:bootstrappers', 'system:nodes']\n`
	for name, tt := range map[string]struct {
		file  string
		found bool
	}{
		"as it is":             {head + "  mapRoles: \"# a\ufffdb\\n" + list + "\"\n", true},
		"in a block":           {head + "  mapRoles: |\n    # a\ufffdb\n    " + strings.ReplaceAll(list, `\n`, "\n    ") + "\n", true},
		"an escape":            {head + "  mapRoles: \"# a\\uFFFDb\\n" + list + "\"\n", true},
		"a long escape":        {head + "  mapRoles: \"# a\\U0000FFFDb\\n" + list + "\"\n", true},
		"JSON":                 {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth"},"data":{"mapRoles":"# a\ufffdb\n` + list + `"}}`, true},
		"JSON, half a pair":    {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth"},"data":{"mapRoles":"# a\ud83d b\n` + list + `"}}`, true},
		"an escape of Latin-1": {head + "  mapRoles: \"# a\\xffb\\n" + list + "\"\n", false}, // U+00FF, not a byte
		"an emoji as a pair":   {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth"},"data":{"mapRoles":"# a\ud83d\ude00b\n` + list + `"}}`, false},
		"in another key":       {head + "  note: a\ufffdb\n  mapRoles: \"" + list + "\"\n", false},
		"in the manifest":      {head + "  # a\ufffdb\n  mapRoles: \"" + list + "\"\n", false},
	} {
		f, err := manifest.Read("file.yaml", []byte(tt.file))
		if err != nil || f.ConfigMap == nil {
			t.Errorf("%s: %v %v", name, err, f)
			continue
		}
		rep := v.Validate(context.Background(), validate.Request{Operation: validate.Create, New: f.ConfigMap})
		found := slices.ContainsFunc(rep.Findings, func(f validate.Finding) bool { return f.Rule == "AA101" && f.Line == 1 })
		if found != tt.found || rep.Allowed == found {
			t.Errorf("%s: found %v, allowed %v: %+v", name, found, rep.Allowed, rep.Findings)
		}
	}
	for _, bytes := range []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"} {
		if _, err := manifest.Read("file.yaml", []byte(head+"  mapRoles: |\n    # a"+bytes+"\n")); err == nil || !strings.Contains(err.Error(), "not UTF-8 text: byte 0x") || !strings.Contains(err.Error(), "line 8, column 8") {
			t.Errorf("%q: %v", bytes, err)
		}
		if _, _, err := manifest.Bare("roles", []byte("# "+bytes)); err == nil {
			t.Errorf("%q is taken for a value", bytes)
		}
	}
}
