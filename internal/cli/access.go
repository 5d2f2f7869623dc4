package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

func newAccess() *cobra.Command {
	o := newViewOptions()
	cmd := &cobra.Command{
		Use:        "access [-f FILE]",
		Short:      "List who can authenticate, as what, by which line, and how privileged",
		SuggestFor: []string{"list", "get", "ls", "show"},
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
		Args: fileNotArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := o.open(cmd, &input{stdin: cmd.InOrStdin()}, o.file)
			if err != nil {
				return err
			}
			list := v.list()
			return printAnswer(cmd, o.output, list, list.text)
		},
	}
	o.fileFlag(cmd)
	o.flags(cmd)
	return cmd
}

// accessList is the answer, in the form that scripts read.
type accessList struct {
	Principals  []principalRow     `json:"principals"`
	Accounts    []accountEntry     `json:"accounts"`
	Permissions []permissionRecord `json:"permissions"`
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

func (l *accessList) text(width int) string {
	var rows [][]string
	for _, p := range l.Principals {
		rows = append(rows, []string{report.Visible(p.Principal), report.Visible(p.Username),
			report.Visible(cmp.Or(strings.Join(p.Groups, ","), "-")), p.mark(), report.Visible(p.Place)})
	}
	for _, a := range l.Accounts {
		rows = append(rows, []string{"account " + report.Visible(a.Account), "its ARN", "-", "-", report.Visible(a.Place)})
	}
	return table(width, []string{"PRINCIPAL", "USERNAME", "GROUPS", "PRIVILEGES", "LINE"}, rows) +
		l.privilegedText() + l.permissionsText()
}

// privilegedText says by what each privileged principal is.
func (l *accessList) privilegedText() string {
	var b strings.Builder
	for _, p := range l.Principals {
		if len(p.Ways) == 0 {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("\nAs good as system:masters:\n")
		}
		fmt.Fprintf(&b, "  %s\n", report.Visible(p.Principal))
		for _, w := range p.Ways {
			fmt.Fprintf(&b, "    %s\n", report.Visible(w.String()))
		}
	}
	return b.String()
}

// permissionsText is what to change in the policy.
func (l *accessList) permissionsText() string {
	var b strings.Builder
	for _, p := range l.Permissions {
		if p.State == "used" {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("\nTo look at in the policy:\n")
		}
		fmt.Fprintf(&b, "  line %d: %s of %s %s\n", p.Line, p.Kind, report.Visible(p.What), p.say())
	}
	return b.String()
}

// say is the state of an approval or waiver in words.
func (p permissionRecord) say() string {
	switch {
	case p.State == "expired" && len(p.Used) > 0:
		return fmt.Sprintf("expired on %s, and is needed by %s", p.Expires, report.Visible(strings.Join(p.Used, ", ")))
	case p.State == "expired":
		return fmt.Sprintf("expired on %s, and nobody needs it", p.Expires)
	case p.State == "expiring":
		return "expires on " + p.Expires
	}
	return "is not used"
}
