package validate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var identityFamily = family{
	entry: checkIdentity,
	rules: []Rule{
		{ID: "AA404", Name: "reserved-username", Severity: Error,
			What: "a username that begins with system:, eks:, aws:, amazon: or iam: and is not the template of a node; a warning for aws: and an account id",
			Why:  "these names belong to Kubernetes and EKS: whoever has system:kube-controller-manager or eks:node-manager is taken for it, by RBAC and by this guard",
			Bad:  strings.Replace(goodNodesAndCI, "username: ci", "username: eks:node-manager", 1), Good: goodNodesAndCI},
		{ID: "AA405", Name: "node-identity-misuse", Severity: Error,
			What: "system:nodes, system:bootstrappers or a system:node: username on a user, or on a role that people assume",
			Why:  "a node's identity may read the secrets of every pod on that node; whoever is no node gets them with it",
			Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "[deployers, system:nodes]", 1), Good: goodNodesAndCI},
	},
}

const nodePrefix = "system:node:"

// reservedPrefixes are what the authenticator and EKS keep for themselves (Amazon EKS user guide, access entries,
// "username": system:, eks:, aws:, amazon:, iam:).
var reservedPrefixes = []string{"system:", "eks:", "aws:", "amazon:", "iam:"}

func reservedPrefix(username string) string {
	for _, r := range reservedPrefixes {
		if strings.HasPrefix(username, r) {
			return r
		}
	}
	return ""
}

// nodeUsername reports the username templates under which nodes sign in.
func nodeUsername(username string) bool {
	switch strings.TrimPrefix(username, nodePrefix) {
	case awsauth.EC2PrivateDNSName, awsauth.SessionName, awsauth.SessionNameRaw:
		return strings.HasPrefix(username, nodePrefix)
	}
	return false
}

// accountUsername is a username such as aws:{{AccountID}}:instance:{{SessionName}}, which aws-iam-authenticator's own documentation
// shows. No component of Kubernetes or EKS has such a name; RBAC is asked about it as about any other.
var accountUsername = regexp.MustCompile(`^aws:(?:\{\{AccountID\}\}|[0-9]{12}):`)

func checkIdentity(p *pass, e *awsauth.Entry) {
	username := e.Username.Value
	node := nodeUsername(username)
	if r := reservedPrefix(username); r != "" && !node {
		f := Finding{Field: e.Path("username"), DataKey: e.DataKey, Line: e.Username.Line, Column: e.Username.Column, Value: redact(username),
			entry: e.Subject(), subject: username,
			Message: fmt.Sprintf("%s begins with %s", q(username), r), Why: "and that prefix belongs to Kubernetes and EKS: whoever has such a name is taken for one of them",
			Fix: "write another name, for example " + bare(clip(strings.TrimLeft(strings.TrimPrefix(username, r), ":")))}
		if strings.HasPrefix(username, nodePrefix) {
			f.Fix = "write " + nodePrefix + awsauth.EC2PrivateDNSName + " for EC2 nodes, " + nodePrefix + awsauth.SessionName + " for Fargate and hybrid nodes"
		} else if strings.TrimLeft(strings.TrimPrefix(username, r), ":") == "" {
			f.Fix = "write another name"
		} else if accountUsername.MatchString(username) {
			f.Severity = Warning
			f.Why = "and EKS reserves that prefix, although no name of EKS or Kubernetes has an account id after it"
		}
		p.report("AA404", f)
	}
	p.nodeMisuse(e, node)
}

// nodeMisuse finds node identities in the wrong hands.
func (p *pass) nodeMisuse(e *awsauth.Entry, node bool) {
	at, field := e.Username, "username"
	index := slices.IndexFunc(e.Groups, func(g awsauth.Text) bool { return g.Value == groupNodes || g.Value == groupBootstrappers })
	if index >= 0 {
		at, field = e.Groups[index], fmt.Sprintf("groups[%d]", index)
	}
	claims := strings.HasPrefix(e.Username.Value, nodePrefix)
	if index < 0 && !claims {
		return
	}
	a, err := awsauth.ParseARN(strings.TrimSpace(e.ARN.Value))
	if err != nil {
		return
	}
	f := Finding{Field: e.Path(field), DataKey: e.DataKey, Line: at.Line, Column: at.Column, Value: redact(at.Value),
		entry: e.Subject(), subject: "node identity", Why: "and a node's identity may read the secrets of every pod on that node"}
	switch {
	case a.Kind == awsauth.KindUser || a.Kind == awsauth.KindRoot || a.Kind == awsauth.KindFederatedUser:
		f.Message, f.Fix = fmt.Sprintf("%s is given to %s, and no node signs in as one", q(at.Value), withArticle(a.Kind)), "give the user a name and groups of its own"
	case awsauth.HasSSOPrefix(a.Name):
		f.Message, f.Fix = q(at.Value)+" is given to an IAM Identity Center (SSO) role, which people assume", "map the role that the nodes use, and give people groups of their own"
	case !claims && !node:
		f.Message = fmt.Sprintf("%s is given to a role whose username %s is no node's", q(at.Value), q(e.Username.Value))
		f.Fix = "leave the group out, or, if nodes use the role, write username: " + nodePrefix + awsauth.EC2PrivateDNSName
	default:
		return
	}
	p.report("AA405", f)
}

func withArticle(k awsauth.Kind) string {
	if k == awsauth.KindRoot {
		return "the root user"
	}
	return "a " + k.String()
}
