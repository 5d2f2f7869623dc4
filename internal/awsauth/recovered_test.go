package awsauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// said writes down an entry as it was read, with the lines of what has a place of its own.
func said(e *awsauth.Entry) string {
	s := fmt.Sprintf("%d: %s is %s (%d) in [", e.ARN.Line, strings.TrimPrefix(e.ARN.Value, "arn:aws:iam::111122223333:"), e.Username.Value, e.Username.Line)
	for i, g := range e.Groups {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s (%d)", g.Value, g.Line)
	}
	return s + "]"
}

// TestRecovered: what the entries of a value seem to say of which EKS reads nothing. Every text has an entry before and after the one
// that is broken, and only that one may be in doubt.
func TestRecovered(t *testing.T) {
	const before = "- rolearn: arn:aws:iam::111122223333:role/first\n  username: first\n  groups: [a]\n"
	const after = "- rolearn: arn:aws:iam::111122223333:role/last\n  username: last\n  groups:\n  - z\n"
	for name, tt := range map[string]struct{ broken, want string }{
		"a quote that is never closed": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: 'ci
  groups: [deployers, viewers]
`, "4: role/ci is ci (5) in [deployers (6), viewers (6)]"},
		"a tab indents a field": {`
- rolearn: arn:aws:iam::111122223333:role/ci
` + "\t" + `username: ci
  groups: [deployers]
`, "4: role/ci is ci (5) in [deployers (6)]"},
		"a tab after the dash": {`
-` + "\t" + `rolearn: arn:aws:iam::111122223333:role/ci
` + "\t" + `username: ci
` + "\t" + `groups:
` + "\t" + `- deployers
` + "\t" + `- viewers
`, "4: role/ci is ci (5) in [deployers (7), viewers (8)]"},
		"a field indented differently": {`
- rolearn: arn:aws:iam::111122223333:role/ci
   username: ci
  groups:
  - deployers
`, "4: role/ci is ci (5) in [deployers (7)]"},
		"no colon": {`
- rolearn arn:aws:iam::111122223333:role/ci
  username ci
  groups:
    - deployers
`, "4: role/ci is ci (5) in [deployers (7)]"},
		"no space after the colon": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username:ci
  groups:
    - deployers
`, "4: role/ci is ci (5) in [deployers (7)]"},
		"a bracket that is never closed": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
  groups: [deployers, "system:masters"
`, "4: role/ci is ci (5) in [deployers (6), system:masters (6)]"},
		"braces that are never closed": {`
- {rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
`, ""},
		"a colon in a text": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: build: ci
  groups: [deployers]
`, "4: role/ci is build: ci (5) in [deployers (6)]"},
		"an at sign": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: @ci # the builds
  groups: [deployers]
`, "4: role/ci is @ci (5) in [deployers (6)]"},
		"a group deeper than the others is a part of the one before": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: @ci
  groups:
  - viewers
    - system:masters
`, "4: role/ci is @ci (5) in [viewers - system:masters (7)]"},
		"a username in a block": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: |-
    ci
  userid: @
  groups: [deployers]
`, "4: role/ci is ci (6) in [deployers (8)]"},
		"a group in a block": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: @ci
  groups:
  - >-
    deployers
  - viewers
`, "4: role/ci is @ci (5) in [deployers (8), viewers (9)]"},
		"quotes, anchors and tags around what is said": {`
- rolearn: &a "arn:aws:iam::111122223333:role/ci"
  username: !!str 'ci
  "groups": [ 'deployers', viewers ] # both
`, "4: role/ci is ci (5) in [deployers (6), viewers (6)]"},
		"another order": {`
- groups:
  - deployers
  username: 'ci
  rolearn: arn:aws:iam::111122223333:role/ci
`, "7: role/ci is ci (6) in [deployers (5)]"},
		"a misspelt username is none": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  usrname: 'ci
  groups: [deployers]
`, "4: role/ci is  (0) in [deployers (6)]"},
		"letters of another case": {`
- RoleARN: arn:aws:iam::111122223333:role/ci
  Username: 'ci
  GROUPS: [deployers]
`, "4: role/ci is ci (5) in [deployers (6)]"},
		"no ARN": {`
- username: 'ci
  groups: [deployers]
