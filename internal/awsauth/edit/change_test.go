package edit

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

const (
	roleA = "arn:aws:iam::111122223333:role/a"
	roleB = "arn:aws:iam::111122223333:role/b"
	userA = "arn:aws:iam::111122223333:user/a"
)

var newEntry = Entry{ARN: roleB, Username: "b", Groups: []string{"viewers", "system:authenticated"}}

// Add writes in the style of the last entry.
func TestAdd(t *testing.T) {
	const lines = "- rolearn: " + roleB + "\n  username: b\n  groups:\n  - viewers\n  - system:authenticated\n"
	for name, tt := range map[string]struct{ was, is string }{
		"nothing":         {"", lines},
		"an empty list":   {"[]\n", lines},
		"a comment alone": {"# nobody yet\n", "# nobody yet\n" + lines},
		"groups at the depth of their key": {
			"- rolearn: " + roleA + "\n  username: a\n  groups:\n  - x\n",
			"- rolearn: " + roleA + "\n  username: a\n  groups:\n  - x\n" + lines},
		"no final newline": {
			"- rolearn: " + roleA + "\n  username: a\n  groups:\n  - x",
			"- rolearn: " + roleA + "\n  username: a\n  groups:\n  - x\n" + strings.TrimSuffix(lines, "\n")},
		"CRLF": {
			"- rolearn: " + roleA + "\r\n  username: a\r\n  groups:\r\n  - x\r\n",
			"- rolearn: " + roleA + "\r\n  username: a\r\n  groups:\r\n  - x\r\n" + strings.ReplaceAll(lines, "\n", "\r\n")},
		"as eksctl writes it": {
			"- groups:\n  - x\n  rolearn: " + roleA + "\n  username: a\n",
			"- groups:\n  - x\n  rolearn: " + roleA + "\n  username: a\n" +
				"- groups:\n  - viewers\n  - system:authenticated\n  rolearn: " + roleB + "\n  username: b\n"},
		"indented, quoted, with gaps": {
			"  -   rolearn: \"" + roleA + "\"\n      username: 'a'\n      groups:\n        -  \"x\"\n",
			"  -   rolearn: \"" + roleA + "\"\n      username: 'a'\n      groups:\n        -  \"x\"\n" +
				"  -   rolearn: \"" + roleB + "\"\n      username: 'b'\n      groups:\n        -  \"viewers\"\n        -  \"system:authenticated\"\n"},
		"groups in brackets": {
			"- rolearn: " + roleA + "\n  username: a\n  groups: [x]\n",
			"- rolearn: " + roleA + "\n  username: a\n  groups: [x]\n" +
				"- rolearn: " + roleB + "\n  username: b\n  groups: [viewers, system:authenticated]\n"},
		"entries in braces": {
			"- {rolearn: " + roleA + ", username: a, groups: [x]} # the first\n# end\n",
			"- {rolearn: " + roleA + ", username: a, groups: [x]} # the first\n" +
				"- {rolearn: " + roleB + ", username: b, groups: [viewers, system:authenticated]}\n# end\n"},
		"JSON": {
			`[{"rolearn":"` + roleA + `","username":"a","groups":["x"]}]`,
			`[{"rolearn":"` + roleA + `","username":"a","groups":["x"]}, ` +
				`{"rolearn":"` + roleB + `","username":"b","groups":["viewers","system:authenticated"]}]`},
		"a list in brackets over several lines": {
			"[\n  { rolearn: " + roleA + ", username: a, groups: [x] },\n]\n",
			"[\n  { rolearn: " + roleA + ", username: a, groups: [x] },\n" +
				"  { rolearn: " + roleB + ", username: b, groups: [viewers, system:authenticated] },\n]\n"},
		"comments between and behind": {
			"# managed by hand\n- rolearn: " + roleA + " # a\n  username: a\n  groups:\n  - x\n  # - y\n\n# the end\n",
			"# managed by hand\n- rolearn: " + roleA + " # a\n  username: a\n  groups:\n  - x\n  # - y\n" + lines + "\n# the end\n"},
		"blank lines between": {
			"- rolearn: " + roleA + "\n  username: a\n\n- rolearn: " + roleA + "2\n  username: c\n",
			"- rolearn: " + roleA + "\n  username: a\n\n- rolearn: " + roleA + "2\n  username: c\n\n" + lines},
		"a dash on a line of its own": {
			"-\n  rolearn: " + roleA + "\n  username: a\n",
			"-\n  rolearn: " + roleA + "\n  username: a\n" + lines},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := Add(map[string]string{awsauth.MapRoles: tt.was, "other": "x"}, awsauth.MapRoles, newEntry)
			if err != nil {
				t.Fatal(err)
			}
			if got := data[awsauth.MapRoles]; got != tt.is || data["other"] != "x" {
				t.Errorf("got\n%s\nwant\n%s", got, tt.is)
			}
		})
	}
}

