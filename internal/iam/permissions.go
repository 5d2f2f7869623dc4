package iam

import "encoding/json"

// Permissions says for which permissions a policy document is wanted.
type Permissions struct {
	Partition string
	Account   string // "*" for whichever account the policy is attached in
	// Lists adds iam:ListRoles and iam:ListUsers, which have no resource level: with them, many new names cost few calls,
	// and a misspelt one is answered with the name that was meant.
	Lists bool
	// AssumeRoles are the roles of other accounts that the policy file names.
	AssumeRoles []string
	// Fleet adds what is asked about the cluster's nodes and access entries. Cluster and Region name the cluster; "*" for
	// any.
	Fleet           bool
	Cluster, Region string
}

type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string            `json:",omitempty"`
	Effect    string            // Allow
	Principal map[string]string `json:",omitempty"`
	Action    []string
	Resource  []string `json:",omitempty"`
}

// Document is the least that the guard's identity needs, as an IAM policy. sts:GetCallerIdentity needs no permission.
func (p Permissions) Document() ([]byte, error) {
	arn := "arn:" + p.Partition + ":iam::" + p.Account + ":"
	d := document{Version: "2012-10-17", Statement: []statement{{Sid: "LookUpPrincipals", Effect: "Allow",
		Action: []string{"iam:GetRole", "iam:GetUser"}, Resource: []string{arn + "role/*", arn + "user/*"}}}}
	if p.Lists {
		d.Statement = append(d.Statement, statement{Sid: "ListPrincipals", Effect: "Allow",
			Action: []string{"iam:ListRoles", "iam:ListUsers"}, Resource: []string{"*"}})
	}
	if p.Fleet {
		eks := "arn:" + p.Partition + ":eks:" + p.Region + ":" + p.Account + ":"
		d.Statement = append(d.Statement,
			statement{Sid: "FindNodes", Effect: "Allow", Action: []string{"ec2:DescribeInstances"}, Resource: []string{"*"}}, // has no resource level
			statement{Sid: "FindRolesOfNodes", Effect: "Allow", Action: []string{"iam:GetInstanceProfile"}, Resource: []string{arn + "instance-profile/*"}},
			statement{Sid: "ReadAccessEntries", Effect: "Allow",
				Action:   []string{"eks:DescribeCluster", "eks:ListAccessEntries", "eks:DescribeAccessEntry", "eks:ListFargateProfiles", "eks:DescribeFargateProfile", "eks:ListNodegroups", "eks:DescribeNodegroup"},
				Resource: []string{eks + "cluster/" + p.Cluster, eks + "access-entry/" + p.Cluster + "/*", eks + "fargateprofile/" + p.Cluster + "/*", eks + "nodegroup/" + p.Cluster + "/*"}})
	}
	if len(p.AssumeRoles) > 0 {
		d.Statement = append(d.Statement, statement{Sid: "ReadOtherAccounts", Effect: "Allow",
			Action: []string{"sts:AssumeRole"}, Resource: p.AssumeRoles})
	}
	return json.MarshalIndent(d, "", "  ")
}

// TrustDocument is the trust policy of a role in another account that the guard's role may assume.
func TrustDocument(guardRoleARN string) ([]byte, error) {
	return json.MarshalIndent(document{Version: "2012-10-17", Statement: []statement{{Effect: "Allow",
		Principal: map[string]string{"AWS": guardRoleARN}, Action: []string{"sts:AssumeRole"}}}}, "", "  ")
}
