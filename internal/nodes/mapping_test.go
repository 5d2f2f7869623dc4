package nodes_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

const (
	dnsName     = "system:node:{{EC2PrivateDNSName}}"
	sessionName = "system:node:{{SessionName}}"
	rawName     = "system:node:{{SessionNameRaw}}"
)

func roleARN(name string) string { return "arn:aws:iam::111122223333:role/" + name }

// mapping is an entry of mapRoles; groups are separated by commas.
func mapping(name, username, groups string) string {
	return "- rolearn: " + roleARN(name) + "\n  username: \"" + username + "\"\n  groups: [" + groups + "]\n"
}

func read(t *testing.T, mapRoles string) *awsauth.Version {
	t.Helper()
	v := awsauth.Read(nil, map[string]string{awsauth.MapRoles: mapRoles})
	if len(v.Unreadable) > 0 {
		t.Fatalf("EKS cannot read %s", mapRoles)
	}
	return v
}

// identity is what the one entry of a mapping gives.
func identity(t *testing.T, arn, username, groups string) awsauth.Identity {
	t.Helper()
	text := strings.Replace(mapping("x", username, groups), roleARN("x"), arn, 1)
	return read(t, text).Entries()[0].Identity()
}

func TestKindOf(t *testing.T) {
	const basic = "system:bootstrappers, system:nodes"
	for name, tt := range map[string]struct {
		arn, username, groups string
		want                  nodes.Kind
	}{
		"EC2":                            {roleARN("nodes"), dnsName, basic, nodes.EC2},
		"EC2 without bootstrappers":      {roleARN("nodes"), dnsName, "system:nodes", nodes.EC2},
		"EC2 without nodes":              {roleARN("nodes"), dnsName, "system:bootstrappers", nodes.None},
		"Windows":                        {roleARN("win"), dnsName, basic + ", eks:kube-proxy-windows", nodes.Windows},
		"Fargate":                        {roleARN("pods"), sessionName, basic + ", system:node-proxier", nodes.Fargate},
		"hybrid":                         {roleARN("site"), sessionName, basic, nodes.Hybrid},
		"hybrid, raw session name":       {roleARN("site"), rawName, basic, nodes.Hybrid},
		"hybrid behind a group of EC2":   {roleARN("site"), sessionName, basic + ", \"x-{{EC2PrivateDNSName}}\"", nodes.None},
		"EC2 with a group of EC2":        {roleARN("nodes"), dnsName, basic + ", \"x-{{EC2PrivateDNSName}}\"", nodes.EC2},
		"a fixed name":                   {roleARN("nodes"), "system:node:ip-10-0-0-1", basic, nodes.None},
		"a user":                         {"arn:aws:iam::111122223333:user/alice", dnsName, basic, nodes.None},
		"no ARN":                         {"nodes", dnsName, basic, nodes.None},
		"a name that only begins as one": {roleARN("nodes"), dnsName + ".example.com", basic, nodes.None},
	} {
		t.Run(name, func(t *testing.T) {
			if got := nodes.KindOf(identity(t, tt.arn, tt.username, tt.groups)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSignsIn(t *testing.T) {
	const basic = "system:bootstrappers, system:nodes"
	const windows, fargate = basic + ", eks:kube-proxy-windows", basic + ", system:node-proxier"
	const barred = basic + ", \"x-{{EC2PrivateDNSName}}\""
	for name, tt := range map[string]struct {
		set              nodes.Set
		username, groups string
		want             bool
	}{
		"EC2":                              {nodes.Set{Kind: nodes.EC2}, dnsName, basic, true},
		"EC2 by the mapping of Windows":    {nodes.Set{Kind: nodes.EC2}, dnsName, windows, true},
		"EC2 by the mapping of Fargate":    {nodes.Set{Kind: nodes.EC2}, sessionName, fargate, false},
		"EC2 without bootstrappers":        {nodes.Set{Kind: nodes.EC2}, dnsName, "system:nodes", true},
		"EC2 without nodes":                {nodes.Set{Kind: nodes.EC2}, dnsName, "system:bootstrappers", false},
		"EC2 with a group of EC2":          {nodes.Set{Kind: nodes.EC2}, dnsName, barred, true},
		"EC2 named by instance, DNS name":  {nodes.Set{Kind: nodes.EC2, ByInstanceID: true}, dnsName, basic, false},
		"EC2 named by instance, session":   {nodes.Set{Kind: nodes.EC2, ByInstanceID: true}, sessionName, basic, true},
		"Windows by the mapping of Linux":  {nodes.Set{Kind: nodes.Windows}, dnsName, basic, false},
		"Windows":                          {nodes.Set{Kind: nodes.Windows}, dnsName, windows, true},
		"Fargate":                          {nodes.Set{Kind: nodes.Fargate}, sessionName, fargate, true},
		"Fargate by the mapping of hybrid": {nodes.Set{Kind: nodes.Fargate}, sessionName, basic, false},
		"hybrid":                           {nodes.Set{Kind: nodes.Hybrid}, sessionName, basic, true},
		"hybrid, raw session name":         {nodes.Set{Kind: nodes.Hybrid}, rawName, basic, true},
		"hybrid behind a group of EC2":     {nodes.Set{Kind: nodes.Hybrid}, sessionName, barred, false},
		"other":                            {nodes.Set{Kind: nodes.Other}, sessionName, basic, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := nodes.SignsIn(identity(t, roleARN("nodes"), tt.username, tt.groups), tt.set); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestNeeds: nodes of every kind that can be mapped authenticate by what they are said to need.
func TestNeeds(t *testing.T) {
	for _, kind := range []nodes.Kind{nodes.EC2, nodes.Windows, nodes.Fargate, nodes.Hybrid, nodes.Other} {
		for _, byID := range []bool{false, true} {
			s := nodes.Set{Kind: kind, ByInstanceID: byID}
			need := s.Needs()
			id := identity(t, roleARN("nodes"), need.Username, strings.Join(need.Groups, ", "))
			if !nodes.SignsIn(id, s) {
				t.Errorf("%s, named by instance %v: cannot authenticate as %s with %v", kind, byID, need.Username, need.Groups)
			}
			if !nodes.IsUsername(need.Username) {
				t.Errorf("%s is no username of nodes", need.Username)
			}
		}
	}
}
