package validate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	nodes = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
  - system:bootstrappers
  - system:nodes
`
	alice = `- userarn: arn:aws:iam::111122223333:user/alice
  username: alice
  groups:
  - viewers
`
)

// item is a role entry with one thing changed: the line of that field is replaced.
func item(changes ...string) string {
	lines := []string{
		"- rolearn: arn:aws:iam::111122223333:role/ci",
		"  username: ci",
		"  groups: [deployers]",
	}
	for _, c := range changes {
		field, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(c, "- ")), ":")
		replaced := false
		for i, l := range lines {
			if strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(l, "- ")), field+":") {
				lines[i], replaced = c, true
			}
		}
		if !replaced {
			lines = append(lines, c)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func roles(text string) map[string]string { return map[string]string{awsauth.MapRoles: nodes + text} }

// keptTable holds every row of "What ParseMap keeps": an input, how many mappings of mapRoles and mapUsers EKS keeps, and
// the rules that must find it. No rules: it must be let in without a word.
var keptTable = map[string]struct {
	data         map[string]string
	roles, users int
	rules        []string
}{
	"sound":                              {roles(item()), 2, 0, nil},
	"control character in a comment":     {map[string]string{"mapRoles": "# nodes\a\n" + nodes, "mapUsers": alice}, 0, 1, []string{"AA101", "AA102"}},
	"line break in a first comment":      {map[string]string{"mapRoles": "# nodes\u2028- {rolearn: 'arn:aws:iam::111122223333:role/ci', username: ci, groups: [system:masters]}\n" + nodes}, 2, 0, []string{"AA102", "AA401"}},
	"direction mark in a first comment":  {map[string]string{"mapRoles": "# \u202enodes\n" + nodes}, 1, 0, []string{"AA102"}},
	"syntax error in mapRoles":           {map[string]string{"mapRoles": nodes + "- rolearn: 'x\n", "mapUsers": alice}, 0, 1, []string{"AA101"}},
	"tab in mapRoles":                    {map[string]string{"mapRoles": nodes + "- rolearn: a\n\tusername: b\n", "mapUsers": alice}, 0, 1, []string{"AA101"}},
	"item without rolearn":               {roles("- username: ci\n  groups: [deployers]\n"), 1, 0, []string{"AA106"}},
	"misspelt rolearn":                   {roles("- rolarn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"), 1, 0, []string{"AA105"}},
	"groups is a text":                   {roles(item("  groups: system:masters")), 2, 0, []string{"AA104"}},
	"a group is a number":                {roles(item("  groups: [deployers, 1]")), 2, 0, []string{"AA102"}},
	"a group is a boolean":               {roles(item("  groups: [deployers, yes]")), 2, 0, []string{"AA102"}},
	"a group is null":                    {roles(item("  groups: [deployers, ~]")), 2, 0, []string{"AA107"}},
	"a group is a mapping":               {roles(item("  groups: [deployers, {system: masters}]")), 2, 0, []string{"AA104"}},
	"a group is a list":                  {roles(item("  groups: [deployers, [viewers]]")), 2, 0, []string{"AA104"}},
	"groups is null":                     {roles(item("  groups:")), 2, 0, []string{"AA106"}},
	"no groups":                          {roles("- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n"), 2, 0, []string{"AA106"}},
	"groups is an empty list":            {roles(item("  groups: []")), 2, 0, nil},
	"group for groups":                   {roles("- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  group: [deployers]\n"), 2, 0, []string{"AA105"}},
	"username is a number":               {roles(item("  username: 1234")), 2, 0, []string{"AA102"}},
	"username is n":                      {roles(item("  username: n")), 2, 0, []string{"AA102"}},
	"username is yes":                    {roles(item("  username: yes")), 2, 0, []string{"AA102"}},
	"username is null":                   {roles(item("  username: null")), 2, 0, []string{"AA106"}},
	"username is a date":                 {roles(item("  username: 2026-11-24")), 2, 0, nil},
	"username is a float":                {roles(item("  username: 1e3")), 2, 0, []string{"AA102"}},
	"username is hexadecimal":            {roles(item("  username: 0x1F")), 2, 0, []string{"AA102"}},
	"username with underscores":          {roles(item("  username: 1_000")), 2, 0, []string{"AA102"}},
	"quoted number":                      {roles(item("  username: '1234'")), 2, 0, nil},
	"no username":                        {roles("- rolearn: arn:aws:iam::111122223333:role/ci\n  groups: [deployers]\n"), 2, 0, []string{"AA106"}},
	"mapRoles is a mapping":              {map[string]string{"mapRoles": "rolearn: arn:aws:iam::111122223333:role/ci\nusername: ci\n", "mapUsers": alice}, 0, 1, []string{"AA104"}},
	"mapRoles is a scalar":               {map[string]string{"mapRoles": "nodes", "mapUsers": alice}, 0, 1, []string{"AA104"}},
	"an item is a text":                  {roles("- arn:aws:iam::111122223333:role/ci\n"), 1, 0, []string{"AA104"}},
	"an item is null":                    {roles("-\n"), 1, 0, []string{"AA104"}},
	"unknown field":                      {roles(item("  description: builds")), 2, 0, []string{"AA105"}},
	"roleARN":                            {roles("- roleARN: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"), 2, 0, []string{"AA105"}},
	"UserName":                           {roles("- rolearn: arn:aws:iam::111122223333:role/ci\n  UserName: ci\n  groups: [deployers]\n"), 2, 0, []string{"AA105"}},
	"GROUPS":                             {roles("- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  GROUPS: [system:masters]\n"), 2, 0, []string{"AA105", "AA401"}},
	"long s folded to groups":            {roles(item("  groupſ: [system:masters]")), 2, 0, []string{"AA102"}},
	"rolearn and ROLEARN":                {roles(item("  ROLEARN: arn:aws:iam::111122223333:role/other")), 2, 0, []string{"AA105"}},
	"a key twice":                        {roles(item() + "  groups: [system:masters]\n"), 2, 0, []string{"AA102", "AA401"}},
	"two items for one ARN":              {roles(item() + item("  groups: [viewers]")), 3, 0, []string{"AA108"}},
	"two items, letter case apart":       {roles(item() + item("- rolearn: arn:aws:iam::111122223333:role/CI")), 3, 0, []string{"AA108"}},
	"one ARN under both keys":            {map[string]string{"mapRoles": nodes + item(), "mapUsers": strings.ReplaceAll(item(), "rolearn", "userarn")}, 2, 1, []string{"AA108"}},
	"a second document":                  {roles("---\n" + item()), 1, 0, []string{"AA102"}},
	"anchor and alias":                   {roles("- rolearn: arn:aws:iam::111122223333:role/ci\n  username: &n ci\n  groups: [*n]\n"), 2, 0, []string{"AA102"}},
	"merge key with masters":             {roles("- &a\n  rolearn: arn:aws:iam::111122223333:role/a\n  username: a\n  groups: [system:masters]\n- <<: *a\n  rolearn: arn:aws:iam::111122223333:role/b\n"), 3, 0, []string{"AA102", "AA401"}},
	"JSON":                               {map[string]string{"mapRoles": `[{"rolearn":"arn:aws:iam::111122223333:role/nodes","username":"system:node:{{EC2PrivateDNSName}}","groups":["system:bootstrappers","system:nodes"]}]`}, 1, 0, nil},
	"JSON, indented with tabs":           {map[string]string{"mapRoles": "[\n\t{\n\t\t\"rolearn\": \"arn:aws:iam::111122223333:role/nodes\",\n\t\t\"username\":\t\"system:node:{{EC2PrivateDNSName}}\",\n\t\t\"groups\": [\"system:bootstrappers\",\t\"system:nodes\"]\n\t}\n]\n"}, 1, 0, nil},
	"comment behind a bracket":           {roles(item("  groups: [deployers]# a")), 2, 0, []string{"AA102"}},
	"text behind the end":                {roles(item() + "...\n@\n"), 2, 0, []string{"AA102"}},
	"a dash in braces":                   {roles("- {rolearn: arn:aws:iam::111122223333:role/ci, groups: [], username: -}\n"), 2, 0, []string{"AA102"}},
	"emoji in a comment":                 {map[string]string{"mapRoles": "# \u26a0\ufe0f\n" + nodes}, 1, 0, nil},
	"U+FFFD in a comment":                {map[string]string{"mapRoles": "# \ufffd\n" + nodes}, 1, 0, []string{"AA101"}},
	"flow style":                         {map[string]string{"mapRoles": `[{rolearn: "arn:aws:iam::111122223333:role/nodes", username: "system:node:{{EC2PrivateDNSName}}", groups: [system:bootstrappers, "system:nodes"]}]`}, 1, 0, nil},
	"empty string":                       {map[string]string{"mapRoles": ""}, 0, 0, []string{"AA502"}},
	"blanks":                             {map[string]string{"mapRoles": "  \n "}, 0, 0, []string{"AA502"}},
	"two backquotes":                     {map[string]string{"mapRoles": "``"}, 0, 0, []string{"AA502"}},
	"two double quotes":                  {map[string]string{"mapRoles": `""`}, 0, 0, []string{"AA502"}},
	"two single quotes":                  {map[string]string{"mapRoles": "''"}, 0, 0, []string{"AA502"}},
	"empty list":                         {map[string]string{"mapRoles": "[]\n"}, 0, 0, []string{"AA502"}},
	"null":                               {map[string]string{"mapRoles": "null"}, 0, 0, []string{"AA502"}},
	"comment only":                       {map[string]string{"mapRoles": "# nobody\n"}, 0, 0, []string{"AA502"}},
	"empty mapUsers beside mapRoles":     {map[string]string{"mapRoles": nodes, "mapUsers": "[]\n", "mapAccounts": "[]\n"}, 1, 0, nil},
	"no ARN":                             {roles(item("- rolearn: ci")), 2, 0, []string{"AA201"}},
	"blank after a quoted ARN":           {roles(item("- rolearn: \"arn:aws:iam::111122223333:role/ci \"")), 2, 0, []string{"AA201"}},
	"newline after a quoted ARN":         {roles(item("- rolearn: \"arn:aws:iam::111122223333:role/ci\\n\"")), 2, 0, []string{"AA201"}},
	"smart quotes":                       {roles(item("- rolearn: “arn:aws:iam::111122223333:role/ci”")), 2, 0, []string{"AA201"}},
	"zero-width blank":                   {roles(item("- rolearn: arn:aws:iam::111122223333:role/ci\u200b")), 2, 0, []string{"AA102"}},
	"role with a path":                   {roles(item("- rolearn: arn:aws:iam::111122223333:role/team/ci")), 2, 0, []string{"AA203"}},
	"SSO role with its path":             {roles(item("- rolearn: arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Dev_0123456789abcdef")), 2, 0, []string{"AA203"}},
	"assumed role":                       {roles(item("- rolearn: arn:aws:sts::111122223333:assumed-role/ci/build")), 2, 0, []string{"AA202"}},
	"instance profile":                   {roles(item("- rolearn: arn:aws:iam::111122223333:instance-profile/ci")), 2, 0, []string{"AA202"}},
	"IAM group":                          {roles(item("- rolearn: arn:aws:iam::111122223333:group/ci")), 2, 0, []string{"AA202"}},
	"wildcard":                           {roles(item("- rolearn: arn:aws:iam::111122223333:role/*")), 2, 0, []string{"AA202"}},
	"user under mapRoles":                {roles(item("- rolearn: arn:aws:iam::111122223333:user/bob")), 2, 0, []string{"AA202"}},
	"role under mapUsers":                {map[string]string{"mapRoles": nodes, "mapUsers": strings.Replace(alice, "user/alice", "role/ci", 1)}, 1, 1, []string{"AA202"}},
	"sso block":                          {roles("- sso: {permissionSetName: Dev, accountID: \"111122223333\"}\n  username: dev\n  groups: [deployers]\n"), 1, 0, []string{"AA205"}},
	"sso block with a partition":         {roles("- sso: {permissionSetName: Dev, accountID: \"111122223333\", partition: aws}\n  username: dev\n  groups: [deployers]\n"), 1, 0, []string{"AA205"}},
	"misindented group":                  {roles("- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups:\n  - a\n   - b\n"), 2, 0, []string{"AA107"}},
	"unquoted template":                  {roles(item("  username: {{SessionName}}")), 0, 0, []string{"AA102"}},
	"quoted template":                    {roles(item("  username: '{{SessionName}}'")), 2, 0, nil},
	"template after text":                {roles(item("  username: ci:{{SessionName}}")), 2, 0, nil},
	"unquoted account with leading zero": {map[string]string{"mapRoles": nodes, "mapAccounts": "- 012345678901\n"}, 1, 0, []string{"AA102", "AA406"}},
	"quoted account":                     {map[string]string{"mapRoles": nodes, "mapAccounts": "- \"012345678901\"\n"}, 1, 0, []string{"AA406"}},
	"mapAccounts is a scalar":            {map[string]string{"mapRoles": nodes, "mapAccounts": "111122223333"}, 1, 0, []string{"AA104"}},
	"mapAccounts with a mapping":         {map[string]string{"mapRoles": nodes, "mapAccounts": "- id: 1\n"}, 1, 0, []string{"AA104"}},
	"mapAccounts with null":              {map[string]string{"mapRoles": nodes, "mapAccounts": "-\n"}, 1, 0, []string{"AA102"}},
	"CRLF":                               {map[string]string{"mapRoles": strings.ReplaceAll(nodes+item(), "\n", "\r\n")}, 2, 0, nil},
	"byte order mark":                    {map[string]string{"mapRoles": "\ufeff" + nodes}, 1, 0, []string{"AA102"}},
	"binary tag":                         {roles(item("- rolearn: !!binary YXJuOmF3czppYW06OjExMTEyMjIyMzMzMzpyb2xlL2Np")), 2, 0, []string{"AA102"}},
	"number as a key":                    {roles(item("  1: x")), 2, 0, []string{"AA102"}},
	"alias bomb":                         {map[string]string{"mapRoles": aliasBomb(9), "mapUsers": alice}, 0, 1, []string{"AA102"}},
	"invalid UTF-8":                      {map[string]string{"mapRoles": nodes + "# \xff\n", "mapUsers": alice}, 0, 1, []string{"AA101"}},
	"control character":                  {map[string]string{"mapRoles": nodes + "# \x01\n", "mapUsers": alice}, 0, 1, []string{"AA101", "AA102"}},
	"line separator in a text":           {roles(item("  username: \"c\u2028i\"")), 2, 0, []string{"AA102"}},
	"Cyrillic letter in a key":           {roles(item("  grоups: [system:masters]")), 2, 0, []string{"AA102"}},
}

// aliasBomb is a list that grows tenfold with every level.
func aliasBomb(levels int) string {
	var b strings.Builder
	b.WriteString("- &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i <= levels; i++ {
		prev := "*a" + string(rune('0'+i-1))
		b.WriteString("- &a" + string(rune('0'+i)) + " [" + strings.TrimSuffix(strings.Repeat(prev+",", 10), ",") + "]\n")
	}
	return b.String()
}

func TestWhatParseMapKeeps(t *testing.T) {
	v, err := validate.New(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range keptTable {
		t.Run(name, func(t *testing.T) {
			doc, _ := awsauth.Parse(test.data)
			theirRoles, theirUsers, _, _ := strict(test.data)
			if got := ours(doc.Roles); !slices.Equal(got, theirRoles) || len(got) != test.roles {
				t.Errorf("mapRoles: we keep %q, the authenticator %q, want %d", got, theirRoles, test.roles)
			}
			if got := ours(doc.Users); !slices.Equal(got, theirUsers) || len(got) != test.users {
				t.Errorf("mapUsers: we keep %q, the authenticator %q, want %d", got, theirUsers, test.users)
			}
			report := create(v, test.data)
			var found []string
			for _, f := range report.Findings {
				found = append(found, f.Rule)
			}
			for _, rule := range test.rules {
				if !slices.Contains(found, rule) {
					t.Errorf("want %s among %v", rule, report.Findings)
				}
			}
			if len(test.rules) == 0 && len(found) > 0 {
				t.Errorf("want no findings, got %v", report.Findings)
			}
			if report.Allowed {
				for way, read := range map[string]reading{"strict": strict, "lenient": lenient} {
					if diff := agree(test.data, read); diff != "" {
						t.Errorf("let in, but the %s reading differs: %s", way, diff)
					}
				}
			}
		})
	}
}
