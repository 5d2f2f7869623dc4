package awsauth

import (
	"slices"
	"strings"
)

// Identity is what a mapping makes of a principal. Username and groups are templates, as written.
type Identity struct {
	// Canonical is the ARN that EKS compares with, as the entry writes it.
	Canonical string
	Username  string
	Groups    []string
	Entry     *Entry
}

// Identity is what the entry would make of its principal.
func (e *Entry) Identity() Identity {
	return Identity{Canonical: e.ARN.Value, Username: e.Username.Value, Groups: e.GroupNames(), Entry: e}
}

// Has reports that the identity has a group, literally.
func (i Identity) Has(group string) bool { return slices.Contains(i.Groups, group) }

// Sessions says which sessions of its principal can authenticate through an identity. EKS renders the username and every
// group, and denies the caller if one of them cannot be rendered (aws-iam-authenticator pkg/server, renderTemplates).
type Sessions int

// The answers, each fewer than the one before.
const (
	AnySession      Sessions = iota
	InstanceSession          // one that is named for an EC2 instance that EC2 knows: {{EC2PrivateDNSName}} is asked for
	NoSession                // none, since the principal has no session name and {{EC2PrivateDNSName}} is asked for
)

// Sessions says who can authenticate through the identity.
func (i Identity) Sessions() Sessions {
	if i.Entry != nil && !i.Entry.Templated() {
		return AnySession
	}
	asks := func(s string) bool { return strings.Contains(s, EC2PrivateDNSName) }
	if !asks(i.Username) && !slices.ContainsFunc(i.Groups, asks) {
		return AnySession
	}
	if a, err := ParseARN(i.Canonical); err == nil && a.Sessionless() {
		return NoSession
	}
	return InstanceSession
}

// Admits reports that the caller can authenticate through the identity.
func (i Identity) Admits(c Caller) bool {
	switch i.Sessions() {
	case AnySession:
		return true
	case InstanceSession:
		return c.OnInstance()
	case NoSession:
	}
	return false
}
