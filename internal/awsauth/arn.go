package awsauth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is what an ARN names.
type Kind int

// The kinds of principal and near-principal that people write into aws-auth.
const (
	KindOther           Kind = iota // an ARN of something else: a bucket, a cluster, ...
	KindRole                        // arn:P:iam::ACCT:role/[PATH/]NAME
	KindUser                        // arn:P:iam::ACCT:user/[PATH/]NAME
	KindRoot                        // arn:P:iam::ACCT:root
	KindFederatedUser               // arn:P:sts::ACCT:federated-user/NAME
	KindAssumedRole                 // arn:P:sts::ACCT:assumed-role/NAME/SESSION
	KindInstanceProfile             // arn:P:iam::ACCT:instance-profile/[PATH/]NAME
	KindGroup                       // arn:P:iam::ACCT:group/[PATH/]NAME
	KindPolicy                      // arn:P:iam::ACCT:policy/[PATH/]NAME
)

func (k Kind) String() string {
	switch k {
	case KindRole:
		return "role"
	case KindUser:
		return "user"
	case KindRoot:
		return "root user"
	case KindFederatedUser:
		return "federated user"
	case KindAssumedRole:
		return "assumed role"
	case KindInstanceProfile:
		return "instance profile"
	case KindGroup:
		return "IAM group"
	case KindPolicy:
		return "policy"
	default:
		return "resource"
	}
}

// The name of a role of IAM Identity Center begins with SSOPrefix, and its path in IAM with SSOPath (IAM Identity Center user
// guide, "Referencing permission sets in resource policies, Amazon EKS Cluster config maps").
const (
	SSOPrefix = "AWSReservedSSO_"
	SSOPath   = "/aws-reserved/sso.amazonaws.com/"
)

// HasSSOPrefix reports that a name begins with SSOPrefix, in whatever letter case.
func HasSSOPrefix(name string) bool {
	return len(name) >= len(SSOPrefix) && strings.EqualFold(name[:len(SSOPrefix)], SSOPrefix)
}

// Partitions are the AWS partitions the authenticator knows
// (aws-iam-authenticator pkg/endpoints; an ARN of any other never matches).
var Partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"}

// ARN is an Amazon Resource Name taken apart. Letter case is kept as written:
// EKS compares ARNs without regard to it.
type ARN struct {
	Partition string
	Service   string
	Region    string
	Account   string
	Resource  string // all that follows the fifth colon

	Kind    Kind
	Path    string // "/" or "/team/sub/"; for roles, users, groups, policies and instance profiles
	Name    string // the last part, without the path
	Session string // the session of an assumed role
}

// ParseARN takes s apart. It fails only if s has not the six parts of an ARN;
// whether the parts are any good is the rules' to say.
func ParseARN(s string) (ARN, error) {
	var parts [5]string
	resource := s
	for i := range parts {
		part, rest, found := strings.Cut(resource, ":")
		if !found {
			return ARN{}, notARN(s)
		}
		parts[i], resource = part, rest
	}
	if !strings.EqualFold(parts[0], "arn") {
		return ARN{}, notARN(s)
	}
	a := ARN{Partition: parts[1], Service: parts[2], Region: parts[3], Account: parts[4], Resource: resource}
	head, rest, slash := strings.Cut(a.Resource, "/")
	head = Key(head)
	switch Key(a.Service) {
	case "iam":
		switch {
		case head == "root" && !slash:
			a.Kind = KindRoot
			a.Name = a.Resource
			return a, nil
		case head == "role" && slash:
			a.Kind = KindRole
		case head == "user" && slash:
			a.Kind = KindUser
		case head == "instance-profile" && slash:
			a.Kind = KindInstanceProfile
		case head == "group" && slash:
			a.Kind = KindGroup
		case head == "policy" && slash:
			a.Kind = KindPolicy
		default:
			return a, nil
		}
		a.Path, a.Name = "/", rest
		if i := strings.LastIndexByte(rest, '/'); i >= 0 {
			a.Path, a.Name = "/"+rest[:i+1], rest[i+1:]
		}
	case "sts":
		switch {
		case head == "assumed-role" && slash:
			a.Kind = KindAssumedRole
			a.Name, a.Session, _ = strings.Cut(rest, "/")
		case head == "federated-user" && slash:
			a.Kind = KindFederatedUser
			a.Name = rest
		}
	}
	return a, nil
}

// notARN is the error for a text that is no ARN. Most callers only ask whether there is one.
type notARN string

func (s notARN) Error() string {
	return fmt.Sprintf("%q is not an ARN: want arn:PARTITION:iam::ACCOUNT:role/NAME or arn:PARTITION:iam::ACCOUNT:user/NAME", string(s))
}

// String puts the ARN together again, as it was written.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// RoleARN is the path-less ARN of the role called name in a's account: what EKS
// compares a session of that role with (aws-iam-authenticator pkg/arn, Canonicalize).
func (a ARN) RoleARN(name string) string {
	return "arn:" + a.Partition + ":iam::" + a.Account + ":role/" + name
}

// Canonical is the ARN that EKS would see if the principal that a means called: a role
// without its path, an assumed role as its role, everything else as written.
func (a ARN) Canonical() string {
	switch a.Kind {
	case KindRole, KindAssumedRole:
		return a.RoleARN(a.Name)
	default:
		return a.String()
	}
}

// Matchable reports whether any caller's canonical ARN can equal a: roles without a path,
// users, the root user and federated users (facts: "How a ConfigMap becomes access", 4 and 5).
func (a ARN) Matchable() bool {
	switch a.Kind {
	case KindRole:
		return a.Path == "/" && a.Name != "" && a.Name != "*"
	case KindUser, KindFederatedUser:
		return a.Name != "" && a.Name != "*"
	case KindRoot:
		return true
	default:
		return false
	}
}

// Sessionless reports that callers with such an ARN have no session name (aws-iam-authenticator pkg/token,
// getIdentityFromSTSResponse).
func (a ARN) Sessionless() bool {
	return a.Kind == KindUser || a.Kind == KindRoot || a.Kind == KindFederatedUser
}

// Key is the form under which EKS finds an ARN: it compares with strings.EqualFold, which takes the long s (U+017F) for
// an s and the Kelvin sign (U+212A) for a k, but the I with a dot (U+0130) for no i.
func Key(arn string) string {
	if strings.IndexFunc(arn, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return strings.ToLower(arn)
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '\u017f':
			return 's'
		case dottedI:
			return r
		}
		return unicode.ToLower(r)
	}, arn)
}

// dottedI is the only character that is lower-cased to an ASCII letter and not equal to it.
const dottedI = '\u0130'
