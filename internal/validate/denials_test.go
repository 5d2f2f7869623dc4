package validate_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

var (
	onlyAlice = map[string]string{awsauth.MapRoles: nodes, awsauth.MapUsers: alice}
	// One role for Linux and Windows nodes, as infrastructure as code writes it that has a list of roles for each.
	linuxAndWindows = strings.ReplaceAll(nodes+windowsNodes, "role/windows", "role/nodes")
	windowsAndLinux = strings.ReplaceAll(windowsNodes+nodes, "role/windows", "role/nodes")
)

// denials are edits on both sides of the line between what costs somebody something and what does not.
var denials = map[string]transition{
	"an empty mapping for mapUsers":           {old: onlyAlice, new: map[string]string{"mapRoles": nodes, "mapUsers": "{}\n"}, want: deny, rule: "AA104", says: "write []"},
	"another edit beside an empty mapping":    {old: map[string]string{"mapRoles": nodes, "mapUsers": "{}"}, new: map[string]string{"mapRoles": nodes + item(), "mapUsers": "{}"}, want: warn, rule: "AA104", says: "write []"},
	"an empty mapping becomes an empty list":  {old: map[string]string{"mapRoles": nodes, "mapUsers": "{}"}, new: map[string]string{"mapRoles": nodes, "mapUsers": "[]"}, want: clean},
	"a username that the documentation shows": update(nodes, nodes+item("  username: aws:{{AccountID}}:instance:{{SessionName}}"), warn, "AA404", "account id"),
	"a username of aws: and an account":       update(nodes, nodes+item("  username: aws:111122223333:ci"), warn, "AA404", ""),
	"a username of aws: and something else":   update(nodes, nodes+item("  username: aws:ci"), deny, "AA404", ""),
	"a username of aws: and half an account":  update(nodes, nodes+item("  username: aws:1111:ci"), deny, "AA404", ""),
	"a username of eks: and an account":       update(nodes, nodes+item("  username: 'eks:{{AccountID}}:ci'"), deny, "AA404", ""),
	"a service-linked role without its path":  update(nodes, nodes+item("- rolearn: arn:aws:iam::111122223333:role/AWSServiceRoleForAmazonEMRContainers"), clean, "", ""),
	"Fargate's group on a new EC2 role":       update(nodes, nodes+strings.Replace(otherNodes, "system:nodes]", "system:nodes, system:node-proxier]", 1), warn, "AA505", "EC2 nodes work without it"),
	"Fargate's role gets the username of EC2": update(nodes+fargatePE, nodes+strings.Replace(fargatePE, "{{SessionName}}", "{{EC2PrivateDNSName}}", 1), deny, "AA505", "{{SessionName}}"),

	"an empty group beside others":  update(nodes, nodes+item("  groups: [deployers, \"\"]"), warn, "AA107", "nothing can be bound to it"),
	"a group that is null":          update(nodes, nodes+item("  groups: [deployers, ~]"), deny, "AA107", ""),
	"an item of groups without any": update(nodes, nodes+item("  groups:\n  - deployers\n  -"), deny, "AA107", ""),

	// Duplicates that cost nobody anything.
	"the same entry twice":                              update(nodes+item(), nodes+item()+item(), warn, "AA108", "keep data.mapRoles[2]"),
	"the same entry twice, letter case":                 update(nodes+item(), nodes+item()+item("- rolearn: arn:aws:iam::111122223333:role/CI"), warn, "AA108", "EKS uses data.mapRoles[2]"),
	"the same entry three times":                        update(nodes+item(), nodes+item()+item()+item(), warn, "AA108", ""),
	"created with a role as Linux and as Windows nodes": {op: validate.Create, new: map[string]string{"mapRoles": linuxAndWindows}, want: warn, rule: "AA108", says: "keep data.mapRoles[1] and remove the other"},
	"a role as Linux and as Windows nodes":              update(nodes, nodes+linuxAndWindows, warn, "AA108", "EKS uses data.mapRoles[2]"),
	"a role as Windows and as Linux nodes":              update(nodes, nodes+windowsAndLinux, deny, "AA108", "the last of the two"),
	"Linux before Windows nodes changes to after them":  update(nodes+linuxAndWindows, nodes+windowsAndLinux, deny, "AA108", "the last of the two"),
	"Linux after Windows nodes changes to before them":  update(nodes+windowsAndLinux, nodes+linuxAndWindows, warn, "AA108", "EKS uses data.mapRoles[2]"),
	"an idle duplicate beside one that is not":          update(nodes+item("  groups: [viewers]")+item(), nodes+item("  groups: [viewers]")+item("  groups: []")+item(), warn, "AA108", ""),
	"the entry goes that EKS uses":                      update(nodes+item("  groups: []")+item(), nodes+item("  groups: []"), clean, "", ""),
	"the admin's entry goes that EKS does not use":      update(nodes+item("  groups: [system:masters]")+item("  groups: [system:masters, deployers]"), nodes+item("  groups: [system:masters, deployers]"), clean, "", ""),
	"less under mapUsers than under mapRoles":           {old: map[string]string{"mapRoles": nodes + item()}, new: map[string]string{"mapRoles": nodes + item(), "mapUsers": strings.ReplaceAll(item("  groups: []"), "rolearn", "userarn")}, want: warn, rule: "AA108", says: "keep data.mapRoles[1]"},
	"more under mapUsers than under mapRoles":           {old: map[string]string{"mapRoles": nodes + item()}, new: map[string]string{"mapRoles": nodes + item(), "mapUsers": strings.ReplaceAll(item("  groups: [deployers, viewers]"), "rolearn", "userarn")}, want: deny, rule: "AA108"},
	"one user twice, the last has all groups":           {old: onlyAlice, new: map[string]string{"mapRoles": nodes, "mapUsers": alice + alice + "  - deployers\n"}, want: warn, rule: "AA108", says: "keep data.mapUsers[1]"},
	"one user twice, the first has more groups":         {old: onlyAlice, new: map[string]string{"mapRoles": nodes, "mapUsers": alice + "  - deployers\n" + alice}, want: deny, rule: "AA108"},
	"one user in two letter cases, the same":            {old: onlyAlice, new: map[string]string{"mapRoles": nodes, "mapUsers": alice + strings.Replace(alice, "user/alice", "user/Alice", 1)}, want: warn, rule: "AA108", says: "keep one of them"},
	"one user in two letter cases, the second has more": {old: onlyAlice, new: map[string]string{"mapRoles": nodes, "mapUsers": alice + strings.Replace(alice, "user/alice", "user/Alice", 1) + "  - deployers\n"}, want: deny, rule: "AA108", says: "at random"},
	"one user in two letter cases, one of them twice":   {old: onlyAlice, new: map[string]string{"mapRoles": nodes, "mapUsers": alice + "  - deployers\n" + strings.Replace(alice, "user/alice", "user/Alice", 1) + alice}, want: deny, rule: "AA108"},
	"a group that EKS may not render on top":            update(nodes+item(), nodes+item()+item("  groups: [deployers, 'x{{EC2PrivateDNSName}}']"), deny, "AA108", ""),
	"a template in both":                                update(nodes+item("  username: 'ci:{{SessionName}}'"), nodes+item("  username: 'ci:{{SessionName}}'", "  groups: []")+item("  username: 'ci:{{SessionName}}'"), warn, "AA108", ""),

	// The node roles, where nobody knows the nodes.
	"a node role for another, in two edits, first":  update(nodes, nodes+otherNodes, warn, "AA408", ""),
	"a node role for another, in two edits, second": update(nodes+otherNodes, otherNodes, warn, "AA503", "role/nodes"),
	"three node roles for one":                      update(nodes+otherNodes+windowsNodes, strings.Replace(otherNodes, "other-nodes", "made-up", 1), deny, "AA503", "role/windows"),
	"two of three node roles for one":               update(nodes+otherNodes+windowsNodes, nodes+strings.Replace(otherNodes, "other-nodes", "made-up", 1), warn, "AA503", "role/windows"),
	"the only node role's account, repaired":        update(strings.Replace(nodes, "111122223333", "1111", 1), nodes, warn, "AA503", ""),
	"the only node role's path, repaired":           update(strings.Replace(nodes, "role/", "role/team/", 1), nodes, warn, "AA408", ""),
	"the only node role's letter case":              update(nodes, strings.Replace(nodes, "role/nodes", "role/Nodes", 1), clean, "", ""),
}

