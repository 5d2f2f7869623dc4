package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var arnWrongKind = &rule.Rule{
	ID: "AA202", Name: "arn-wrong-kind", Severity: rule.Error, Category: rule.ARN,
	What: "the ARN names something that never calls the API server under that name: an assumed-role session, an instance profile, a group, a policy, a wildcard; the root user, a federated user, a role under mapUsers and a user under mapRoles work, so they are warnings",
	Why:  "EKS matches callers by the ARN of the role or user itself and does not support wildcards, so the entry matches nobody",
	Bad:  strings.Replace(goodNodesAndCI, "arn:aws:iam::111122223333:role/ci", "arn:aws:sts::111122223333:assumed-role/ci/build-7", 1), Good: goodNodesAndCI,
	Entry: checkKind,
}

// checkKind reports the wrong kind of ARN. An instance profile stands for the role in it, as a rule of the same name.
func checkKind(c *rule.EntryContext) {
	f := ownFault("AA202", c.Entry, c.Partition)
	if f == nil {
		return
	}
	at := rule.AtARN(c.Entry)
	if a, _ := c.Entry.Principal(); a.Kind == awsauth.KindInstanceProfile {
		at = at.Of(awsauth.Subject(a.RoleARN(a.Name)))
	}
	c.Report(at, *f)
}

func (w written) wrong(what, fix, why string) *rule.Finding {
	return &rule.Finding{Message: namedARN(w.text) + " " + what, Fix: fix, Why: why}
}

// wrongKind finds the ARNs that match nobody, whatever else is in them.
func wrongKind(w written) *rule.Finding {
	const nobody = "EKS matches callers by the ARN of the role or user itself, so this entry matches nobody"
	a := w.arn()
	switch a.Kind {
	case awsauth.KindAssumedRole:
		return w.wrong("is a session of a role", "write "+phrase.Whole(a.RoleARN(a.Name)), "EKS matches callers by the ARN of the role, so this entry matches nobody")
	case awsauth.KindInstanceProfile:
		return w.wrong("is an instance profile", "write the ARN of the role in it: did you mean "+phrase.Whole(a.RoleARN(a.Name))+"? (`aws iam get-instance-profile` shows it)", nobody)
	case awsauth.KindGroup:
		return w.wrong("is an IAM group", "map each user of the group, or a role that they assume", "an IAM group cannot authenticate, so this entry matches nobody")
	case awsauth.KindPolicy:
		return w.wrong("is a policy", "write "+w.example(), nobody)
	case awsauth.KindOther:
		switch {
		case strings.EqualFold(a.Service, "iam") && a.Resource == "*":
			return w.wrong("is a wildcard", "write one entry for each role, with "+w.exampleIn(a.Account), whyNoWildcards)
		case strings.EqualFold(a.Service, "sts"):
			return w.wrong("is not how STS or IAM names a principal", "write "+w.exampleIn(a.Account), nobody)
		case !strings.EqualFold(a.Service, "iam"):
			return w.wrong("is an ARN of the service "+phrase.Quote(a.Service), "write "+w.exampleIn(a.Account), nobody)
		}
	case awsauth.KindRole, awsauth.KindUser:
		if strings.ContainsAny(a.Name+a.Path, "*?") {
			return w.wrong("contains a wildcard", "write one entry for each "+a.Kind.String()+", with its whole name", whyNoWildcards)
		}
	}
	return nil
}

const whyNoWildcards = "EKS does not support wildcards, so this entry matches nobody"

// orAddKey is what to do where the object does not have the data key that an entry belongs in.
func orAddKey(key string) string {
	other := awsauth.MapRoles
	if key == awsauth.MapRoles {
		other = awsauth.MapUsers
	}
	return "if there is no " + key + ", add the line " + key + ": | after " + other
}

// unintendedKind finds what works, but is nobody's intent.
func unintendedKind(w written) *rule.Finding {
	warn := func(what, fix, why string) *rule.Finding {
		f := w.wrong(what, fix, why)
		f.Severity, f.Subject = rule.Warning, "works"
		return f
	}
	a := w.arn()
	assumed := func() string {
		return "write the ARN of the role that people assume, such as arn:" + a.Partition + ":iam::" + a.Account + ":role/NAME"
	}
	kind, key := a.Kind, w.entry.DataKey
	switch {
	case kind == awsauth.KindRoot:
		return warn("is the root user, not everyone in the account", assumed(), "in a trust policy this ARN stands for the whole account, in aws-auth it does not")
	case kind == awsauth.KindFederatedUser:
		return warn("is a federated user", assumed(), "a federated user exists only as long as its session")
	case kind == awsauth.KindRole && key == awsauth.MapUsers:
		return warn("is a role, and roles belong in mapRoles", "move it to mapRoles, with rolearn instead of userarn; delete mapUsers if nothing else is in it",
			"EKS accepts it, but people and tools look for roles in mapRoles")
	case kind == awsauth.KindUser && key == awsauth.MapRoles:
		return warn("is a user, and users belong in mapUsers", "move it to mapUsers, with userarn instead of rolearn; "+orAddKey(awsauth.MapUsers),
			"EKS accepts it, but people and tools look for users in mapUsers")
	}
	return nil
}
