package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var arnWrongKind = &rule.Rule{
	ID: "AA202", Name: "arn-wrong-kind", Severity: rule.Error, Category: rule.ARN,
	What: "the ARN of something that never calls the API server under that name: an assumed-role session, an instance profile, a group, a policy, a wildcard; root, a federated user, a role under mapUsers or a user under mapRoles work and are a warning",
	Why:  "EKS compares with the ARN of the role or user itself, without wildcards, so the entry matches nobody",
	Bad:  strings.Replace(goodNodesAndCI, "arn:aws:iam::111122223333:role/ci", "arn:aws:sts::111122223333:assumed-role/ci/build-7", 1), Good: goodNodesAndCI,
	Entry: arnFaultsOf("AA202"),
}

func (w written) wrong(what, why, fix string) (rule.Finding, bool) {
	return rule.Finding{Message: phrase.Quote(w.text) + " " + what, Why: why, Fix: fix}, true
}

// wrongKind finds the ARNs that match nobody, whatever else is in them.
func wrongKind(w written) (rule.Finding, bool) {
	const nobody = "and EKS compares with the ARN of the role or user itself, so this entry matches nobody"
	a := w.arn
	switch a.Kind {
	case awsauth.KindAssumedRole:
		return w.wrong("is a session of a role", "and EKS compares with the role, so this entry matches nobody", "write "+phrase.Bare(a.RoleARN(a.Name)))
	case awsauth.KindInstanceProfile:
		return w.wrong("is an instance profile", nobody, "write the ARN of the role in it (often of the same name: "+phrase.Bare(a.RoleARN(a.Name))+")")
	case awsauth.KindGroup:
		return w.wrong("is an IAM group", "and groups do not call anything, so this entry matches nobody", "map the users in it, or a role that they assume")
	case awsauth.KindPolicy:
		return w.wrong("is a policy", nobody, "write the ARN of a role or user")
	case awsauth.KindOther:
		switch {
		case strings.EqualFold(a.Service, "iam") && a.Resource == "*":
			return w.wrong("is a wildcard", "and EKS knows no wildcards, so this entry matches nobody", "map every role by itself, or the account in mapAccounts")
		case strings.EqualFold(a.Service, "sts"):
			return w.wrong("is not how STS or IAM names a principal", nobody,
				"write arn:"+phrase.Bare(a.Partition)+":iam::"+phrase.Bare(a.Account)+":role/NAME")
		case !strings.EqualFold(a.Service, "iam"):
			return w.wrong("is an ARN of the service "+phrase.Quote(a.Service), nobody, "write the ARN of a role or user")
		}
	case awsauth.KindRole, awsauth.KindUser:
		if strings.ContainsAny(a.Name+a.Path, "*?") {
			return w.wrong("has a wildcard", "and EKS knows no wildcards, so this entry matches nobody", "map every "+a.Kind.String()+" by itself")
		}
	}
	return rule.Finding{}, false
}

// unintendedKind finds what works, but is nobody's intent.
func unintendedKind(w written) (rule.Finding, bool) {
	warn := func(what, why, fix string) (rule.Finding, bool) {
		f, _ := w.wrong(what, why, fix)
		f.Severity, f.Subject = rule.Warning, "works"
		return f, true
	}
	kind, key := w.arn.Kind, w.entry.DataKey
	switch {
	case kind == awsauth.KindRoot:
		return warn("is the root user alone", "and not, as in a trust policy, the whole account", "map the role that people assume")
	case kind == awsauth.KindFederatedUser:
		return warn("is a federated user", "and it exists only as long as its session", "map the role that people assume")
	case kind == awsauth.KindRole && key == awsauth.MapUsers:
		return warn("is a role under mapUsers", "and it works there, but nobody looks for it", "move it to mapRoles, with rolearn")
	case kind == awsauth.KindUser && key == awsauth.MapRoles:
		return warn("is a user under mapRoles", "and it works there, but nobody looks for it", "move it to mapUsers, with userarn")
	}
	return rule.Finding{}, false
}
