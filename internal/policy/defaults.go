package policy

import (
	"slices"

	"k8s.io/utils/ptr"
)

// EKSWriters are the usernames under which EKS itself edits aws-auth: managed node groups and Fargate profiles
// add and remove their roles, the storage migrator rewrites objects unchanged (Amazon EKS user guide, "Default
// Amazon EKS roles and users"). They are exempt by exact name, never by the prefix eks:, which a mapping could
// hand out.
var EKSWriters = []string{"eks:node-manager", "eks:fargate-manager", "eks:kms-storage-migrator"}

// Default is the policy of a cluster that has none: enforce every rule, approve nothing, exempt EKS's own writers.
func Default() *Policy {
	p := Policy{APIVersion: APIVersion, Kind: Kind}
	p.setDefaults()
	return &p
}

// setDefaults fills in the fields that the file leaves out or empty.
func (p *Policy) setDefaults() {
	fill(&p.Mode, Enforce)
	fill(&p.Privileged.FromRBAC, ptr.To(true))
	if p.Exempt == nil { // with no usernames it exempts nobody
		p.Exempt = &Exempt{Usernames: slices.Clone(EKSWriters)}
	}
	fill(&p.IAM.OnUnverified, Deny)
	fill(&p.Preexisting, Warn)
}

func fill[T comparable](field *T, value T) {
	var empty T
	if *field == empty {
		*field = value
	}
}
