package validate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The verdicts a transition can have.
const (
	clean = "allow without a word"
	warn  = "allow with a warning"
	deny  = "deny"
)

const (
	ci        = "arn:aws:iam::111122223333:role/ci"
	adminRole = "arn:aws:iam::111122223333:role/admin"
	fargatePE = `- rolearn: arn:aws:iam::111122223333:role/fargate
  username: system:node:{{SessionName}}
  groups: [system:bootstrappers, system:nodes, system:node-proxier]
`
	windowsNodes = `- rolearn: arn:aws:iam::111122223333:role/windows
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes, eks:kube-proxy-windows]
`
	hybridNodes = `- rolearn: arn:aws:iam::111122223333:role/hybrid
  username: system:node:{{SessionName}}
  groups: [system:bootstrappers, system:nodes]
`
	unevenNodes = `- rolearn: arn:aws:iam::111122223333:role/uneven
  username: system:node:{{EC2PrivateDNSName}}
  groups:
  - system:bootstrappers
   - system:nodes
`
	otherNodes = `- rolearn: arn:aws:iam::111122223333:role/other-nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
`
	admin = `- rolearn: arn:aws:iam::111122223333:role/admin
  username: admin
  groups: [system:masters]
`
)

const approving = `
privileged:
  approvals:
  - arn: arn:aws:iam::111122223333:role/admin
    groups: [system:masters]
    reason: the platform team
  - pattern: arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_*
    groups: [system:masters]
    reason: the permission set Admin
  - arn: arn:aws:iam::111122223333:role/late
    groups: [system:masters]
    reason: a migration
    expires: 2026-06-30
`

func edit(old, updated string) (a, b map[string]string) {
	return map[string]string{awsauth.MapRoles: old}, map[string]string{awsauth.MapRoles: updated}
}

type transition struct {
	op       validate.Operation // UPDATE if empty
	old, new map[string]string
	change   func(old, updated *corev1.ConfigMap)
	user     authenticationv1.UserInfo
	policy   string
	want     string
	rule     string // among the findings
	says     string // in some finding
}

func update(old, updated, want, rule, says string) transition {
	a, b := edit(old, updated)
	return transition{old: a, new: b, want: want, rule: rule, says: says}
}

func (tr transition) with(policyText string) transition { tr.policy = policyText; return tr }

func (tr transition) by(u authenticationv1.UserInfo) transition { tr.user = u; return tr }

// caller is somebody who came in by a role of aws-auth.
func caller(role, session, username string, groups ...string) authenticationv1.UserInfo {
	return authenticationv1.UserInfo{Username: username, Groups: append(groups, "system:authenticated"), Extra: map[string]authenticationv1.ExtraValue{
		"arn":          {"arn:aws:sts::111122223333:assumed-role/" + role + "/" + session},
		"canonicalArn": {"arn:aws:iam::111122223333:role/" + role},
		"sessionName":  {session},
	}}
}

var (
	usersOnly = map[string]string{awsauth.MapUsers: alice}
	nobody    = map[string]string{}
)

