package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// principalRow is what EKS makes of one principal.
type principalRow struct {
	Principal string   `json:"principal"`
	Username  string   `json:"username"`
	Groups    []string `json:"groups"`
	// Place is file:line, or key:line for the object in the cluster.
	Place string `json:"place"`
	// Privileged: none, admin, or possible if a template can become it.
	Privileged string `json:"privileged"`
	// Sessions: any, instances if EKS refuses whoever is no EC2 instance, or none.
	Sessions string    `json:"sessions,omitempty"`
	Node     bool      `json:"node"`
	Ways     []wayText `json:"ways"`
	// Unbound are the groups that no RBAC binding is made for, as far as RBAC was read. NoRights says that none is made
	// for the others or the username either.
	Unbound  []string `json:"unboundGroups,omitempty"`
	NoRights bool     `json:"noRights,omitempty"`
}

// wayText is one way of being equivalent to cluster-admin.
type wayText struct {
	Rule     string `json:"rule"`
	Kind     string `json:"kind"` // group or username
	Name     string `json:"name"`
	Becomes  string `json:"becomes,omitempty"`
	Session  string `json:"session,omitempty"`
	Evidence string `json:"evidence"`
	// Approval: approved, expired or unapproved; empty without a policy.
	Approval string        `json:"approval,omitempty"`
	By       *approvalText `json:"by,omitempty"`
}

type approvalText struct {
	Line       int    `json:"line"`
	Reason     string `json:"reason"`
	ApprovedBy string `json:"approvedBy,omitempty"`
	Expires    string `json:"expires,omitempty"`
}

var sessionWords = map[awsauth.Sessions]string{
	awsauth.AnySession:      "any",
	awsauth.InstanceSession: "instances",
	awsauth.NoSession:       "none",
}

func (v *view) row(id awsauth.Identity) principalRow {
	row := principalRow{Principal: id.Canonical, Username: id.Username, Groups: append([]string{}, id.Groups...),
		Privileged: "none", Sessions: sessionWords[id.Sessions()], Node: id.Has("system:nodes"), Ways: []wayText{}}
	if id.Entry != nil {
		row.Place = v.place(id.Entry.Place)
	}
	row.Unbound, row.NoRights = v.unbound(id)
	for _, w := range v.validator.Ways(id) {
		row.Ways = append(row.Ways, v.way(w))
		switch {
		case w.Rule != "AA403":
			row.Privileged = "admin"
		case row.Privileged == "none":
			row.Privileged = "possible"
		}
	}
	return row
}

// unbound are the groups that allow nothing. What a template becomes is not known here, and a node has its rights from
// the node authorizer.
func (v *view) unbound(id awsauth.Identity) (groups []string, none bool) {
	known := func(s string) bool { return !strings.Contains(s, "{{") }
	if id.Has("system:nodes") {
		return nil, false
	}
	for _, g := range id.Groups {
		if known(g) && v.subjects.UnboundGroup(g) {
			groups = append(groups, g)
		}
	}
	return groups, len(groups) == len(id.Groups) && known(id.Username) && v.subjects.UnboundUsername(id.Username)
}

// unboundNames are the names that no binding is made for, in words; "" if there are none or RBAC was not read.
func (p principalRow) unboundNames() string {
	var names []string
	switch len(p.Unbound) {
	case 0:
	case 1:
		names = append(names, "group "+p.Unbound[0])
	default:
		names = append(names, "groups "+atMostFive(p.Unbound))
	}
	if !p.NoRights {
		return strings.Join(names, "")
	}
	return strings.Join(append(names, "username "+p.Username), " or ") + ": can authenticate, but may do nothing"
}

var approvalWords = map[policy.Standing]string{
	policy.None:    "unapproved",
	policy.Expired: "expired",
	policy.Valid:   "approved",
}

func (v *view) way(w validate.Way) wayText {
	t := wayText{Rule: w.Rule, Kind: "group", Name: w.Name, Becomes: w.Becomes, Session: w.Session,
		Evidence: w.Evidence}
	if w.Username {
		t.Kind = "username"
	}
	if !v.approvals {
		return t
	}
	t.Approval = approvalWords[w.Standing]
	if w.Standing != policy.None {
		t.By = &approvalText{w.Approval.Line, w.Approval.Reason, w.Approval.ApprovedBy, w.Approval.Expires.Day()}
	}
	return t
}

// mark is the word of the table for how privileged a principal is: the worst that is to be said of its approvals.
func (p principalRow) mark() string {
	word := map[string]string{"none": "-", "admin": "admin", "possible": "can be admin"}[p.Privileged]
	if p.Node && p.Privileged == "none" {
		word = "node"
	}
	switch {
	case p.Sessions == "none":
		word = strings.TrimPrefix(word+", nobody can authenticate", "-, ")
	case p.Sessions == "instances" && !p.Node:
		word = strings.TrimPrefix(word+", EC2 instances alone", "-, ")
	}
	for _, approval := range []string{"unapproved", "expired", "approved"} {
		if slices.ContainsFunc(p.Ways, func(w wayText) bool { return w.Approval == approval }) {
			return word + ", " + approval
		}
	}
	return word
}

func (w wayText) String() string {
	s := w.right()
	if s != "" && w.Evidence != "" {
		s += ": "
	}
	s += w.Evidence
	switch {
	case w.By != nil:
		s += "; " + w.Approval + w.By.where()
	case w.Approval != "":
		s += "; " + w.Approval
	}
	return s
}

// right is the group or username and what it becomes; empty where the evidence begins with it.
func (w wayText) right() string {
	name := w.Kind + " " + w.Name
	switch {
	case w.Becomes != "" && w.Rule == "AA403" && w.Session != "":
		return fmt.Sprintf("%s can become %s with the session name %q", name, w.Becomes, w.Session)
	case w.Becomes != "" && w.Rule == "AA403":
		return name + " can become " + w.Becomes
	case w.Becomes != "":
		return name + " is " + w.Becomes
	case strings.Contains(w.Evidence, " -> "):
		return ""
	}
	return name
}

func (a approvalText) where() string {
	s := fmt.Sprintf(" (policy line %d", a.Line)
	if a.Reason != "" {
		s += ": " + a.Reason
	}
	if a.Expires != "" {
		s += ", until " + a.Expires
	}
	return s + ")"
}