// Add writes a user in the style of the roles, where there is no user yet.
func TestAddFirstUser(t *testing.T) {
	data := map[string]string{awsauth.MapRoles: "- groups:\n    - 'x'\n  rolearn: '" + roleA + "'\n  username: 'a'\n"}
	got, err := Add(data, awsauth.MapUsers, Entry{ARN: userA, Username: "a", Groups: []string{"x"}})
	if want := "- groups:\n    - 'x'\n  userarn: '" + userA + "'\n  username: 'a'\n"; err != nil || got[awsauth.MapUsers] != want {
		t.Errorf("%v\n%s", err, got[awsauth.MapUsers])
	}
	if len(data) != 1 {
		t.Error("the old data was changed")
	}
}

// What needs quotes gets them.
func TestAddQuotes(t *testing.T) {
	for name, want := range map[string]string{
		"system:node:{{EC2PrivateDNSName}}": "system:node:{{EC2PrivateDNSName}}",
		"{{SessionName}}":                   `"{{SessionName}}"`,
		"yes":                               `"yes"`,
		"1e3":                               `"1e3"`,
		"a: b":                              `"a: b"`,
		"a #b":                              `"a #b"`,
		"it's":                              `"it's"`,
		"東京":                                `"東京"`,
	} {
		data, err := Add(nil, awsauth.MapRoles, Entry{ARN: roleA, Username: name})
		if err != nil || !strings.Contains(data[awsauth.MapRoles], "username: "+want+"\n") {
			t.Errorf("%q: %v\n%s", name, err, data[awsauth.MapRoles])
		}
	}
}

func TestRemove(t *testing.T) {
	const a, c = "- rolearn: " + roleA + "\n  username: a\n", "- rolearn: arn:aws:iam::111122223333:role/c\n  username: c\n"
	const b = "- rolearn: " + roleB + " # b\n  username: b\n  # of b\n"
	for name, tt := range map[string]struct{ was, is string }{
		"the first":                      {b + a, a},
		"the last":                       {a + b, a},
		"between":                        {a + b + c, a + c},
		"the only one":                   {b, ""},
		"no final newline":               {a + "- rolearn: " + roleB + "\n  username: b", strings.TrimSuffix(a, "\n")},
		"with its comment":               {a + "# who is b?\n" + b + c, a + c},
		"the first with its comment":     {"# b\n" + b + "# a\n" + a, "# a\n" + a},
		"not the comment of the list":    {"# all roles\n" + b + a, "# all roles\n" + a},
		"not a comment that is separate": {a + "# of nobody\n\n" + b + c, a + "# of nobody\n\n" + c},
		"with one of its gaps":           {a + "\n" + b + "\n" + c, a + "\n" + c},
		"the last with its gap":          {a + "\n" + b, a},
		"twice":                          {b + a + b, a},
		"with a path":                    {a + "- rolearn: arn:aws:iam::111122223333:role/team/b\n  username: b\n", a},
		"braces": {"[{rolearn: " + roleA + ", username: a}, {rolearn: " + roleB + ", username: 'b, [b'}]",
			"[{rolearn: " + roleA + ", username: a}]"},
		"the first in brackets": {"[{rolearn: " + roleB + ", username: b},\n {rolearn: " + roleA + ", username: a}]",
			"[{rolearn: " + roleA + ", username: a}]"},
		"the only one in brackets": {"[ {rolearn: " + roleB + ", username: b}, ]", "[  ]"},
		"not there":                {a, a},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := Remove(map[string]string{awsauth.MapRoles: tt.was}, roleB)
			if err != nil || data[awsauth.MapRoles] != tt.is {
				t.Errorf("%v: got\n%s\nwant\n%s", err, data[awsauth.MapRoles], tt.is)
			}
		})
	}
}

