package principal

import (
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// The keys under which the authenticator passes a caller's IAM identity on (aws-iam-authenticator pkg/server,
// extra fields of the token review). EKS's own build may leave some out.
const (
	extraARN          = "arn"
	extraCanonicalARN = "canonicalArn"
	extraSessionName  = "sessionName"
	extraAccessKeyID  = "accessKeyId"
)

func extra(user authenticationv1.UserInfo, key string) string {
	for k, v := range user.Extra {
		if strings.EqualFold(k, key) && len(v) > 0 {
			return v[0]
		}
	}
	return ""
}

// CallerARN is the canonical ARN by which a user authenticated, or "".
func CallerARN(user authenticationv1.UserInfo) string {
	if arn := extra(user, extraCanonicalARN); arn != "" {
		return arn
	}
	if a, err := awsauth.ParseARN(extra(user, extraARN)); err == nil {
		return a.Canonical()
	}
	return ""
}

// Caller is a user who authenticated by IAM, as far as the token review says.
type Caller struct {
	Username string
	Groups   []string
	// ARN is the canonical one, "" if it is not known.
	ARN string
	// rendering is what templates are rendered with; known is false if there is a session name that is not known.
	rendering awsauth.Caller
	known     bool
}

// CallerOf is what is known of a user.
func CallerOf(user authenticationv1.UserInfo) Caller {
	c := Caller{Username: user.Username, Groups: user.Groups, ARN: CallerARN(user)}
	canonical, err := awsauth.ParseARN(c.ARN)
	if err != nil {
		return c
	}
	c.rendering = awsauth.Caller{Account: canonical.Account,
		Session: extra(user, extraSessionName), AccessKeyID: extra(user, extraAccessKeyID)}
	if came, err := awsauth.ParseARN(extra(user, extraARN)); err == nil && c.rendering.Session == "" {
		c.rendering.Session = came.Session
	}
	c.known = c.rendering.Session != "" || canonical.Sessionless()
	return c
}

// Account is the caller's, "" if it is not known.
func (c Caller) Account() string { return c.rendering.Account }

// Rendered is a mapping as EKS renders it for the caller, as far as that is known.
func (c Caller) Rendered(id awsauth.Identity) (username string, groups []string) {
	fill := func(s string) string {
		if name, ok := c.rendering.Render(s); ok && c.known {
			return name
		}
		return s
	}
	for _, g := range id.Groups {
		groups = append(groups, fill(g))
	}
	return fill(id.Username), groups
}

// AdmittedBy reports that the caller can authenticate by a mapping.
func (c Caller) AdmittedBy(id awsauth.Identity) bool { return id.Admits(c.rendering) }

// CameInBy reports that the caller's username or groups are those of the mapping: an access entry for the same ARN
// wins over aws-auth, and then nothing is lost.
func (c Caller) CameInBy(id awsauth.Identity) bool {
	if c.known && !c.AdmittedBy(id) {
		return false
	}
	if username, sure := c.becomes(id.Username); sure && username == c.Username || c.known && !sure {
		return true
	}
	for _, g := range id.Groups {
		if name, sure := c.becomes(g); sure && !slices.Contains(c.Groups, name) {
			return false
		}
	}
	return len(id.Groups) > 0
}

// becomes is what a template becomes for the caller; sure is false if that is not known.
func (c Caller) becomes(template string) (name string, sure bool) {
	name, ok := c.rendering.Render(template)
	if !c.known && strings.Contains(template, "{{") || !ok ||
		strings.Contains(name, awsauth.AccessKeyID) || strings.Contains(name, awsauth.EC2PrivateDNSName) {
		return "", false
	}
	return name, true
}
