package validate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	yamlv4 "go.yaml.in/yaml/v4"
	yamlv2 "gopkg.in/yaml.v2"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// styleEntry is one entry, whatever it is written like.
type styleEntry struct {
	arn, username string
	groups        []string
}

// aStyle writes the entries of one value the way some tool or person does. field is rolearn or userarn.
type aStyle func(field string, entries []styleEntry) string

// inJSON writes as a program does that has a type for an entry.
func inJSON(encode func(any) ([]byte, error)) aStyle {
	return func(field string, entries []styleEntry) string {
		list := []map[string]any{}
		for _, e := range entries {
			list = append(list, map[string]any{field: e.arn, "username": e.username, "groups": e.groups})
		}
		text, err := encode(list)
		if err != nil {
			panic(err)
		}
		return string(text)
	}
}

// block is a person's or a template's writing, line by line.
type block struct {
	indent      string // of the whole list
	groupIndent string // of the items of groups, further in than the key
	order       []string
	quote, key  func(string) string
	flowGroups  bool
	alone       bool // the dash on a line of its own
	between     string
	atEnd       string // of every line
}

func (b block) write(field string, entries []styleEntry) string {
	if len(entries) == 0 {
		return "[]\n"
	}
	quote, key := b.quote, b.key
	if quote == nil {
		quote = need
	}
	if key == nil {
		key = func(s string) string { return s }
	}
	order := b.order
	if order == nil {
		order = []string{"arn", "username", "groups"}
	}
	var out strings.Builder
	line := func(s string) { out.WriteString(b.indent + s + b.atEnd + "\n") }
	for i, e := range entries {
		if i > 0 {
			out.WriteString(b.between)
		}
		first := "- "
		if b.alone {
			line("-")
			first = "  "
		}
		for _, name := range order {
			switch {
			case name == "arn":
				line(first + key(field) + ": " + quote(e.arn))
			case name == "username":
				line(first + key("username") + ": " + quote(e.username))
			case b.flowGroups || len(e.groups) == 0:
				var all []string
				for _, g := range e.groups {
					all = append(all, quote(g))
				}
				line(first + key("groups") + ": [" + strings.Join(all, ", ") + "]")
			default:
				line(first + key("groups") + ":")
				for _, g := range e.groups {
					line("  " + b.groupIndent + "- " + quote(g))
				}
			}
			first = "  "
		}
	}
	return out.String()
}

// need quotes what YAML would not take for text, and no more.
func need(s string) string {
	if strings.HasPrefix(s, "{{") || strings.Trim(s, "0123456789") == "" {
		return "'" + s + "'"
	}
	return s
}

// needInFlow is need for values in brackets.
func needInFlow(s string) string {
	if strings.Contains(s, "{") {
		return single(s)
	}
	return need(s)
}

func double(s string) string { return `"` + s + `"` }
func single(s string) string { return "'" + s + "'" }

// around changes what a style wrote.
func around(of aStyle, change func(string) string) aStyle {
	return func(field string, entries []styleEntry) string { return change(of(field, entries)) }
}

// inFlow is a list of entries in braces.
func inFlow(open, between, end string) aStyle {
	return func(field string, entries []styleEntry) string {
		var all []string
		for _, e := range entries {
			groups := make([]string, len(e.groups))
			for i, g := range e.groups {
				groups[i] = double(g)
			}
			all = append(all, fmt.Sprintf("{%s: %s, username: %s, groups: [%s]}", field, double(e.arn), double(e.username), strings.Join(groups, ", ")))
		}
		if len(all) == 0 {
			return "[]\n"
		}
		return open + strings.Join(all, between) + end
	}
}

func scalar(mark string) func(string) string {
	return func(s string) string { return mark + "\n      " + s }
}

