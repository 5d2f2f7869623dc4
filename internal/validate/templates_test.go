package validate_test

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// barred gives an entry one more group, which EKS can render for EC2 instances alone.
func barred(entry string) string {
	return strings.TrimSuffix(entry, "]\n") + ", 'x{{EC2PrivateDNSName}}']\n"
}

// users is a mapUsers of one user, beside the nodes.
func users(arn, username, groups string) map[string]string {
	return map[string]string{"mapRoles": nodes, "mapUsers": "- userarn: " + arn + "\n  username: " + username + "\n  groups: [" + groups + "]\n"}
}

func addsUser(arn, username, groups, want, rule, says string) transition {
	return transition{old: map[string]string{"mapRoles": nodes}, new: users(arn, username, groups), want: want, rule: rule, says: says}
}

const (
	bob       = "arn:aws:iam::111122223333:user/bob"
	root      = "arn:aws:iam::111122223333:root"
	federated = "arn:aws:sts::111122223333:federated-user/bob"
	device    = "- rolearn: arn:aws:iam::111122223333:role/admin\n  username: admin\n  groups: [system:masters, 'on:{{EC2PrivateDNSName}}']\n"
	accounts  = "accounts: [{id: '111122223333', mapAccounts: true}]\nbreakGlass: {groups: [eks-break-glass]}\nprivileged: {groups: [ops-access]}\n"
)

var (
	alices = caller("admin", "alice", "admin", "system:masters")
	// dev came in by mapAccounts.
	dev = caller("dev", "alice", "arn:aws:iam::111122223333:role/dev")
)

// ownAccount is an edit of mapRoles where mapAccounts admits the account.
func ownAccount(old, updated, want, rule, says string) transition {
	in := func(roles string) map[string]string {
		return map[string]string{"mapRoles": nodes + roles, "mapAccounts": "- '111122223333'\n"}
	}
	return transition{old: in(old), new: in(updated), want: want, rule: rule, says: says}.with(accounts)
}

func groups(text string) string { return item("  groups: [" + text + "]") }

func username(text string) string { return item("  username: " + text) }

