package validate_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// barred gives an entry one more group, which EKS can render for EC2 instances alone.
func barred(entry string) string {
	return strings.TrimSuffix(entry, "]\n") + ", 'x{{EC2PrivateDNSName}}']\n"
}

// device is an administrator whom EKS can render for EC2 instances alone.
const device = "- rolearn: arn:aws:iam::111122223333:role/admin\n  username: admin\n  groups: [system:masters, 'on:{{EC2PrivateDNSName}}']\n"

// TestTemplatesOfLiveNodes is about nodes that are known.
func TestTemplatesOfLiveNodes(t *testing.T) {
	for name, tr := range map[string]struct {
		fleet *nodes.View
		transition
	}{
		"Fargate nodes are barred":            {view(with("fargate", fargateSet)), update(nodeRole+fargatePE, nodeRole+barred(fargatePE), deny, "AA505", "1 live Fargate node uses this role")},
		"hybrid nodes are barred":             {view(hybridNode), update(nodeRole+hybridNodes, nodeRole+barred(hybridNodes), deny, "AA505", "1 live hybrid node")},
		"Fargate nodes may be barred":         {view(with("fargate", maybeFargate)), update(nodeRole+fargatePE, nodeRole+barred(fargatePE), deny, "AA505", "remove that group")},
		"nodes named for instances are not":   {view(with("other-nodes", byIDSet)), update(nodeRole+strings.Replace(otherNodes, "EC2PrivateDNSName", "SessionName", 1), nodeRole+barred(strings.Replace(otherNodes, "EC2PrivateDNSName", "SessionName", 1)), deny, "AA206", "")},
		"EC2 nodes are not barred":            {view(), update(nodeRole, strings.Replace(nodeRole, "  - system:nodes\n", "  - system:nodes\n  - 'x{{EC2PrivateDNSName}}'\n", 1), clean, "", "")},
		"EC2 nodes get a session name":        {view(), update(nodeRole, strings.Replace(nodeRole, "  - system:nodes\n", "  - system:nodes\n  - 'x{{SessionName}}'\n", 1), clean, "", "")},
		"a new mapping that bars":             {view(with("fargate", fargateSet)), update(nodeRole, nodeRole+barred(fargatePE), deny, "AA505", "remove that group")},
		"a mapping that bars is made well":    {view(with("fargate", fargateSet)), update(nodeRole+barred(fargatePE), nodeRole+fargatePE, clean, "", "")},
		"a mapping that bars goes":            {view(with("fargate", nodes.Set{Kind: nodes.Fargate, Names: []string{"fargate-1"}, NotReady: 1})), update(nodeRole+barred(fargatePE), nodeRole, clean, "", "")},
		"a mapping that should bar goes":      {view(with("fargate", fargateSet)), update(nodeRole+barred(fargatePE), nodeRole, warn, "AA503", "1 live Fargate node uses it: fargate-1, and it is ready")},
		"the last admin, entry elsewhere":     {view(clusterAdmin("boss")), update(nodeRole+admin, nodeRole+device, deny, "AA206", "")},
		"the last admin, entry of instances":  {view(accessEntry("boss", "STANDARD", "system:masters", "x{{EC2PrivateDNSName}}")), update(nodeRole+admin, nodeRole, warn, "AA507", "")},
		"the last admin, entry for everybody": {view(accessEntry("boss", "STANDARD", "system:masters")), update(nodeRole+admin, nodeRole, clean, "", "")},
	} {
		t.Run(name, func(t *testing.T) { tr.check(t, validate.WithPorts(validate.Ports{Fleet: fleetPort{tr.fleet}})) })
	}
}

// TestRandomOrder: what EKS finds for a role is any one of those that are equal to it without regard to case.
func TestRandomOrder(t *testing.T) {
	const other = "- rolearn: arn:aws:iam::111122223333:role/te\u017ft\n  username: two\n  groups: [viewers]\n"
	one := item("- rolearn: arn:aws:iam::111122223333:role/test")
	update(nodeRole+one, nodeRole+one+other, deny, "AA108", "at random").check(t)
	update(nodeRole+one, nodeRole+one+strings.Replace(other, "te\u017ft", "TEST", 1), deny, "AA108", "takes the last").check(t)
}