var styles = map[string]aStyle{
	"yaml.v2":                    inJSON(yamlv2.Marshal),
	"sigs.k8s.io/yaml":           inJSON(sigsyaml.Marshal),
	"yaml/v4":                    inJSON(func(v any) ([]byte, error) { return yamlv4.Marshal(v) }),
	"JSON":                       inJSON(json.Marshal),
	"JSON, a line end":           around(inJSON(json.Marshal), func(s string) string { return s + "\n" }),
	"JSON, two blanks":           inJSON(func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }),
	"JSON, four blanks":          inJSON(func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "    ") }),
	"JSON, blanks after colons":  around(inJSON(json.Marshal), func(s string) string { return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(s) }),
	"JSON, CRLF":                 around(inJSON(func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }), crlf),
	"plain":                      block{}.write,
	"groups two further in":      block{groupIndent: "  "}.write,
	"groups four further in":     block{groupIndent: "    "}.write,
	"all four further in":        block{indent: "    ", groupIndent: "  "}.write,
	"all two further in":         block{indent: "  "}.write,
	"single quotes":              block{quote: single}.write,
	"double quotes":              block{quote: double, groupIndent: "  "}.write,
	"keys in quotes":             block{quote: double, key: double, order: []string{"groups", "arn", "username"}}.write,
	"keys in single quotes":      block{key: single}.write,
	"groups first":               block{order: []string{"groups", "arn", "username"}}.write,
	"username first":             block{order: []string{"username", "groups", "arn"}}.write,
	"groups in brackets":         block{flowGroups: true, quote: needInFlow}.write,
	"groups in brackets, quoted": block{flowGroups: true, quote: double}.write,
	"a dash on its own line":     block{alone: true, groupIndent: "  "}.write,
	"blank lines":                block{between: "\n\n"}.write,
	"comments between":           block{between: "# the next one\n"}.write,
	"comments at line ends":      block{atEnd: " # as agreed"}.write,
	"a comment first and last":   around(block{}.write, func(s string) string { return "# kept by the platform team\n#\n" + s + "# end\n" }),
	"CRLF":                       around(block{}.write, crlf),
	"CRLF, quotes":               around(block{quote: double, groupIndent: "  "}.write, crlf),
	"no line end":                around(block{}.write, func(s string) string { return strings.TrimSuffix(s, "\n") }),
	"many line ends":             around(block{}.write, func(s string) string { return s + "\n\n\n" }),
	"line ends first":            around(block{}.write, func(s string) string { return "\n\n" + s }),
	"a document start":           around(block{}.write, func(s string) string { return "---\n" + s }),
	"a document start and end":   around(block{quote: single}.write, func(s string) string { return "---\n" + s + "...\n" }),
	"a document start, JSON":     around(inJSON(json.Marshal), func(s string) string { return "---\n" + s + "\n" }),
	"folded texts":               block{quote: scalar(">-")}.write,
	"literal texts":              block{quote: scalar("|-")}.write,
	"entries in braces":          inFlow("- ", "\n- ", "\n"),
	"a list in brackets":         inFlow("[", ", ", "]\n"),
	"a list in brackets, lines":  inFlow("[\n  ", ",\n  ", ",\n]\n"),
	"blanks at line ends":        block{atEnd: "  "}.write,
	"folded as helm's toYaml (4)": around(inJSON(sigsyaml.Marshal), func(s string) string {
		return "    " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n    ") + "\n"
	}),
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// aMap is a whole aws-auth.
type aMap struct {
	roles, users []styleEntry
	accounts     []string
	sound        bool // nothing is to be said of it
}

func (m aMap) in(style aStyle) map[string]string {
	data := map[string]string{awsauth.MapRoles: style("rolearn", m.roles)}
	if m.users != nil {
		data[awsauth.MapUsers] = style("userarn", m.users)
	}
	if m.accounts != nil {
		data[awsauth.MapAccounts] = `["` + strings.Join(m.accounts, `","`) + `"]`
	}
	return data
}

var (
	nodeGroups = []string{"system:bootstrappers", "system:nodes"}
	ec2Nodes   = styleEntry{"arn:aws:iam::111122223333:role/eks-demo-node-group-NodeInstanceRole-1A2B3C4D5E6F", "system:node:{{EC2PrivateDNSName}}", nodeGroups}
	podRole    = styleEntry{"arn:aws:iam::111122223333:role/demo-fargate", "system:node:{{SessionName}}", append(slices.Clone(nodeGroups), "system:node-proxier")}
	winNodes   = styleEntry{"arn:aws:iam::111122223333:role/demo-windows", "system:node:{{EC2PrivateDNSName}}", append(slices.Clone(nodeGroups), "eks:kube-proxy-windows")}
)

// aRole is an entry for a role of the account, aUser one for a user; without groups it has an empty list of them.
func aRole(name, username string, groups ...string) styleEntry {
	return styleEntry{roleKey(name), username, append([]string{}, groups...)}
}

func aUser(name, username string, groups ...string) styleEntry {
	return styleEntry{"arn:aws:iam::111122223333:user/" + name, username, append([]string{}, groups...)}
}