var transitions = map[string]transition{
	// What must get in without a word; with a warning where a role becomes a node's and nobody can be asked about it.
	"nothing changed":                          update(nodes, nodes, clean, "", ""),
	"nothing changed in a broken object":       update("- rolearn: 'x", "- rolearn: 'x", clean, "", ""),
	"a sound entry is added":                   update(nodes, nodes+item(), clean, "", ""),
	"an entry is removed":                      update(nodes+item(), nodes, clean, "", ""),
	"groups change":                            update(nodes+item(), nodes+item("  groups: [viewers]"), clean, "", ""),
	"a comment is added":                       update(nodes, "# nodes\n"+nodes, clean, "", ""),
	"entries change places":                    update(nodes+item(), item()+nodes, clean, "", ""),
	"flow style for block style":               update(nodes+item(), nodes+"- {rolearn: "+ci+", username: ci, groups: [deployers]}\n", clean, "", ""),
	"windows line ends":                        update(nodes, strings.ReplaceAll(nodes, "\n", "\r\n"), clean, "", ""),
	"Fargate nodes are added":                  update(nodes, nodes+fargatePE, warn, "AA408", "nothing shows that"),
	"Windows nodes are added":                  update(nodes, nodes+windowsNodes, warn, "AA408", "nothing shows that"),
	"hybrid nodes are added":                   update(nodes, nodes+hybridNodes, warn, "AA408", "nothing shows that"),
	"a standing admin is none of this edit":    update(nodes+admin, nodes+admin+item(), clean, "", ""),
	"an admin is taken down, one is left":      update(nodes+admin+strings.ReplaceAll(admin, "role/admin", "role/admin2"), nodes+admin, clean, "", ""),
	"Linux nodes become Windows nodes as well": update(windowsNodes+nodes, windowsNodes+strings.Replace(nodes, "  - system:nodes\n", "  - system:nodes\n  - eks:kube-proxy-windows\n", 1), clean, "", ""),
	"an approved admin":                        update(nodes, nodes+admin, clean, "", "").with(approving),
	"an approved SSO admin by pattern":         update(nodes, nodes+strings.ReplaceAll(admin, "role/admin", "role/AWSReservedSSO_Admin_0123456789abcdef"), clean, "", "").with(approving),
	"an ARN in another letter case":            update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/CI"), clean, "", ""),
	"a user with a path":                       {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "mapUsers": strings.Replace(alice, "user/alice", "user/team/alice", 1)}, want: clean},
	"mapUsers is added":                        {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "mapUsers": alice}, want: clean},
	"mapUsers goes":                            {old: map[string]string{"mapRoles": nodes, "mapUsers": alice}, new: map[string]string{"mapRoles": nodes}, want: clean},
	"an allowed account":                       {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "mapAccounts": "- \"444455556666\"\n"}, policy: "accounts: [{id: \"444455556666\", mapAccounts: true}]", want: clean},
	"created with nodes":                       {op: validate.Create, new: map[string]string{"mapRoles": nodes}, want: clean},
	"created with nodes and empty others":      {op: validate.Create, new: map[string]string{"mapRoles": nodes, "mapUsers": "[]\n", "mapAccounts": "[]\n"}, want: clean},

	"a document with its markers":   update(nodes, "---\n"+nodes+item()+"...\n", clean, "", ""),
	"keys in quotes":                update(nodes, nodes+"- \"rolearn\": "+ci+"\n  'username': ci\n  \"groups\": [deployers]\n", clean, "", ""),
	"an ARN in a folded scalar":     update(nodes, nodes+item("- rolearn: >-\n    "+ci), clean, "", ""),
	"a date for a username":         update(nodes, nodes+item("  username: 2024-01-01"), clean, "", ""),
	"a number in quotes":            update(nodes, nodes+item("  username: '1234'"), clean, "", ""),
	"letters of another alphabet":   update(nodes, nodes+item("  username: jürgen"), clean, "", ""),
	"no groups, and meant so":       update(nodes, nodes+item("  groups: []"), clean, "", ""),
	"comments with a tab":           update(nodes, nodes+item()+"#\tnobody else\n", clean, "", ""),
	"JSON":                          update(nodes, `[{"rolearn":"arn:aws:iam::111122223333:role/nodes","username":"system:node:{{EC2PrivateDNSName}}","groups":["system:bootstrappers","system:nodes"]}]`, clean, "", ""),
	"an account leaves mapAccounts": {old: map[string]string{"mapRoles": nodes, "mapAccounts": "- \"444455556666\"\n"}, new: map[string]string{"mapRoles": nodes}, want: clean},
	"another partition, all of it":  update(strings.ReplaceAll(nodes, "arn:aws:", "arn:aws-us-gov:"), strings.ReplaceAll(nodes+item(), "arn:aws:", "arn:aws-us-gov:"), clean, "", ""),

	// Repairs.
	"a lost dash is put back":                           update(strings.Replace(strings.ReplaceAll(admin, "\n  ", "\n"), "- rolearn", "rolearn", 1), nodes+admin, warn, "AA408", "nothing shows that"),
	"a tab is repaired":                                 update(strings.Replace(nodes, "  groups", "\tgroups", 1)+admin, nodes+admin, clean, "", ""),
	"an open quote is repaired":                         update(nodes+admin+item("- rolearn: '"+ci), nodes+admin+item(), clean, "", ""),
	"an unquoted template is repaired":                  update(nodes+admin+item("  username: {{SessionName}}"), nodes+admin+item("  username: '{{SessionName}}'"), clean, "", ""),
	"a path is repaired":                                update(nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci"), nodes+item(), clean, "", ""),
	"one of two paths is repaired":                      update(nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci")+item("- rolearn: arn:aws:iam::111122223333:role/team/cd"), nodes+item()+item("- rolearn: arn:aws:iam::111122223333:role/team/cd"), warn, "AA203", "role/cd"),
	"an ARN is repaired, its username is not":           update(nodes+item("- rolearn: arn:aws:iam::1111:role/ci", "  username: 7"), nodes+item("  username: 7"), warn, "AA102", ""),
	"a duplicate is removed":                            update(nodes+item()+item(), nodes+item(), clean, "", ""),
	"the wrong letter case is repaired":                 update(nodes+strings.Replace(admin, "rolearn", "roleARN", 1), nodes+admin, clean, "", ""),
	"nodes are mapped again":                            update(item(), nodes+item(), warn, "AA408", "nothing shows that"),
	"nodes get their group back":                        update(strings.Replace(nodes, "  - system:bootstrappers\n", "", 1), nodes, clean, "", ""),
	"an empty object is filled":                         {old: nobody, new: map[string]string{"mapRoles": nodes}, want: warn, rule: "AA408"},
	"maproles becomes mapRoles":                         {old: map[string]string{"maproles": nodes}, new: map[string]string{"mapRoles": nodes}, want: warn, rule: "AA408"},
	"another edit beside an old path":                   update(nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci"), nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci")+item("- rolearn: arn:aws:iam::111122223333:role/cd"), warn, "AA203", ""),
	"another edit beside a broken mapUsers":             {old: map[string]string{"mapRoles": nodes, "mapUsers": "- userarn: 'x"}, new: map[string]string{"mapRoles": nodes + item(), "mapUsers": "- userarn: 'x"}, want: warn, rule: "AA101"},
	"an edit that leaves the tab where it is":           update(nodes+item("\tusername: ci"), "# nodes\n"+nodes+item("\tusername: ci"), warn, "AA101", ""),
	"masters slipped into a broken text":                update(nodes+item("\tusername: ci"), nodes+admin+item("\tusername: ci"), deny, "AA401", ""),
	"masters slipped in with the repair":                update(nodes+item("\tusername: ci"), nodes+admin+item(), deny, "AA401", ""),
	"a value that was cut short becomes unreadable":     update(nodes+"---\n- a\n  b: c\n", nodes+"- a\n  b: c\n", deny, "AA101", ""),
	"a value with hidden breaks becomes unreadable":     update(nodes+item("  groups: [# x\u2028deployers]"), strings.Replace(nodes, "- rolearn", "-rolearn", 1)+item(), deny, "AA101", ""),
	"a value that was cut short is cut shorter":         update(nodes+item()+"---\n- a\n", nodes+"---\n"+item()+"- a\n", deny, "AA102", ""),
	"an entry goes from a value that is cut short":      update(nodes+item()+"---\n- a\n", nodes+"---\n- a\n", warn, "AA102", ""),
	"an entry before the cut becomes a comment":         update(nodes+item()+"---\n- a\n", nodes+"# "+strings.ReplaceAll(item(), "\n", "\n# ")+"\n---\n- a\n", warn, "AA102", ""),
	"a group becomes a mapping before the cut":          update(nodes+item()+" [ a\n", nodes+item("  groups: [{a: b}]")+" [ a\n", deny, "", ""),
	"a quote goes, what is not base64 stays":            quoteGoes("  username: !!binary |-\n      r0", "base64"),
	"a tag goes, an ARN of two lines stays":             update(strings.ReplaceAll("\n"+strings.TrimSpace(nodes)+"\n- rolearn: >\n        "+ci+"\n        b\n  username: !!binary 'r1@example.com'\n  groups: [deployers]", "\n", "\n  ")+"\n- ", strings.ReplaceAll("\n"+strings.TrimSpace(nodes)+"\n- rolearn: >\n        "+ci+"\n        b\n  username: 'r1@example.com'\n  groups: [deployers]", "\n", "\n  ")+"\n- ", warn, "AA201", ""),
	"a colon is put back, a group stays on two lines":   update(strings.ReplaceAll("\n"+strings.TrimSpace(nodes)+"\n- rolearn: "+ci+"\n  username:\"ci\"\n"+strings.TrimSpace(unevenNodes), "\n", "\n  ")+"\n- ", strings.ReplaceAll("\n"+strings.TrimSpace(nodes)+"\n- rolearn: "+ci+"\n  username: \"ci\"\n"+strings.TrimSpace(unevenNodes), "\n", "\n  ")+"\n- ", warn, "AA505", ""),
	"a quote goes, what cannot be merged stays":         quoteGoes("  <<: x\n  groups: [deployers]", ""),
	"a quote goes, what is no number stays":             quoteGoes("  username: !!int x\n  groups: [deployers]", ""),
	"a quote goes, what nothing is the anchor of stays": quoteGoes("  username: *x\n  groups: [deployers]", ""),
	"half of a key that stood there before":             update(nodes+"- rolearn: 'x\n"+item(), nodes+"- rolearn: 'x\n"+item("  usernam"), deny, "AA101", ""),
	"the only node role's partition, mended":            update(strings.Replace(nodes, "arn:aws:", "arn:aws-cn:", 1)+item(), nodes+item(), warn, "AA503", ""),
	"a node role's partition that is none, mended":      update(strings.Replace(nodes, "arn:aws:", "arn:awss:", 1)+item(), nodes+item(), warn, "AA503", ""),
	"one of two node roles' partitions, mended":         update(nodes+strings.Replace(otherNodes, "arn:aws:", "arn:aws-cn:", 1)+item(), nodes+otherNodes+item(), warn, "AA503", ""),
	"one of two node roles goes to another partition":   update(nodes+otherNodes, nodes+strings.Replace(otherNodes, "arn:aws:", "arn:aws-cn:", 1), deny, "AA204", ""),
	"the only node role goes to another partition":      update(nodes+item(), strings.Replace(nodes, "arn:aws:", "arn:aws-cn:", 1)+item(), deny, "AA204", ""),
	"what else is wrong with a line with a tab":         update(nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci\t"), nodes+item("- rolearn: "+ci+"\t"), warn, "AA102", "tab"),
	"a second tab": update(nodes+item("  username:\tci"), nodes+item("  username:\tci", "  groups:\t[deployers]"), deny, "AA102", "tab"),
	"a colon is put back, half a node mapping stands":            update(nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1)+strings.Replace(item(), "rolearn:", "rolearn", 1), nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1)+item(), warn, "AA505", ""),
	"a key's anchor goes, half a node mapping stands":            update(nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1)+strings.Replace(item(), "rolearn:", "&a rolearn:", 1)+"\tx\n", nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1)+item()+"\tx\n", warn, "AA505", ""),
	"a misspelt rolearn in a broken text":                        update(nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1)+strings.Replace(item(), "rolearn:", "rolear:", 1)+"\tx\n", nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1)+item()+"\tx\n", warn, "AA505", ""),
	"a hidden character goes, a broken line stays":               update("<<<<<<< HEAD\n"+nodes+"- rolearn '"+ci+"'\n  username: ci\u200b\n", "<<<<<<< HEAD\n"+nodes+"- rolearn '"+ci+"'\n  username: ci\n", warn, "AA101", ""),
	"a long key in a broken text":                                update(nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1)+"- ? rolearn\n  : "+ci+"\n  username: ci\n\tx\n", nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1)+item()+"\tx\n", warn, "AA505", ""),
	"an anchor goes, a broken line stays":                        update(nodes+item("- rolearn: &a |-\n    "+ci, "  username:ci"), nodes+item("- rolearn: |-\n    "+ci, "  username:ci"), warn, "AA101", ""),
	"a broken line goes, a blank in quotes stays":                update(nodes+strings.Replace(otherNodes, "system:nodes]", "'system:nodes ']", 1)+"text\n", nodes+strings.Replace(otherNodes, "system:nodes]", "'system:nodes ']", 1), warn, "AA505", ""),
	"a byte order mark goes, a tab stays":                        update("\ufeff"+nodes+"- <<: x\n  username: ci\n", nodes+"- <<: x\n  username: ci\n", warn, "AA102", ""),
	"the --- before a faulty entry goes":                         update(nodes+"---\n"+item("- rolearn: arn:aws:iam::111122223333:role/team/ci"), nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci"), warn, "AA203", ""),
	"the --- before an admin goes":                               update(nodes+"---\n"+admin, nodes+admin, deny, "AA401", ""),
	"a merge key goes, a typo in a group stays":                  update(nodes+"- <<: "+ci+"\n  username: ci\n  groups: [system:master]\n", nodes+item("  groups: [system:master]"), warn, "AA107", ""),
	"a key is spelt right, its groups are not":                   update(nodes+"- rolearn: "+ci+"\n  username: ci\n  gruops: [deployers, '']\n", nodes+item("  groups: [deployers, '']"), warn, "AA107", ""),
	"a key is spelt right, its username is not":                  update(nodes+"- rolearn: "+ci+"\n  userName: 7\n  groups: [deployers]\n", nodes+item("  username: 7"), warn, "AA102", ""),
	"one of two for a role gets its own, its groups are no list": update(nodes+item()+item("  groups: viewers"), nodes+item()+item("- rolearn: arn:aws:iam::111122223333:role/cd", "  groups: viewers"), warn, "AA104", ""),
	"rolearn is spelt right, a group has a blank":                update(nodes+item("- rolearn: yes")+"- rolear: arn:aws:iam::111122223333:role/cd\n  username: cd\n  groups: [a b]\n", nodes+item("- rolearn: yes")+"- rolearn: arn:aws:iam::111122223333:role/cd\n  username: cd\n  groups: [a b]\n", warn, "AA107", ""),
	"an ARN for a number, its username is one":                   update(nodes+item("- rolearn: 12", "  username: 7"), nodes+item("  username: 7"), warn, "AA102", ""),

	// The text.
	"a tab":                           update(nodes, nodes+item("\tusername: ci"), deny, "AA101", "spaces"),
	"a tab before a dash":             update(nodes, nodes+"\t"+item(), deny, "AA101", "tab"),
	"a tab after spaces":              update(nodes, nodes+item("  \tusername: ci"), deny, "AA101", "tab"),
	"an open quote":                   update(nodes, nodes+item("- rolearn: 'arn:aws:iam::111122223333:role/ci"), deny, "AA101", "close the quote"),
	"a line out of step":              update(nodes, nodes+item("   username: ci"), deny, "AA101", ""),
	"invalid UTF-8":                   update(nodes, nodes+"# \xff", deny, "AA101", "UTF-8"),
	"a second document":               update(nodes, nodes+"---\n"+item(), deny, "AA102", "second"),
	"an anchor":                       update(nodes, nodes+item("  username: &x ci"), deny, "AA102", "&x"),
	"an unquoted template":            update(nodes, nodes+item("  username: {{SessionName}}"), deny, "AA102", `"{{SessionName}}"`),
	"a number for a username":         update(nodes, nodes+item("  username: 1234"), deny, "AA102", `"1234"`),
	"a boolean for a group":           update(nodes, nodes+item("  groups: [on]"), deny, "AA102", `"on"`),
	"a zero-width blank":              update(nodes, nodes+item("  username: c\u200bi"), deny, "AA102", "U+200B"),
	"a right-to-left override":        update(nodes, nodes+item("  username: c\u202ei"), deny, "AA102", "U+202E"),
	"a no-break space":                update(nodes, nodes+item("  username: c\u00a0i"), deny, "AA102", "U+00A0"),
	"groups as a text":                update(nodes, nodes+item("  groups: deployers"), deny, "AA104", "groups: [deployers]"),
	"groups as texts with commas":     update(nodes, nodes+item("  groups: a, b"), deny, "AA104", "groups: [a, b]"),
	"a group with a blank after :":    update(nodes, nodes+"- rolearn: "+ci+"\n  username: ci\n  groups:\n  - system: masters\n", deny, "AA104", "system:masters"),
	"a misspelt field":                update(nodes, nodes+"- rolearn: "+ci+"\n  username: ci\n  gruops: [deployers]\n", deny, "AA105", "write groups"),
	"a field in another case":         update(nodes, nodes+"- roleArn: "+ci+"\n  username: ci\n  groups: [deployers]\n", deny, "AA105", "write rolearn"),
	"userarn under mapRoles":          update(nodes, nodes+"- userarn: arn:aws:iam::111122223333:user/bob\n  username: bob\n  groups: [deployers]\n", deny, "AA105", "mapUsers"),
	"no username":                     update(nodes, nodes+"- rolearn: "+ci+"\n  groups: [deployers]\n", deny, "AA106", "username"),
	"no rolearn":                      update(nodes, nodes+"- username: ci\n  groups: [deployers]\n", deny, "AA106", "rolearn"),
	"no groups":                       update(nodes, nodes+"- rolearn: "+ci+"\n  username: ci\n", warn, "AA106", "groups"),
	"a mapping for the list":          update(nodes, "nodes:\n  rolearn: x\n", deny, "AA104", "- "),
	"a misindented group":             update(nodes, nodes+"- rolearn: "+ci+"\n  username: ci\n  groups:\n  - a\n   - b\n", deny, "AA107", "one group"),
	"system:master":                   update(nodes, nodes+item("  groups: [system:master]"), deny, "AA107", "system:masters"),
	"system:node":                     update(nodes, strings.Replace(nodes, "system:nodes", "system:node", 1), deny, "AA107", "system:nodes"),
	"a group with a blank at the end": update(nodes, nodes+item("  groups: ['deployers ']"), deny, "AA107", "write deployers"),
	"two groups in one text":          update(nodes, nodes+item("  groups: ['system:bootstrappers,system:nodes']"), deny, "AA107", ""),
	"one role twice":                  update(nodes+item(), nodes+item()+item("  groups: [viewers]"), deny, "AA108", "mapRoles line 6"),
	"one role twice, letter case":     update(nodes+item(), nodes+item()+item("- rolearn: arn:aws:iam::111122223333:role/CI", "  username: cd"), deny, "AA108", ""),
	"a third of what was there twice": update(nodes+item()+item("  username: cd"), nodes+item()+item("  username: cb")+item("  username: cd"), deny, "AA108", ""),

	"a tab after a colon":          update(nodes, nodes+item("  username:\tci"), deny, "AA102", "spaces"),
	"an escaped tab":               update(nodes, nodes+item("  username: \"c\\ti\""), deny, "AA102", `write "ci"`),
	"an escaped zero-width blank":  update(nodes, nodes+item("  groups: [\"dep\\u200bloyers\"]"), deny, "AA102", "U+200B"),
	"a username with a line break": update(nodes, nodes+item("  username: |\n    ci"), deny, "AA102", `write "ci"`),
	"a username with a space":      update(nodes, nodes+item("  username: 'ci '"), deny, "AA102", `write "ci"`),
	"a blank username":             update(nodes, nodes+item("  username: ' '"), deny, "AA106", "username"),
	"an empty group":               update(nodes, nodes+item("  groups: ['']"), warn, "AA107", "remove"),
	"groups without a value":       update(nodes, nodes+item("  groups:"), warn, "AA106", "groups: []"),
	"a long s in a partition":      update(nodes, nodes+item("- rolearn: arn:awſ:iam::111122223333:role/ci"), deny, "AA201", "U+017F"),
	"an ARN with a line break":     update(nodes, nodes+item("- rolearn: |\n    "+ci), deny, "AA201", "write "+ci),
	"a list that lost its dash":    update(nodes, strings.Replace(strings.ReplaceAll(nodes, "\n  ", "\n"), "- rolearn", "rolearn", 1), deny, "AA104", "- "),

	// The object.
	"maproles":        {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "maproles": item()}, want: deny, rule: "AA103", says: "write mapRoles"},
	"map_users":       {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "map_users": alice}, want: deny, rule: "AA103", says: "write mapUsers"},
	"another key":     {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "notes": "ask the platform team"}, want: warn, rule: "AA103"},
	"binaryData":      {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes}, change: func(_, n *corev1.ConfigMap) { n.BinaryData = map[string][]byte{"mapUsers": []byte(alice)} }, want: deny, rule: "AA103"},
	"frozen":          {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes}, change: func(_, n *corev1.ConfigMap) { n.Immutable = new(true) }, want: deny, rule: "AA109"},
	"a label":         {old: map[string]string{"mapRoles": nodes + item("- rolearn: x")}, new: map[string]string{"mapRoles": nodes + item("- rolearn: x")}, change: func(_, n *corev1.ConfigMap) { n.Labels = map[string]string{"a": "b"} }, want: clean},
	"deleted":         {op: validate.Delete, old: map[string]string{"mapRoles": nodes}, want: deny, rule: "AA501"},
	"deleted, broken": {op: validate.Delete, old: map[string]string{"mapRoles": "- '"}, want: deny, rule: "AA501"},

	// ARNs.
	"a role with a path":             update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/a/ci"), deny, "AA203", "write arn:aws:iam::111122223333:role/ci"),
	"an SSO role with its path":      update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0123456789abcdef"), deny, "AA203", "write arn:aws:iam::111122223333:role/AWSReservedSSO_Dev_0123456789abcdef"),
	"a path for another path":        update(nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci"), nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/cd"), deny, "AA203", "role/cd"),
	"no ARN":                         update(nodes, nodes+item("- rolearn: ci"), deny, "AA201", "arn:aws:iam::"),
	"an account with dashes":         update(nodes, nodes+item("- rolearn: arn:aws:iam::1111-2222-3333:role/ci"), deny, "AA201", "arn:aws:iam::111122223333:role/ci"),
	"an account of 11 digits":        update(nodes, nodes+item("- rolearn: arn:aws:iam::11112222333:role/ci"), deny, "AA201", "12 digits"),
	"a region in the ARN":            update(nodes, nodes+item("- rolearn: arn:aws:iam:eu-west-1:111122223333:role/ci"), deny, "AA201", "write arn:aws:iam::111122223333:role/ci"),
	"an unknown partition":           update(nodes, nodes+item("- rolearn: arn:aws-eu:iam::111122223333:role/ci"), deny, "AA201", "aws-cn"),
	"a name with a slash at the end": update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/ci/"), deny, "AA201", ""),
	"a name of 65 characters":        update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/"+strings.Repeat("x", 65)), deny, "AA201", "64"),
	"a name with a colon":            update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/ci:x"), deny, "AA201", ""),
	"a template in the ARN":          update(nodes, nodes+item("- rolearn: 'arn:aws:iam::{{AccountID}}:role/ci'"), deny, "AA201", ""),
	"another partition":              update(nodes, nodes+item("- rolearn: arn:aws-cn:iam::111122223333:role/ci"), deny, "AA204", "aws-cn"),
	"a partition by the policy":      {old: usersOnly, new: map[string]string{"mapUsers": strings.ReplaceAll(alice, "arn:aws:", "arn:aws-us-gov:")}, policy: "partition: aws-us-gov", want: clean},
	"an assumed role":                update(nodes, nodes+item("- rolearn: arn:aws:sts::111122223333:assumed-role/ci/build"), deny, "AA202", "write arn:aws:iam::111122223333:role/ci"),
	"an instance profile":            update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:instance-profile/ci"), deny, "AA202", "role/ci"),
	"a policy":                       update(nodes, nodes+item("- rolearn: arn:aws:iam::aws:policy/AdministratorAccess"), deny, "AA202", ""),
	"a wildcard":                     update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/ci-*"), deny, "AA202", "wildcard"),
	"a service-linked role":          update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"), deny, "AA203", "role/AWSServiceRoleForAmazonEKS if the service calls"),
	"a bucket":                       update(nodes, nodes+item("- rolearn: arn:aws:s3:::bucket"), deny, "AA202", ""),
	"root":                           update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:root"), warn, "AA202", "root"),
	"a user under mapRoles":          update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:user/bob"), warn, "AA202", "mapUsers"),
	"an sso block":                   update(nodes, nodes+"- sso: {permissionSetName: Dev, accountID: '111122223333'}\n  username: dev\n  groups: [deployers]\n", deny, "AA205", "AWSReservedSSO_Dev_"),
	"an unknown placeholder":         update(nodes, nodes+item("  username: 'ci:{{SessionNam}}'"), warn, "AA206", "{{SessionName}}"),
	"a placeholder with blanks":      update(nodes, nodes+item("  username: 'ci:{{ SessionName }}'"), warn, "AA206", "{{SessionName}}"),

	// Grants.
	"masters":                        update(nodes, nodes+item("  groups: [system:masters]"), deny, "AA401", "privileged.approvals"),
	"masters on a standing entry":    update(nodes+item(), nodes+item("  groups: [deployers, system:masters]"), deny, "AA401", ci),
	"masters for a user":             {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "mapUsers": strings.Replace(alice, "viewers", "system:masters", 1)}, want: deny, rule: "AA401"},
	"masters by a repaired path":     update(nodes+item("- rolearn: arn:aws:iam::111122223333:role/x/ci", "  groups: [system:masters]"), nodes+item("  groups: [system:masters]"), deny, "AA401", "matched nobody"),
	"masters by a removed duplicate": update(nodes+item("  groups: [system:masters]")+item(), nodes+item("  groups: [system:masters]"), deny, "AA401", "another entry"),
	"masters by a changed order":     update(nodes+item("  groups: [system:masters]")+item(), nodes+item()+item("  groups: [system:masters]"), deny, "AA401", ""),
	"masters through mapUsers when mapRoles lets go": {old: map[string]string{"mapRoles": nodes + item(), "mapUsers": strings.Replace(alice, "user/alice", "role/ci", 1) + "  - system:masters\n"},
		new: map[string]string{"mapRoles": nodes, "mapUsers": strings.Replace(alice, "user/alice", "role/ci", 1) + "  - system:masters\n"}, want: deny, rule: "AA401"},
	"masters by a repaired list":           update(nodes+item("  groups: system:masters"), nodes+item("  groups: [system:masters]"), deny, "AA401", ""),
	"masters by a merge key":               update(nodes+"- &a {rolearn: "+adminRole+", username: admin, groups: [system:masters]}\n", nodes+"- &a {rolearn: "+adminRole+", username: admin, groups: [system:masters]}\n- {<<: *a, rolearn: "+ci+"}\n", deny, "AA401", ""),
	"masters by a folded key":              update(nodes+item(), nodes+item("  Groups: [system:masters]"), deny, "AA105", ""),
	"masters with an expired approval":     update(nodes, nodes+strings.ReplaceAll(admin, "role/admin", "role/late"), deny, "AA401", "expired").with(approving),
	"masters for another account's admin":  update(nodes, nodes+strings.ReplaceAll(admin, "111122223333", "444455556666"), deny, "AA401", "").with(approving),
	"a group of the policy":                update(nodes, nodes+item("  groups: [platform]"), deny, "AA401", "").with("privileged: {groups: [platform]}"),
	"the break-glass group":                update(nodes, nodes+item("  groups: [break-glass]"), deny, "AA401", "past this guard").with("breakGlass: {groups: [break-glass]}"),
	"a template for masters":               update(nodes, nodes+item("  groups: ['system:{{SessionName}}']"), deny, "AA403", `"masters"`),
	"a template for masters, from the end": update(nodes, nodes+item("  groups: ['{{SessionName}}:masters']"), deny, "AA403", `"system"`),
	"a template that cannot":               update(nodes, nodes+item("  groups: ['team:{{SessionName}}']"), clean, "", ""),
	"a session name for a group":           update(nodes, nodes+item("  groups: ['{{SessionName}}']"), clean, "", ""),
	"a template for a policy group":        update(nodes, nodes+item("  groups: ['{{SessionName}}']"), deny, "AA403", "platform").with("privileged: {groups: [platform]}"),
	"a username that can be eks:":          update(nodes, nodes+item("  username: '{{SessionName}}:node-manager'"), deny, "AA403", ""),
	"eks:node-manager":                     update(nodes, nodes+item("  username: eks:node-manager"), deny, "AA404", ""),
	"system:kube-controller-manager":       update(nodes, nodes+item("  username: system:kube-controller-manager"), deny, "AA404", ""),
	"a fixed node name":                    update(nodes, nodes+strings.Replace(otherNodes, "{{EC2PrivateDNSName}}", "ip-10-0-0-1.ec2.internal", 1), deny, "AA404", "{{EC2PrivateDNSName}}"),
	"node groups for a user":               {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "mapUsers": strings.Replace(alice, "viewers", "system:nodes", 1)}, want: deny, rule: "AA405"},
	"node groups for people":               update(nodes, nodes+item("  groups: [system:nodes]"), deny, "AA405", ""),
	"a node mapping for an SSO role":       update(nodes, nodes+strings.Replace(otherNodes, "role/other-nodes", "role/AWSReservedSSO_Dev_0123456789abcdef", 1), deny, "AA405", ""),
	"a whole account":                      {old: map[string]string{"mapRoles": nodes}, new: map[string]string{"mapRoles": nodes, "mapAccounts": "- \"444455556666\"\n"}, want: deny, rule: "AA406"},
	"a standing account":                   {old: map[string]string{"mapRoles": nodes, "mapAccounts": "- \"444455556666\"\n"}, new: map[string]string{"mapRoles": nodes + item(), "mapAccounts": "- \"444455556666\"\n"}, want: warn, rule: "AA406"},

	// Losses.
	"emptied":                             {old: map[string]string{"mapRoles": nodes}, new: nobody, want: deny, rule: "AA502"},
	"mapRoles is an empty list":           update(nodes, "[]", deny, "AA502", ""),
	"mapRoles is only a comment":          update(nodes, "# later\n", deny, "AA502", ""),
	"mapRoles goes, users stay":           {old: map[string]string{"mapRoles": nodes, "mapUsers": alice}, new: usersOnly, want: deny, rule: "AA502", says: "role/nodes"},
	"created empty":                       {op: validate.Create, new: nobody, want: deny, rule: "AA502"},
	"created without nodes":               {op: validate.Create, new: usersOnly, want: warn, rule: "AA502"},
	"the last node role goes":             update(nodes+item(), item(), deny, "AA503", "role/nodes"),
	"the node role is misspelt":           update(nodes, strings.Replace(nodes, "role/nodes", "role/team/nodes", 1), deny, "AA203", "role/nodes"),
	"one of two node roles goes":          update(nodes+otherNodes, nodes, warn, "AA503", "other-nodes"),
	"a node role for another":             update(nodes, otherNodes, deny, "AA503", "no node role that was mapped before stays"),
	"a node role loses a group":           update(nodes, strings.Replace(nodes, "  - system:bootstrappers\n", "", 1), deny, "AA505", "system:bootstrappers"),
	"a node role gets another username":   update(nodes, strings.Replace(nodes, "system:node:{{EC2PrivateDNSName}}", "nodes", 1), deny, "AA505", "system:node:{{EC2PrivateDNSName}}"),
	"a node role gets Fargate's username": update(nodes, strings.Replace(nodes, "EC2PrivateDNSName", "SessionName", 1), deny, "AA505", "{{EC2PrivateDNSName}}"),
	"Windows nodes lose their group":      update(nodes+windowsNodes, nodes+strings.Replace(windowsNodes, ", eks:kube-proxy-windows", "", 1), deny, "AA505", "eks:kube-proxy-windows"),
	"Fargate nodes lose their group":      update(nodes+fargatePE, nodes+strings.Replace(fargatePE, ", system:node-proxier", "", 1), deny, "AA505", "system:node-proxier"),
	"one role for EC2 and Fargate":        update(nodes, strings.Replace(nodes, "  - system:nodes\n", "  - system:nodes\n  - system:node-proxier\n", 1), warn, "AA505", "Fargate"),
	"half a node mapping is added":        update(nodes, nodes+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1), deny, "AA505", "system:bootstrappers"),
	"a required entry goes":               update(nodes+item(), nodes, deny, "AA504", ci).with("required: [{arn: " + ci + "}]"),
	"a required entry loses a group":      update(nodes+item(), nodes+item("  groups: [viewers]"), deny, "AA504", "deployers").with("required: [{arn: " + ci + ", groups: [deployers]}]"),
	"a required entry was not there":      update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/cd"), warn, "AA504", "").with("required: [{arn: " + ci + "}]"),
	"the last admin goes":                 update(nodes+admin, nodes, warn, "AA507", ""),
	"I remove myself":                     update(nodes+admin, nodes, deny, "AA506", "").by(caller("admin", "alice", "admin", "system:masters")),
	"I take masters from myself":          update(nodes+admin, nodes+strings.Replace(admin, "system:masters", "viewers", 1), deny, "AA506", "system:masters").by(caller("admin", "alice", "admin", "system:masters")),
	"I take a spare group from myself":    update(nodes+strings.Replace(admin, "[system:masters]", "[system:masters, viewers]", 1), nodes+admin, clean, "", "").by(caller("admin", "alice", "admin", "system:masters", "viewers")),
	"I remove another":                    update(nodes+admin+item(), nodes+admin, clean, "", "").by(caller("admin", "alice", "admin", "system:masters")),
	"I misspell myself":                   update(nodes+admin, nodes+strings.Replace(admin, "role/admin", "role/admins", 1), deny, "AA506", "").by(caller("admin", "alice", "admin", "system:masters")).with(approving),
	"I remove my account": {old: map[string]string{"mapRoles": nodes, "mapAccounts": "- \"111122223333\"\n"}, new: map[string]string{"mapRoles": nodes}, want: deny, rule: "AA506",
		user: caller("dev", "alice", "arn:aws:iam::111122223333:role/dev")},
	"an access entry lets me in": update(nodes+admin, nodes, warn, "AA507", "").by(caller("admin", "alice", "arn:aws:sts::111122223333:assumed-role/admin/alice", "ops")),

	// Who asks, and what the policy makes of it.
	"EKS removes a node role":      update(nodes, item(), warn, "AA503", "").by(authenticationv1.UserInfo{Username: "eks:node-manager"}),
	"somebody with an eks: name":   update(nodes, item(), deny, "AA503", "").by(authenticationv1.UserInfo{Username: "eks:node-managers"}),
	"break-glass":                  {op: validate.Delete, old: map[string]string{"mapRoles": nodes}, user: authenticationv1.UserInfo{Username: "bob", Groups: []string{"break-glass"}}, policy: "breakGlass: {groups: [break-glass]}", want: warn, rule: "AA501"},
	"audit mode":                   update(nodes, nodes+admin, warn, "AA401", "").with("mode: audit"),
	"a rule made a warning":        update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci"), warn, "AA203", "").with("rules: {role-arn-path: warn}"),
	"a rule switched off":          update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci"), clean, "", "").with("rules: {AA203: off}"),
	"a warning made an error":      update(nodes, nodes+"- rolearn: "+ci+"\n  username: ci\n", deny, "AA106", "").with("rules: {AA106: error}"),
	"waived":                       update(nodes, nodes+admin, warn, "AA401", "migration").with("waivers: [{rule: AA401, subject: " + adminRole + ", reason: the migration}]"),
	"waived for another":           update(nodes, nodes+admin, deny, "AA401", "").with("waivers: [{rule: AA401, subject: " + ci + ", reason: the migration}]"),
	"the waiver has expired":       update(nodes, nodes+admin, deny, "AA401", "expired on 2026-01-01").with("waivers: [{rule: AA401, subject: " + adminRole + ", reason: the migration, expires: 2026-01-01}]"),
	"what was there before counts": update(nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci"), nodes+item("- rolearn: arn:aws:iam::111122223333:role/team/ci")+item("- rolearn: arn:aws:iam::111122223333:role/cd"), deny, "AA203", "").with("preexisting: deny"),
}

