package cli

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func newAccess() *cobra.Command {
	o := newViewOptions("text", "wide", "json", "yaml", "name")
	cmd := &cobra.Command{
		Use:        "access [-f FILE]",
		Short:      "List who can authenticate, as what, by which line, and how privileged",
		SuggestFor: []string{"list", "get", "ls", "show"},
		Long: `List who can authenticate to the cluster by aws-auth: every principal, with its
username and groups, the line that says so, and whether it is equivalent to
cluster-admin, by the groups of the policy or by the cluster's RBAC.

With --policy it also shows which of these rights are approved, and which
approvals and waivers are unused, have expired or expire soon.

-o wide has every column, one line for each principal; -o name has their ARNs.
Entries that match nobody are not listed: 'kubectl awsauth check' reports them.

Exit codes: 0 listed, 1 EKS cannot read part of aws-auth, 2 could not run.`,
		Example: `  # who can authenticate to the cluster
  kubectl awsauth access

  # a manifest, by the RBAC of the cluster
  kubectl awsauth access -f aws-auth.yaml --rbac live

  # every column, with approvals
  kubectl awsauth access --policy policy.yaml -o wide`,
		Args: fileNotArgument,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.access(cmd) },
	}
	o.fileFlag(cmd)
	o.flags(cmd)
	return cmd
}

func (o *viewOptions) access(cmd *cobra.Command) error {
	v, err := o.open(cmd, &input{stdin: cmd.InOrStdin()}, o.file)
	if err != nil {
		return err
	}
	list := v.list()
	list.Unreadable = v.unreadable(cmd.Context())
	if o.output.value == "name" { // which has no room for it
		v.noteUnreadable(cmd)
	}
	text := list.text
	if o.output.value == "wide" {
		text = list.wide
	}
	if err := printAnswer(cmd, o.output, list, text); err != nil {
		return err
	}
	if len(list.Unreadable) > 0 {
		return errNo
	}
	return nil
}

// accessList is the answer, in the form that scripts read.
type accessList struct {
	Principals  []principalRow     `json:"principals"`
	Accounts    []accountEntry     `json:"accounts"`
	Permissions []permissionRecord `json:"permissions"`
	// Unreadable are the values of which EKS reads nothing: whoever is in them is missing here.
	Unreadable []unreadableValue `json:"unreadable,omitempty"`
}

// names are the ARNs that can authenticate.
func (l *accessList) names() []string {
	var arns []string
	for _, p := range l.Principals {
		arns = append(arns, p.Principal)
	}
	return arns
}

// unreadableValue is a data key whose value EKS cannot read, and why.
type unreadableValue struct {
	Key     string `json:"key"`
	Place   string `json:"place"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// unreadable says of each value that EKS cannot read what is wrong, as the engine does.
func (v *view) unreadable(ctx context.Context) (values []unreadableValue) {
	if len(v.doc.Unreadable) == 0 {
		return nil
	}
	rep := v.validator.Validate(ctx, validate.Request{Operation: validate.Create, New: v.object})
	for _, key := range awsauth.Keys {
		if !v.doc.Unreadable[key] {
			continue
		}
		value := unreadableValue{Key: key, Place: key}
		i := slices.IndexFunc(rep.Findings, func(f validate.Finding) bool {
			return f.DataKey == key && f.Severity == validate.Error
		})
		if i >= 0 {
			f := rep.Findings[i]
			value.Place = v.place(awsauth.Place{DataKey: key, Line: f.Line, Column: f.Column})
			value.Message, value.Fix = f.Message, f.Fix
		}
		values = append(values, value)
	}
	return values
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
	list := &accessList{Principals: []principalRow{}, Accounts: []accountEntry{}, Permissions: []permissionRecord{}}
	for _, key := range v.access.Keys() {
		for _, id := range v.access.Principals[key] {
			list.Principals = append(list.Principals, v.row(id))
		}
	}
	for _, t := range v.access.Accounts {
		list.Accounts = append(list.Accounts, accountEntry{t.Value, v.place(t.Place)})
	}
	slices.SortFunc(list.Accounts, func(a, b accountEntry) int { return cmp.Compare(a.Account, b.Account) })
	if v.approvals {
		for _, p := range v.validator.Review(v.object) {
			list.Permissions = append(list.Permissions, permissionRecord{p.Kind, p.What, p.Line, p.State(),
				p.Expires.Day(), append([]string{}, p.Used...)})
		}
	}
	return list
}