func TestDenials(t *testing.T) {
	for name, tr := range denials {
		t.Run(name, func(t *testing.T) { tr.check(t) })
	}
}

// TestPathsInIAM maps roles that have a path in IAM by their ARN without it, as EKS compares them: service-linked roles, roles of IAM
// Identity Center, and those of an organisation.
func TestPathsInIAM(t *testing.T) {
	for name, path := range map[string]string{
		"AWSServiceRoleForAmazonEMRContainers":    "aws-service-role/emr-containers.amazonaws.com/",
		"AWSServiceRoleForBatch":                  "aws-service-role/batch.amazonaws.com/",
		"AWSReservedSSO_Viewers_0123456789abcdef": "aws-reserved/sso.amazonaws.com/eu-west-1/",
		"codebuild-demo-service-role":             "service-role/",
		"deployers":                               "teams/platform/",
	} {
		t.Run(name, func(t *testing.T) {
			arn := "arn:aws:iam::111122223333:role/" + name
			answers := caseHead{IAM: map[string]answer{arn: {Existence: "exists", ARN: strings.Replace(arn, "role/", "role/"+path, 1)}}}
			update(nodes, nodes+item("- rolearn: "+arn), clean, "", "").check(t, validate.WithPorts(validate.Ports{Principals: answers}))
		})
	}
}
