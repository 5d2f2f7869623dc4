package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

func newWhois() *cobra.Command {
	o := newViewOptions()
	cmd := &cobra.Command{
		Use:        "whois ARN [-f FILE]",
		Short:      "Show what an ARN is in the cluster",
		SuggestFor: []string{"whoami", "who-am-i", "who", "who-can"},
		Long: `Say what an ARN would be in the cluster by aws-auth: which entry EKS matches it with, as which username and groups it
gets in, and whether that is as good as system:masters.

ARN is a role, a user, or a session of a role as 'aws sts get-caller-identity' prints it
(arn:aws:sts::111122223333:assumed-role/NAME/SESSION); the session's name fills the templates. A session cannot authenticate if
EKS cannot render the username or one of the groups for it: {{EC2PrivateDNSName}} is only for EC2 instances.

Exit codes: 0 it can authenticate, 1 it cannot, 2 could not run.`,
		Example: `  kubectl awsauth whois "$(aws sts get-caller-identity --query Arn --output text)"
  kubectl awsauth whois arn:aws:iam::111122223333:role/admin -f aws-auth.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want one ARN, such as arn:aws:iam::111122223333:role/admin")
			}
			return nil
		},
		ValidArgsFunction: o.principals,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.whois(cmd, args[0]) },
	}
	o.fileFlag(cmd)
	o.flags(cmd)
	return cmd
}

func (o *viewOptions) whois(cmd *cobra.Command, arn string) error {
	a, err := awsauth.ParseARN(strings.TrimSpace(arn))
	if err != nil {
		return usageError{err}
	}
	canonical, err := awsauth.ParseARN(a.Canonical())
	if err != nil || !canonical.Matchable() {
		return usagef("%q names a kind of resource (%s) that no caller is, want a role, a user or a session of a role",
			arn, a.Kind)
	}
	v, err := o.open(cmd, &input{stdin: cmd.InOrStdin()}, o.file)
	if err != nil {
		return err
	}
	answer := v.whois(a)
	if err := printAnswer(cmd, o.output, answer, answer.text); err != nil {
		return err
	}
	if len(answer.Identities) == 0 {
		return errNo
	}
	return nil
}

// identity is the answer: more than one only where EKS picks at random.
type identity struct {
	ARN        string         `json:"arn"`
	Canonical  string         `json:"canonical"` // what EKS compares with
	Session    string         `json:"session,omitempty"`
	Identities []principalRow `json:"identities"`
	// Refused are entries that match it, and of which EKS cannot render the username or a group for it.
	Refused []refusal `json:"refused,omitempty"`
	// Near are entries that may have been meant for it, and match it not.
	Near []nearEntry `json:"near,omitempty"`
}

type refusal struct {
	Place string `json:"place"`
	// Template is what cannot be rendered.
	Template string `json:"template"`
}

type nearEntry struct {
	ARN   string `json:"arn"`
	Place string `json:"place"`
}

func (v *view) whois(a awsauth.ARN) *identity {
	answer := &identity{ARN: a.String(), Canonical: a.Canonical(), Session: a.Session, Identities: []principalRow{}}
	matching := v.access.Lookup(answer.Canonical)
	for _, id := range matching {
		full, ok := rendered(id, a)
		if !ok {
			answer.Refused = append(answer.Refused, refusal{v.place(id.Entry.Place), instanceTemplate(id)})
			continue
		}
		answer.Identities = append(answer.Identities, v.row(full))
	}
	// EKS does not look at mapAccounts where it has an entry, even one that it cannot render.
	if t, ok := v.access.Accounts[a.Account]; ok && len(matching) == 0 {
		e := v.row(awsauth.Identity{Canonical: answer.Canonical, Username: answer.Canonical})
		e.Place = v.place(t.Place)
		answer.Identities = append(answer.Identities, e)
	}
	if len(matching) == 0 && len(answer.Identities) == 0 {
		answer.Near = v.near(a)
	}
	return answer
}

// near are the entries whose ARN ends in the same name.
func (v *view) near(a awsauth.ARN) (near []nearEntry) {
	for _, e := range v.doc.Entries() {
		n, err := awsauth.ParseARN(strings.TrimSpace(e.ARN.Value))
		if err == nil && n.Name != "" && strings.EqualFold(n.Name, a.Name) {
			near = append(near, nearEntry{e.ARN.Value, v.place(e.ARN.Place)})
		}
	}
	return near
}

// rendered fills the templates of an identity, as far as the ARN tells; ok is false if EKS refuses the caller. Of a
// role without a session the ARN tells only who can authenticate at all.
func rendered(id awsauth.Identity, a awsauth.ARN) (full awsauth.Identity, ok bool) {
	c := awsauth.Caller{Account: a.Account, Session: a.Session}
	asked := a.Kind == awsauth.KindAssumedRole || id.Sessions() == awsauth.NoSession
	if asked && !id.Admits(c) {
		return awsauth.Identity{}, false
	}
	fill := func(s string) string {
		named := strings.Contains(s, awsauth.SessionName) || strings.Contains(s, awsauth.SessionNameRaw)
		if named && a.Kind == awsauth.KindRole {
			return s
		}
		if full, ok := c.Render(s); ok {
			return full
		}
		return s
	}
	id.Username = fill(id.Username)
	id.Groups = slices.Clone(id.Groups)
	for i, g := range id.Groups {
		id.Groups[i] = fill(g)
	}
	return id, true
}

// instanceTemplate is the username or group that EKS renders for EC2 instances alone.
func instanceTemplate(id awsauth.Identity) string {
	for _, s := range append([]string{id.Username}, id.Groups...) {
		if strings.Contains(s, awsauth.EC2PrivateDNSName) {
			return s
		}
	}
	return ""
}

func (i *identity) text(int) string {
	var b strings.Builder
	b.WriteString(report.Visible(i.ARN) + "\n")
	if i.Canonical != i.ARN {
		fmt.Fprintf(&b, "EKS compares with %s\n", report.Visible(i.Canonical))
	}
	for _, r := range i.Refused {
		fmt.Fprintf(&b, "EKS cannot render %q (%s) for it: it is not an EC2 instance\n", r.Template, r.Place)
	}
	switch {
	case len(i.Identities) == 0:
		b.WriteString("cannot authenticate by aws-auth\n")
	case len(i.Identities)+len(i.Refused) > 1:
		b.WriteString("several entries match it, and EKS picks one at random:\n")
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, e := range i.Identities {
		fmt.Fprintf(t, "username\t%s\n", report.Visible(e.Username))
		fmt.Fprintf(t, "groups\t%s\n", report.Visible(strings.Join(withEverybody(e.Groups), ", ")))
		fmt.Fprintf(t, "by\t%s\n", report.Visible(e.Place))
		for _, w := range e.Ways {
			fmt.Fprintf(t, "as good as system:masters\t%s\n", report.Visible(w.String()))
		}
	}
	_ = t.Flush() // into memory
	for _, n := range i.Near {
		fmt.Fprintf(&b, "near: %s (%s)\n", report.Visible(n.ARN), report.Visible(n.Place))
	}
	return b.String()
}

// withEverybody are the groups with those that the API server adds: everybody who has authenticated is in
// system:authenticated, but for whoever is in system:unauthenticated (k8s.io/apiserver pkg/authentication/group).
func withEverybody(groups []string) []string {
	const authenticated, unauthenticated = "system:authenticated", "system:unauthenticated"
	if slices.Contains(groups, authenticated) || slices.Contains(groups, unauthenticated) {
		return groups
	}
	return append(slices.Clone(groups), authenticated)
}