var clock = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func validator(t testing.TB, policyText string, options ...validate.Option) *validate.Validator {
	t.Helper()
	p, err := policy.Parse([]byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n" + policyText))
	if err != nil {
		t.Fatal(err)
	}
	v, err := validate.New(p, append(options, validate.WithClock(func() time.Time { return clock }))...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (tr transition) run(t testing.TB, options ...validate.Option) validate.Report {
	req := validate.Request{Operation: tr.op, User: tr.user}
	if req.Operation == "" {
		req.Operation = validate.Update
	}
	if req.Operation != validate.Create {
		req.Old = aconfigmap(tr.old)
	}
	if req.Operation != validate.Delete {
		req.New = aconfigmap(tr.new)
	}
	if tr.change != nil {
		tr.change(req.Old, req.New)
	}
	return validator(t, tr.policy, options...).Validate(context.Background(), req)
}

func verdict(r validate.Report) string {
	switch {
	case !r.Allowed:
		return deny
	case len(r.Findings) > 0:
		return warn
	}
	return clean
}

// check judges the step and compares.
func (tr transition) check(t *testing.T, options ...validate.Option) {
	t.Helper()
	report := tr.run(t, options...)
	if got := verdict(report); got != tr.want {
		t.Errorf("got %s, want %s", got, tr.want)
	}
	ruled, said := tr.rule == "", tr.says == ""
	for _, f := range report.Findings {
		ruled = ruled || f.Rule == tr.rule
		said = said || strings.Contains(f.Sentence(), tr.says)
	}
	if !ruled || !said {
		t.Errorf("want a finding of %s that says %q", tr.rule, tr.says)
	}
	if t.Failed() {
		for _, f := range report.Findings {
			t.Logf("%s %s: %s", f.Severity, f.Field, f.Sentence())
		}
	}
}

// quoteGoes mends a quote before some other lines of the same entry, in a text with one more fault.
func quoteGoes(rest, says string) transition {
	text := func(quote string) string {
		return nodes + "- " + quote + "rolearn: " + ci + "\n" + rest + "\n- rolearn: '" + adminRole + "'\n  username 'a'\n"
	}
	return update(text("'"), text(""), warn, "AA101", says)
}

func TestTransitions(t *testing.T) {
	for name, tr := range transitions {
		t.Run(name, func(t *testing.T) { tr.check(t) })
	}
}