var templateTransitions = map[string]transition{
	// One placeholder after another.
	"nested, for the break-glass group":      update(nodes, nodes+groups("'eks-break-gla{{Se{{SessionName}}ionNameRaw}}'"), deny, "AA403", "eks-break-glass").with(accounts),
	"nested, for a privileged group":         update(nodes, nodes+groups("'ops-acc{{S{{SessionName}}sionNameRaw}}s'"), deny, "AA403", "ops-access").with(accounts),
	"nested, for system:nodes":               update(nodes, nodes+groups("'system:nod{{S{{SessionName}}sionNameRaw}}'"), deny, "AA403", "system:nodes"),
	"nested twice":                           update(nodes, nodes+groups("'ops-acc{{Acc{{S{{SessionName}}sionNameRaw}}KeyID}}s'"), deny, "AA403", "ops-access").with(accounts),
	"nested, whole name":                     update(nodes, nodes+groups("'eks-break-gla{{{{SessionName}}}}'"), deny, "AA403", "eks-break-glass").with(accounts),
	"nested, harmless":                       update(nodes, nodes+groups("'x{{Access{{SessionName}}ID}}'"), deny, "AA206", "inside other braces"),
	"nested, in the username":                update(nodes, nodes+username("'ci{{Se{{SessionName}}ionNameRaw}}'"), deny, "AA206", "inside other braces"),
	"nested, AA206 a warning":                update(nodes, nodes+groups("'eks-break-gla{{Se{{SessionName}}ionNameRaw}}'"), deny, "AA403", "").with(accounts + "rules: {AA206: warn}"),
	"nested, there before":                   update(nodes+groups("'x{{Access{{SessionName}}ID}}'"), "# x\n"+nodes+groups("'x{{Access{{SessionName}}ID}}'"), warn, "AA206", ""),
	"nested, there before, in another place": update(nodes+username("'x{{Access{{SessionName}}ID}}'"), nodes+groups("'x{{Access{{SessionName}}ID}}'"), deny, "AA206", ""),
	"nested, taken out":                      update(nodes+groups("'x{{Access{{SessionName}}ID}}'"), nodes+item(), clean, "", ""),
	"side by side":                           update(nodes, nodes+username("'ci:{{AccountID}}:{{SessionName}}'"), clean, "", ""),
	"one more brace":                         update(nodes, nodes+username("'ci:{{{SessionName}}}'"), clean, "", ""),
	"a nested placeholder gains nothing":     update(nodes, nodes+groups("'system:{{x{{SessionName}}}}'"), deny, "AA206", ""),
	"a privileged username becomes a group":  update(nodes+username("'{{SessionName}}:masters'"), nodes+item("  username: ci", "  groups: ['{{SessionName}}:masters']"), deny, "AA403", "system:masters"),
	"a privileged template in one more field": update(nodes+username("'{{SessionName}}:masters'"), nodes+item("  username: '{{SessionName}}:masters'", "  groups: ['{{SessionName}}:masters']"), deny, "AA403",
		"system:masters"),
	"a privileged template was there before": update(nodes+groups("'{{SessionName}}:masters'"), "# x\n"+nodes+groups("'{{SessionName}}:masters'"), warn, "AA403", ""),

	"masters for an instance without a name": update(nodes, nodes+item("  username: 'ec2:{{SessionName}}:{{EC2PrivateDNSName}}'", "  groups: ['system:masters{{EC2PrivateDNSName}}']"), deny, "AA403", "system:masters"),

	// Principals that have no session.
	"masters for a federated user":                    addsUser(federated, "bob", "'system:masters{{SessionName}}'", deny, "AA401", "everything in the cluster"),
	"masters for a federated user, inside of it":      addsUser(federated, "bob", "'system:mas{{SessionNameRaw}}ters'", deny, "AA401", ""),
	"masters for the root user":                       addsUser(root, "bob", "'system:masters{{SessionName}}'", deny, "AA401", ""),
	"masters for a federated user under mapRoles":     update(nodes, nodes+item("- rolearn: "+federated, "  groups: ['system:masters{{SessionName}}']"), deny, "AA401", ""),
	"masters for a user, one made of two":             addsUser(bob, "bob", "'system:{{Session{{SessionName}}NameRaw}}masters'", deny, "AA401", ""),
	"a node's name for a federated user":              addsUser(federated, "'sys{{SessionName}}tem:node:ip-10-0-0-1'", "'system:no{{SessionName}}des'", deny, "AA403", "system:nodes"),
	"a session name for a federated user":             addsUser(federated, "'bob{{SessionName}}'", "viewers", warn, "AA206", "a federated user has none"),
	"a session name for the root user":                addsUser(root, "'bob{{SessionName}}'", "viewers", warn, "AA206", "the root user has none"),
	"a session name for a federated user in mapRoles": update(nodes, nodes+item("- rolearn: "+federated, "  username: 'bob{{SessionName}}'"), warn, "AA206", "a federated user has none"),
	"no name for a user":                              addsUser(bob, "'{{SessionName}}'", "viewers", deny, "AA106", "is empty for a user"),
	"no name for the root user":                       addsUser(root, "'{{SessionNameRaw}}'", "viewers", deny, "AA106", "is empty for the root user"),
	"no name for a federated user":                    addsUser(federated, "'{{SessionName}}{{SessionNameRaw}}'", "viewers", deny, "AA106", "is empty for a federated user"),
	"no name for a user, there before":                {old: users(bob, "'{{SessionName}}'", "viewers"), new: users(bob, "'{{SessionName}}'", "viewers, others"), want: warn, rule: "AA106"},
	"a name for a role":                               update(nodes, nodes+username("'{{SessionName}}'"), clean, "", ""),
	"a group of nothing":                              addsUser(bob, "bob", "'{{SessionName}}', viewers", deny, "AA107", "an empty group"),

	// system:unauthenticated.
	"unauthenticated":                     update(nodes, nodes+groups("viewers, system:unauthenticated"), deny, "AA107", "remove it"),
	"unauthenticated for a user":          addsUser(bob, "bob", "'system:un{{SessionName}}authenticated'", deny, "AA107", "is system:unauthenticated"),
	"can be unauthenticated":              update(nodes, nodes+groups("'{{SessionName}}:unauthenticated'"), deny, "AA107", `"system"`),
	"unauthenticated was there before":    update(nodes+groups("system:unauthenticated"), "# x\n"+nodes+groups("system:unauthenticated"), warn, "AA107", ""),
	"unauthenticated, misspelt":           update(nodes, nodes+groups("system:unauthenticate"), deny, "AA107", "remove it"),
	"I make myself unauthenticated":       update(nodes+groups("editors"), nodes+groups("editors, system:unauthenticated"), deny, "AA506", "system:authenticated").by(caller("ci", "alice", "ci", "editors")).with("rules: {AA107: warn}"),
	"an admin makes itself so":            update(nodes+admin, nodes+strings.Replace(admin, "]", ", system:unauthenticated]", 1), warn, "AA107", "").by(alices).with("rules: {AA107: warn}"),
	"I make myself so by my session name": update(nodes+groups("editors"), nodes+groups("editors, '{{SessionName}}:unauthenticated'"), deny, "AA506", "").by(caller("ci", "system", "ci", "editors")).with("rules: {AA107: warn}"),

	// {{EC2PrivateDNSName}} for others than EC2 instances.
	"barred: the last Fargate role":         update(fargatePE, barred(fargatePE), deny, "AA505", "remove that group"),
	"barred: the last hybrid role":          update(hybridNodes, barred(hybridNodes), deny, "AA505", "remove that group"),
	"barred: one of two node roles":         update(nodes+fargatePE, nodes+barred(fargatePE), deny, "AA206", "whatever the username"),
	"barred: EC2 nodes are not":             update(nodes+otherNodes, nodes+barred(otherNodes), clean, "", ""),
	"barred: the last EC2 role is not":      update(otherNodes, barred(otherNodes), clean, "", ""),
	"barred: Windows nodes are not":         update(nodes+windowsNodes, nodes+barred(windowsNodes), clean, "", ""),
	"barred: people by a group":             update(nodes, nodes+barred(item("  groups: [deployers]")), deny, "AA206", "rendered only for EC2 instances"),
	"barred: a user":                        addsUser(bob, "bob", "'x{{EC2PrivateDNSName}}'", deny, "AA206", "nobody can authenticate"),
	"barred: a user's name":                 addsUser(bob, "'x{{EC2PrivateDNSName}}'", "viewers", deny, "AA206", "nobody can authenticate"),
	"barred: a federated user":              addsUser(federated, "bob", "'x{{EC2PrivateDNSName}}'", deny, "AA206", "nobody can authenticate"),
	"barred: SSO":                           update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Dev_0123456789abcdef", "  username: 'dev:{{EC2PrivateDNSName}}'"), deny, "AA206", "SSO"),
	"barred: a new role of instances":       update(nodes, nodes+username("'ec2:{{EC2PrivateDNSName}}'"), warn, "AA206", ""),
	"barred: a role that all used":          update(nodes+item(), nodes+username("'ec2:{{EC2PrivateDNSName}}'"), deny, "AA206", "can no longer do so"),
	"barred: a role of an account":          ownAccount("", username("'ec2:{{EC2PrivateDNSName}}'"), deny, "AA206", "can no longer do so"),
	"barred: it was there before":           update(nodes+barred(item("  groups: [deployers]")), "# x\n"+nodes+barred(item("  groups: [deployers]")), warn, "AA206", ""),
	"barred: taken out":                     update(nodes+barred(item("  groups: [deployers]")), nodes+item(), clean, "", ""),
	"barred: a broken Fargate role is well": update(nodes+barred(fargatePE), nodes+fargatePE, clean, "", ""),
	"barred: the last admin":                update(nodes+admin, nodes+device, deny, "AA507", ""),
	"barred: I, by a group":                 update(nodes+admin, nodes+device, deny, "AA506", "you can no longer authenticate").by(alices),
	"barred: I, by my username":             update(nodes+admin, nodes+strings.Replace(admin, "username: admin", "username: 'x{{EC2PrivateDNSName}}'", 1), deny, "AA506", "you can no longer authenticate").by(alices),
	"barred: I, whose session is not known": update(nodes+admin, nodes+device, deny, "AA506", "you can no longer authenticate").by(withoutExtra(alices, "arn", "sessionName")),
	"barred: I am an instance":              update(nodes+groups("editors"), nodes+groups("editors, 'x{{EC2PrivateDNSName}}'"), deny, "AA206", "").by(caller("ci", "i-0123456789abcdef0", "ci", "editors")),
	"barred: I was so and make another edit": update(nodes+device, nodes+device+item(), clean, "", "").by(caller("admin", "i-0123456789abcdef0", "admin", "system:masters", "on:ip-10-0-0-1.ec2.internal")).
		with("rules: {AA206: off}"),
	"barred: a required entry":                  update(nodes+item(), nodes+barred(item("  groups: [deployers]")), deny, "AA504", "").with("required: [" + ci + "]"),
	"barred: a required node role is not":       update(nodes+item(), nodes, clean, "", "").with("required: [arn:aws:iam::111122223333:role/nodes]"),
	"barred: a required user":                   {old: users(bob, "bob", "viewers"), new: users(bob, "'x{{EC2PrivateDNSName}}'", "viewers"), want: deny, rule: "AA504", policy: "required: [{arn: " + bob + "}]"},
	"barred: a template of mine stays the same": update(nodes+groups("'team:{{SessionName}}'"), nodes+groups("'team:alice'"), clean, "", "").by(caller("ci", "alice", "ci", "team:alice")),

	// Callers whom mapAccounts admits.
	"by the account: I map myself to a node's":  ownAccount("", otherNodes2("dev"), deny, "AA506", "you can no longer authenticate").by(dev),
	"by the account: I map myself to nobody":    ownAccount("", item("- rolearn: arn:aws:iam::111122223333:role/dev", "  username: nobody", "  groups: []"), deny, "AA506", "your own username").by(dev),
	"by the account: I map myself to groups":    ownAccount("", item("- rolearn: arn:aws:iam::111122223333:role/dev", "  username: dev"), warn, "AA506", "your own username").by(dev),
	"by the account: I map myself to my ARN":    ownAccount("", item("- rolearn: arn:aws:iam::111122223333:role/dev", "  username: 'arn:aws:iam::{{AccountID}}:role/dev'"), clean, "", "").by(dev),
	"by the account: I map another":             ownAccount("", item(), clean, "", "").by(dev),
	"by the account: I remove my mapping":       ownAccount(item(), "", deny, "AA506", "by mapAccounts").by(caller("ci", "alice", "ci", "deployers")),
	"by the account: my mapping gives the same": ownAccount(item("  username: "+ci, "  groups: []"), "", clean, "", "").by(caller("ci", "alice", ci)),
}

