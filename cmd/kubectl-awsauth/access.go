package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func newAccess() *cobra.Command {
	o := newViewOptions()
	cmd := &cobra.Command{
		Use:   "access [-f FILE]",
		Short: "List who gets into the cluster, as what, by which line, and how privileged",
		Long: `List who gets into the cluster by aws-auth: every principal that EKS would let in, as which username and groups, by
which line, and whether that is as good as system:masters, by the groups of the policy or by the cluster's RBAC.

With --policy it says of every such right whether it is approved, and of every approval and waiver whether it is still
used, has expired or soon will.

Entries that match nobody are not listed: 'kubectl awsauth check' finds them.`,
		Example: `  # the cluster's own
  kubectl awsauth access --policy policy.yaml

  # a manifest, with the RBAC that a file holds
  kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml > rbac.yaml
  kubectl awsauth access -f aws-auth.yaml --rbac rbac.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := o.open(cmd, &inputs{stdin: cmd.InOrStdin()}, o.file)
			if err != nil {
				return err
			}
			list := v.list()
			if o.output.value == "json" {
				return writeJSON(cmd.OutOrStdout(), list)
			}
			return list.write(cmd.OutOrStdout())
		},
	}
	o.fileFlag(cmd)
	o.flags(cmd)
	return cmd
}

// accessList is the answer, in the form that scripts read.
type accessList struct {
	Principals  []accessEntry      `json:"principals"`
	Accounts    []accountEntry     `json:"accounts"`
	Permissions []permissionRecord `json:"permissions"`
}

type accessEntry struct {
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
}

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

type accountEntry struct {
	Account string `json:"account"`
	Place   string `json:"place"`
}

type permissionRecord struct {
	Kind    string   `json:"kind"`
	What    string   `json:"what"`
	Line    int      `json:"line"`
	State   string   `json:"state"`
	Expires string   `json:"expires,omitempty"`
	Used    []string `json:"used"`
}

func (v *view) list() *accessList {
	list := &accessList{Principals: []accessEntry{}, Accounts: []accountEntry{}, Permissions: []permissionRecord{}}
	for _, key := range v.access.Keys() {
		for _, id := range v.access.Principals[key] {
			list.Principals = append(list.Principals, v.entry(id))
		}
	}
	for _, t := range v.access.Accounts {
		list.Accounts = append(list.Accounts, accountEntry{t.Value, v.place(t.Place)})
	}
	slices.SortFunc(list.Accounts, func(a, b accountEntry) int { return cmp.Compare(a.Account, b.Account) })
	if v.approvals {
		for _, p := range v.validator.Review(v.object) {
			list.Permissions = append(list.Permissions, permissionRecord{p.Kind, p.What, p.Line, p.State(), day(p.Expires), append([]string{}, p.Used...)})
		}
	}
	return list
}

func (v *view) entry(id awsauth.Identity) accessEntry {
	e := accessEntry{Principal: id.Canonical, Username: id.Username, Groups: append([]string{}, id.Groups...), Privileged: "none",
		Sessions: map[awsauth.Sessions]string{awsauth.AnySession: "any", awsauth.InstanceSession: "instances", awsauth.NoSession: "none"}[id.Sessions()],
		Node:     id.Has("system:nodes"), Ways: []wayText{}}
	if id.Entry != nil {
		e.Place = v.place(id.Entry.Place)
	}
	for _, w := range v.validator.Ways(id) {
		e.Ways = append(e.Ways, v.way(w))
		switch {
		case w.Rule != "AA403":
			e.Privileged = "admin"
		case e.Privileged == "none":
			e.Privileged = "possible"
		}
	}
	return e
}

func (v *view) way(w validate.Way) wayText {
	t := wayText{Rule: w.Rule, Kind: "group", Name: w.Name, Becomes: w.Becomes, Session: w.Session, Evidence: w.Evidence}
	if w.Username {
		t.Kind = "username"
	}
	if !v.approvals {
		return t
	}
	t.Approval = map[policy.Standing]string{policy.None: "unapproved", policy.Expired: "expired", policy.Valid: "approved"}[w.Standing]
	if w.Standing != policy.None {
		t.By = &approvalText{w.Approval.Line, w.Approval.Reason, w.Approval.ApprovedBy, day(w.Approval.Expires)}
	}
	return t
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// mark is the word of the table for how privileged an entry is: the worst that is to be said of its approvals.
func (e accessEntry) mark() string {
	word := map[string]string{"none": "-", "admin": "admin", "possible": "can be admin"}[e.Privileged]
	if e.Node && e.Privileged == "none" {
		word = "node"
	}
	switch {
	case e.Sessions == "none":
		word = strings.TrimPrefix(word+", nobody can authenticate", "-, ")
	case e.Sessions == "instances" && !e.Node:
		word = strings.TrimPrefix(word+", EC2 instances alone", "-, ")
	}
	for _, worst := range []string{"unapproved", "expired"} {
		if slices.ContainsFunc(e.Ways, func(w wayText) bool { return w.Approval == worst }) {
			return word + ", " + worst
		}
	}
	if len(e.Ways) > 0 && e.Ways[0].Approval != "" {
		word += ", approved"
	}
	return word
}

func (w wayText) String() string {
	var b strings.Builder
	switch {
	case w.Becomes != "" && w.Rule == "AA403":
		fmt.Fprintf(&b, "%s %s can become %s", w.Kind, w.Name, w.Becomes)
		if w.Session != "" {
			fmt.Fprintf(&b, " with the session name %q", w.Session)
		}
	case w.Becomes != "":
		fmt.Fprintf(&b, "%s %s is %s", w.Kind, w.Name, w.Becomes)
	case !strings.Contains(w.Evidence, " -> "):
		fmt.Fprintf(&b, "%s %s", w.Kind, w.Name)
	}
	if w.Evidence != "" {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(w.Evidence)
	}
	if w.By != nil {
		fmt.Fprintf(&b, "; %s (policy line %d", w.Approval, w.By.Line)
		if w.By.Reason != "" {
			b.WriteString(": " + w.By.Reason)
		}
		if w.By.Expires != "" {
			b.WriteString(", until " + w.By.Expires)
		}
		b.WriteString(")")
	} else if w.Approval != "" {
		b.WriteString("; " + w.Approval)
	}
	return b.String()
}

func (l *accessList) write(out io.Writer) error {
	var b strings.Builder
	var rows [][]string
	for _, e := range l.Principals {
		rows = append(rows, []string{printable(e.Principal), printable(e.Username), printable(cmp.Or(strings.Join(e.Groups, ","), "-")), e.mark(), printable(e.Place)})
	}
	for _, a := range l.Accounts {
		rows = append(rows, []string{"account " + printable(a.Account), "its ARN", "-", "-", printable(a.Place)})
	}
	b.WriteString(table(textOptions(out).Width, []string{"PRINCIPAL", "USERNAME", "GROUPS", "PRIVILEGES", "LINE"}, rows))
	if why := slices.DeleteFunc(slices.Clone(l.Principals), func(e accessEntry) bool { return len(e.Ways) == 0 }); len(why) > 0 {
		b.WriteString("\nAs good as system:masters:\n")
		for _, e := range why {
			fmt.Fprintf(&b, "  %s\n", printable(e.Principal))
			for _, w := range e.Ways {
				fmt.Fprintf(&b, "    %s\n", printable(w.String()))
			}
		}
	}
	first := true
	for _, p := range l.Permissions {
		if p.State == "used" {
			continue
		}
		if first {
			b.WriteString("\nTo look at in the policy:\n")
			first = false
		}
		fmt.Fprintf(&b, "  line %d: %s of %s %s\n", p.Line, p.Kind, printable(p.What), p.say())
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// say is the state of an approval or waiver in words.
func (p permissionRecord) say() string {
	switch {
	case p.State == "expired" && len(p.Used) > 0:
		return fmt.Sprintf("expired on %s, and is needed by %s", p.Expires, printable(strings.Join(p.Used, ", ")))
	case p.State == "expired":
		return fmt.Sprintf("expired on %s, and nobody needs it", p.Expires)
	case p.State == "expiring":
		return "expires on " + p.Expires
	}
	return "is not used"
}