`, ""},
		"the marks of a merge conflict": {`
<<<<<<< HEAD
- rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
  groups: [deployers]
=======
`, "5: role/ci is ci (6) in [deployers (7)]"},
		"a dash that is less deep than the item's begins nothing of it": {`
  - rolearn: arn:aws:iam::111122223333:role/ci
    username: 'ci
    groups:
    - deployers
- viewers
`, "4: role/ci is ci (5) in [deployers (7)]"},
		"a field behind a dash among the groups is a field": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  groups:
  - deployers
  - username: 'ci
`, "4: role/ci is ci (7) in [deployers (6)]"},
		"a list behind the groups is no list of groups": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: 'ci
  groups:
  - deployers
  userid:
  - viewers
`, "4: role/ci is ci (5) in [deployers (7)]"},
		"quotes in quotes": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: "'ci'"
  groups: [deployers
`, "4: role/ci is 'ci' (5) in [deployers (6)]"},
		"a backslash in double quotes": {`
- rolearn: arn:aws:iam::111122223333:role/ci
  username: "corp\ci"
  groups: [deployers]
`, `4: role/ci is corp\ci (5) in [deployers (6)]`},
	} {
		t.Run(name, func(t *testing.T) {
			text := before + strings.TrimPrefix(tt.broken, "\n") + after
			doc, problems := awsauth.Parse(data(text, "", ""))
			if !doc.Unreadable[awsauth.MapRoles] || len(problems) == 0 || len(doc.Access().Principals) > 0 {
				t.Fatalf("EKS reads it: %v", table(doc.Access()))
			}
			lines := strings.Count(before+strings.TrimPrefix(tt.broken, "\n"), "\n")
			want := []string{"1: role/first is first (2) in [a (3)]"}
			if tt.want != "" {
				want = append(want, tt.want)
			}
			want = append(want, fmt.Sprintf("%d: role/last is last (%d) in [z (%d)]", lines+1, lines+2, lines+4))
			var got []string
			for i, e := range doc.Entries() {
				got = append(got, said(e))
				if !e.Recovered || e.Index != i || e.DataKey != awsauth.MapRoles {
					t.Errorf("entry %d: recovered %v, index %d of %s", i, e.Recovered, e.Index, e.DataKey)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRecoveredWithoutDash: one entry whose dash is missing is read as one.
func TestRecoveredWithoutDash(t *testing.T) {
	doc, _ := awsauth.Parse(data("rolearn: arn:aws:iam::111122223333:role/ci\nusername: ci\ngroups: [a]\n", "", ""))
	if es := doc.Entries(); len(es) != 1 || said(es[0]) != "1: role/ci is ci (2) in [a (3)]" || !es[0].Recovered {
		t.Errorf("%+v", es)
	}
	doc, _ = awsauth.Parse(data("roles:\n- rolearn: arn:aws:iam::111122223333:role/ci\n", "", ""))
	if es := doc.Entries(); len(es) > 0 {
		t.Errorf("a mapping of something else is taken for %s", said(es[0]))
	}
}

// TestReadByEKSAlone: a text that EKS reads and other parsers do not has the entries that EKS reads, with their lines where they can
// be known.
func TestReadByEKSAlone(t *testing.T) {
	const ci = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [a]"
	for name, tt := range map[string]struct{ text, want string }{
		"a comment right behind a bracket": {ci + "# viewers\n", "1: role/ci is ci (2) in [a (3)]"},
		"text behind the end":              {ci + "\n...\n@\n", "1: role/ci is ci (2) in [a (3)]"},
		"a dash in braces":                 {ci + "\n- {rolearn: x, username: -, groups: [b]}\n", "1: role/ci is ci (2) in [a (3)]\n4: x is - (4) in [b (4)]"},
	} {
		doc, problems := awsauth.Parse(data(tt.text, "", ""))
		var got []string
		for _, e := range doc.Entries() {
			got = append(got, said(e))
			if e.Recovered {
				t.Errorf("%s: %s is said not to be read", name, said(e))
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" || len(problems) == 0 || doc.Unreadable[awsauth.MapRoles] {
			t.Errorf("%s: problems %v (-want +got):\n%s", name, problems, diff)
		}
	}
}