func TestSet(t *testing.T) {
	head := "- rolearn: " + roleA + "\n"
	name, none := "new", []string{}
	for what, tt := range map[string]struct {
		was, is string
		set     Settings
	}{
		"username":                {head + "  username: old # is he?\n", head + "  username: new # is he?\n", Settings{Username: &name}},
		"username in quotes":      {head + "  username: 'old'\n", head + "  username: 'new'\n", Settings{Username: &name}},
		"the same username":       {head + "  username:   new\n", head + "  username:   new\n", Settings{Username: &name}},
		"no username":             {head + "  groups: [x]\n", head + "  groups: [x]\n  username: new\n", Settings{Username: &name}},
		"no value of username":    {head + "  username: # who?\n  groups: [x]\n", head + "  username: new # who?\n  groups: [x]\n", Settings{Username: &name}},
		"a group more":            {head + "  groups:\n    - x # x\n    # w\n  username: a\n", head + "  groups:\n    - x # x\n    - w\n    # w\n  username: a\n", Settings{Add: []string{"w"}}},
		"a group more in quotes":  {head + "  username: a\n  groups: ['x']\n", head + "  username: a\n  groups: ['x', 'w']\n", Settings{Add: []string{"w"}}},
		"a group there is":        {head + "  username: a\n  groups: [ x ]\n", head + "  username: a\n  groups: [ x ]\n", Settings{Add: []string{"x"}}},
		"groups where none are":   {head + "  username: a\n", head + "  username: a\n  groups:\n  - x\n  - w\n", Settings{Groups: &[]string{"x", "w"}}},
		"groups without a value":  {head + "  groups: # none\n  username: a\n", head + "  groups: # none\n  - x\n  username: a\n", Settings{Groups: &[]string{"x"}}},
		"groups of an empty list": {head + "  username: a\n  groups: []\n", head + "  username: a\n  groups: [x]\n", Settings{Groups: &[]string{"x"}}},
		"a group less":            {head + "  username: a\n  groups:\n  - x\n  - w\n", head + "  username: a\n  groups:\n  - w\n", Settings{Remove: []string{"x"}}},
		"the last group":          {head + "  groups: # of a\n  - x\n  username: a\n", head + "  groups: [] # of a\n  username: a\n", Settings{Groups: &none}},
		"the last group, no newline": {head + "  username: a\n  groups:\n  - x", head + "  username: a\n  groups: []",
			Settings{Remove: []string{"x"}}},
		"other groups": {head + "  username: a\n  groups:\n  - x\n  - w\n", head + "  username: a\n  groups:\n  - w\n  - z\n",
			Settings{Groups: &[]string{"z", "w"}}},
		"the same groups": {head + "  username: a\n  groups:\n  - x\n  - w\n", head + "  username: a\n  groups:\n  - x\n  - w\n",
			Settings{Groups: &[]string{"w", "x"}}},
		"braces": {"- {rolearn: " + roleA + ", username: a}\n", "- {rolearn: " + roleA + ", username: new, groups: [x, \"{{x}}\"]}\n",
			Settings{Username: &name, Add: []string{"x", "{{x}}"}}},
		"JSON": {`[{"rolearn":"` + roleA + `","groups":["x"],"username":"a"}]`, `[{"rolearn":"` + roleA + `","groups":["w"],"username":"new"}]`,
			Settings{Username: &name, Groups: &[]string{"w"}}},
	} {
		t.Run(what, func(t *testing.T) {
			data, err := Set(map[string]string{awsauth.MapRoles: tt.was}, roleA, tt.set)
			if err != nil || data[awsauth.MapRoles] != tt.is {
				t.Errorf("%v: got\n%s\nwant\n%s", err, data[awsauth.MapRoles], tt.is)
			}
		})
	}
}

