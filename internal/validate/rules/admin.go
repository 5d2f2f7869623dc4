package rules

import (
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// isAdmin reports that an identity is equivalent to cluster-admin by its own mapping.
func isAdmin(c *rule.EditContext, id awsauth.Identity) bool {
	return slices.ContainsFunc(c.Privileges.Ways(id.Canonical, id.Username, id.Groups), privilege.Way.Admin)
}

// firstAdmin is the ARN of an admin about whom aws-auth decides, the first by the alphabet, or "". One by whose
// mapping EC2 instances alone can authenticate is none.
func firstAdmin(c *rule.EditContext, v *rule.Version) string {
	first := ""
	for _, id := range v.Access().Winners {
		if _, shadowed := c.Fleet.Shadow(id.Entry.Subject(), c.Now); shadowed || id.Sessions() != awsauth.AnySession {
			continue
		}
		if (first == "" || awsauth.Key(id.Canonical) < awsauth.Key(first)) && isAdmin(c, id) {
			first = id.Canonical
		}
	}
	return first
}

// adminElsewhere reports that an access entry makes somebody an admin.
func adminElsewhere(c *rule.EditContext) bool {
	if !c.Fleet.KnowsAccess(c.Now) || c.Fleet.Mode == nodes.ConfigMapMode {
		return false
	}
	privileged := func(group string) bool {
		w, ok := c.Privileges.Group(group)
		return ok && !w.Approver
	}
	for subject, e := range c.Fleet.Entries {
		if c.Fleet.Inert(subject, e) || nodes.Barring(e.Groups) >= 0 { // EKS renders the groups of access entries as well
			continue
		}
		if e.ClusterAdmin || slices.ContainsFunc(e.Groups, privileged) {
			return true
		}
	}
	return false
}