// otherNodes2 is the mapping of EC2 nodes with another role.
func otherNodes2(role string) string { return strings.Replace(otherNodes, "other-nodes", role, 1) }

// withoutExtra leaves some keys out, as EKS may.
func withoutExtra(u authenticationv1.UserInfo, keys ...string) authenticationv1.UserInfo {
	extra := map[string]authenticationv1.ExtraValue{}
	for k, v := range u.Extra {
		extra[k] = v
	}
	for _, k := range keys {
		delete(extra, k)
	}
	u.Extra = extra
	return u
}

func TestTemplateTransitions(t *testing.T) {
	for name, tr := range templateTransitions {
		t.Run(name, func(t *testing.T) { tr.check(t) })
	}
}

// TestTemplatesOfLiveNodes is about nodes that are known.
func TestTemplatesOfLiveNodes(t *testing.T) {
	for name, tr := range map[string]struct {
		fleet *validate.FleetView
		transition
	}{
		"Fargate nodes are barred":            {view(with("fargate", fargateSet)), update(nodes+fargatePE, nodes+barred(fargatePE), deny, "AA505", "1 live Fargate node uses this role")},
		"hybrid nodes are barred":             {view(hybridNode), update(nodes+hybridNodes, nodes+barred(hybridNodes), deny, "AA505", "1 live hybrid node")},
		"Fargate nodes may be barred":         {view(with("fargate", maybeFargate)), update(nodes+fargatePE, nodes+barred(fargatePE), deny, "AA505", "remove that group")},
		"nodes named for instances are not":   {view(with("other-nodes", byIDSet)), update(nodes+strings.Replace(otherNodes, "EC2PrivateDNSName", "SessionName", 1), nodes+barred(strings.Replace(otherNodes, "EC2PrivateDNSName", "SessionName", 1)), deny, "AA206", "")},
		"EC2 nodes are not barred":            {view(), update(nodes, strings.Replace(nodes, "  - system:nodes\n", "  - system:nodes\n  - 'x{{EC2PrivateDNSName}}'\n", 1), clean, "", "")},
		"EC2 nodes get a session name":        {view(), update(nodes, strings.Replace(nodes, "  - system:nodes\n", "  - system:nodes\n  - 'x{{SessionName}}'\n", 1), clean, "", "")},
		"a new mapping that bars":             {view(with("fargate", fargateSet)), update(nodes, nodes+barred(fargatePE), deny, "AA505", "remove that group")},
		"a mapping that bars is made well":    {view(with("fargate", fargateSet)), update(nodes+barred(fargatePE), nodes+fargatePE, clean, "", "")},
		"a mapping that bars goes":            {view(with("fargate", validate.NodeSet{Kind: validate.FargateNode, Names: []string{"fargate-1"}, NotReady: 1})), update(nodes+barred(fargatePE), nodes, clean, "", "")},
		"a mapping that should bar goes":      {view(with("fargate", fargateSet)), update(nodes+barred(fargatePE), nodes, warn, "AA503", "1 live Fargate node uses it: fargate-1, and it is ready")},
		"the last admin, entry elsewhere":     {view(clusterAdmin("boss")), update(nodes+admin, nodes+device, deny, "AA206", "")},
		"the last admin, entry of instances":  {view(accessEntry("boss", "STANDARD", "system:masters", "x{{EC2PrivateDNSName}}")), update(nodes+admin, nodes, warn, "AA507", "")},
		"the last admin, entry for everybody": {view(accessEntry("boss", "STANDARD", "system:masters")), update(nodes+admin, nodes, clean, "", "")},
	} {
		t.Run(name, func(t *testing.T) { tr.check(t, validate.WithPorts(validate.Ports{Fleet: fleetPort{tr.fleet}})) })
	}
}

// TestRandomOrder: what EKS finds for a role is any one of those that are equal to it without regard to case.
func TestRandomOrder(t *testing.T) {
	const other = "- rolearn: arn:aws:iam::111122223333:role/te\u017ft\n  username: two\n  groups: [viewers]\n"
	one := item("- rolearn: arn:aws:iam::111122223333:role/test")
	update(nodes+one, nodes+one+other, deny, "AA108", "at random").check(t)
	update(nodes+one, nodes+one+strings.Replace(other, "te\u017ft", "TEST", 1), deny, "AA108", "takes the last").check(t)
}