func TestAccounts(t *testing.T) {
	const a, b = "111122223333", "044455556666"
	for was, is := range map[string]string{
		"":                          "- \"" + b + "\"\n",
		"[]\n":                      "- \"" + b + "\"\n",
		"- '" + a + "' # us\n":      "- '" + a + "' # us\n- '" + b + "'\n",
		"  - " + a:                  "  - " + a + "\n  - \"" + b + "\"",
		"[\"" + a + "\"]":           "[\"" + a + "\", \"" + b + "\"]",
		"# ours\n- \"" + a + "\"\n": "# ours\n- \"" + a + "\"\n- \"" + b + "\"\n",
	} {
		added, err := AddAccount(map[string]string{awsauth.MapAccounts: was}, b)
		if err != nil || added[awsauth.MapAccounts] != is {
			t.Errorf("%q: %v: got %q, want %q", was, err, added[awsauth.MapAccounts], is)
			continue
		}
		removed, err := RemoveAccount(added, b)
		if got := removed[awsauth.MapAccounts]; err != nil || got != was && was != "[]\n" {
			t.Errorf("%q: %v: %q without it", was, err, got)
		}
	}
}

// What EKS does not read, or what is written in a way that cannot be cut, stays as it is.
func TestLeavesAlone(t *testing.T) {
	for name, text := range map[string]string{
		"a tab":               "- rolearn: " + roleA + "\n\tusername: a\n",
		"a mapping":           "rolearn: " + roleA + "\n",
		"a string":            "hello\n",
		"a second document":   "- rolearn: " + roleA + "\n  username: a\n---\n- rolearn: " + roleA + "\n",
		"a list of one line":  "- - rolearn: " + roleA + "\n",
		"a list with a tag":   "!!seq\n- rolearn: " + roleA + "\n  username: a\n",
		"a list with a name":  "&all\n- rolearn: " + roleA + "\n  username: a\n",
		"an entry by a merge": "- &a\n  rolearn: " + roleA + "\n  username: a\n- <<: *a\n  username: b\n",
	} {
		t.Run(name, func(t *testing.T) {
			data := map[string]string{awsauth.MapRoles: text}
			before := maps.Clone(data)
			user := "x"
			for what, change := range map[string]func() (map[string]string, error){
				"add":    func() (map[string]string, error) { return Add(data, awsauth.MapRoles, newEntry) },
				"remove": func() (map[string]string, error) { return Remove(data, roleA) },
				"set":    func() (map[string]string, error) { return Set(data, roleA, Settings{Username: &user}) },
			} {
				changed, err := change()
				if err == nil && !maps.Equal(changed, before) && !soundly(before, changed) {
					t.Errorf("%s: %q", what, changed)
				}
				if !maps.Equal(data, before) {
					t.Fatalf("%s: the old data was changed", what)
				}
			}
		})
	}
	if _, err := Add(map[string]string{awsauth.MapRoles: "\t- a"}, awsauth.MapRoles, newEntry); !errors.As(err, new(*UnreadableError)) {
		t.Errorf("a value that EKS cannot read: %v", err)
	}
}

// A name with what a reader does not see is not written, and the error says so of the name, not of the list.
func TestNamesThatNobodyMeans(t *testing.T) {
	data := map[string]string{awsauth.MapRoles: "- rolearn: " + roleA + "\n  username: a\n"}
	for _, name := range []string{"", "\xff", "a\tb", "a\u00a0b", "a\u202eb", "\x1b[31m", "a\n- rolearn: " + roleB} {
		for what, change := range map[string]func() (map[string]string, error){
			"add a username": func() (map[string]string, error) {
				return Add(data, awsauth.MapRoles, Entry{ARN: roleB, Username: name})
			},
			"add a group": func() (map[string]string, error) {
				return Add(data, awsauth.MapRoles, Entry{ARN: roleB, Username: "b", Groups: []string{name}})
			},
			"set a username": func() (map[string]string, error) { return Set(data, roleA, Settings{Username: &name}) },
			"set a group":    func() (map[string]string, error) { return Set(data, roleA, Settings{Add: []string{name}}) },
		} {
			changed, err := change()
			if err == nil || !strings.Contains(err.Error(), strconv.Quote(name)) {
				t.Errorf("%s %q: %v\n%s", what, name, err, changed[awsauth.MapRoles])
			}
		}
	}
}

// soundly reports that a text brings no new problem.
func soundly(was, is map[string]string) bool {
	before, after := newReading(was), newReading(is)
	return before.sameBeside(after, roleB) && !slices.ContainsFunc(awsauth.Keys, func(key string) bool { return after.doc.Unreadable[key] })
}
