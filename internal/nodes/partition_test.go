package nodes_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

func TestPartition(t *testing.T) {
	ec2, ci := mapping("nodes", dnsName, "system:bootstrappers, system:nodes"), mapping("ci", "ci", "x")
	in := func(partition string, entries ...string) string {
		return strings.ReplaceAll(strings.Join(entries, ""), "arn:aws:", "arn:"+partition+":")
	}
	for name, tt := range map[string]struct{ old, updated, want string }{
		"nothing":                       {"", "", ""},
		"no node role":                  {"", ci, ""},
		"created":                       {"", in("aws-cn", ec2), "aws-cn"},
		"deleted":                       {in("aws-cn", ec2), "", "aws-cn"},
		"people of another partition":   {ec2, ec2 + in("aws-cn", ci), "aws"},
		"no partition of AWS":           {"", in("aws-x", ec2), ""},
		"the nodes move, people stay":   {in("aws-cn", ec2, ci), in("aws", ec2) + in("aws-cn", ci), "aws-cn"},
		"the nodes move to the people":  {in("aws-cn", ec2) + ci, ec2 + ci, "aws"},
		"as many nodes, no people":      {"", ec2 + in("aws-cn", ec2), ""},
		"as many nodes, people decide":  {"", ec2 + ci + in("aws-cn", ec2), "aws"},
		"another partition is added to": {ec2, ec2 + in("aws-cn", ec2, ci), "aws"},
	} {
		t.Run(name, func(t *testing.T) {
			var old, updated *awsauth.Version
			if tt.old != "" {
				old = read(t, tt.old)
			}
			if tt.updated != "" {
				updated = read(t, tt.updated)
			}
			if got := nodes.Partition(old, updated); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