// inStyles are the maps that are written in every style.
var inStyles = map[string]aMap{
	"one node role": {
		roles: []styleEntry{ec2Nodes},
		sound: true,
	},
	"all kinds": {
		roles: []styleEntry{ec2Nodes, podRole, winNodes, aRole("hybrid", "system:node:{{SessionName}}", nodeGroups...)},
		users: []styleEntry{},
		sound: true,
	},
	"people": {
		roles: []styleEntry{
			ec2Nodes,
			aRole("AWSReservedSSO_ReadOnly_0123456789abcdef", "sso:{{SessionName}}", "viewers", "eks-console"),
		},
		users: []styleEntry{aUser("team/alice", "alice@example.com", "viewers")},
		sound: true,
	},
	"no groups": {
		roles: []styleEntry{ec2Nodes, aRole("AWSServiceRoleForBatch", "aws-batch")},
		sound: true,
	},
	"names to quote": {
		roles: []styleEntry{ec2Nodes, aRole("ci", "{{SessionName}}", "1234", "ci:{{SessionName}}")},
		users: []styleEntry{aUser("42", "42", "0042")},
		sound: true,
	},
	"many": {
		roles: many(40),
		sound: true,
	},
	"accounts": {
		roles:    []styleEntry{ec2Nodes},
		accounts: []string{"444455556666"},
		sound:    true,
	},
	"faulty ARNs": {
		roles: []styleEntry{
			ec2Nodes,
			aRole("team/ci", "ci", "deployers"),
			{"arn:aws:iam::111122223333:instance-profile/cd", "cd", []string{"deployers"}},
		},
	},
	"a standing role": {
		roles: []styleEntry{ec2Nodes, aRole("ops", "ops", "system:masters"), aRole("ops", "ops", "system:masters")},
	},
	"half a node": {
		roles: []styleEntry{ec2Nodes, aRole("other", "system:node:{{EC2PrivateDNSName}}", "system:nodes")},
	},
	"a wrong name": {
		roles: []styleEntry{ec2Nodes, aRole("x", "eks:x", "system:node", "a b")},
	},
	"a duplicate": {
		roles: []styleEntry{ec2Nodes, aRole("ci", "ci", "deployers"), aRole("CI", "ci", "viewers")},
	},
}

func many(n int) []styleEntry {
	all := []styleEntry{ec2Nodes}
	for i := range n {
		team := fmt.Sprint("team-", i)
		all = append(all, aRole(team, team+":{{SessionName}}", team, "viewers"))
	}
	return all
}

// beside are the findings of other rules than those with an id: AA113 warns of one style, in which kubectl shows the value as one
// quoted string.
func beside(findings []validate.Finding, id string) []validate.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f validate.Finding) bool { return f.Rule == id })
}

// TestStyles writes the same map in every style over every other: another writer is no change. No edit is denied, and nothing is
// said that could not have been said before.
func TestStyles(t *testing.T) {
	v := validator(t, "accounts: [{id: '444455556666', mapAccounts: true}]\n")
	judge := func(old, updated map[string]string) validate.Report {
		req := validate.Request{Operation: validate.Create, New: aconfigmap(updated)}
		if old != nil {
			req.Operation, req.Old = validate.Update, aconfigmap(old)
		}
		return v.Validate(context.Background(), req)
	}
	names := slices.Sorted(maps.Keys(styles))
	for name, m := range inStyles {
		t.Run(name, func(t *testing.T) {
			access := (*awsauth.Access)(nil)
			written := map[string]map[string]string{}
			for _, style := range names {
				data := m.in(styles[style])
				written[style] = data
				doc, _ := awsauth.Parse(data)
				if access == nil {
					access = doc.Access()
				}
				if changes := awsauth.Diff(access, doc.Access()); len(changes) > 0 {
					t.Fatalf("%s does not mean the same: %v\n%s", style, changes, data[awsauth.MapRoles])
				}
				if rep := judge(nil, data); m.sound && len(beside(rep.Findings, "AA113")) > 0 {
					t.Errorf("%s, as a new object: %v\n%s", style, findingsOf(rep), data[awsauth.MapRoles])
				} else if !m.sound && len(rep.Findings) == 0 {
					t.Fatal("nothing is wrong with it")
				}
			}
			for i, before := range names {
				for k, after := range names {
					if testing.Short() && k != (i+1)%len(names) { // every style is both once
						continue
					}
					rep := judge(written[before], written[after])
					fresh := beside(rep.Findings, "AA113")
					fresh = slices.DeleteFunc(fresh, func(f validate.Finding) bool { return f.Preexisting })
					if !rep.Allowed || len(fresh) > 0 {
						t.Errorf("%s over %s: allowed is %v, %v\n%s", after, before, rep.Allowed, findingsOf(rep), written[after][awsauth.MapRoles])
					}
				}
			}
		})
	}
}
