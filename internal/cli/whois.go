package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

func newWhois() *cobra.Command {
	o := newViewOptions("text", "json", "yaml", "name")
	cmd := &cobra.Command{
		Use:        "whois ARN [-f FILE]",
		Short:      "Show what an ARN is in the cluster",
		SuggestFor: []string{"whoami", "who-am-i", "who", "who-can"},
		Long: `Show what an ARN is in the cluster by aws-auth: the entry that EKS matches it
with, its username and groups, whether RBAC gives them anything, and whether
that is equivalent to cluster-admin. If no entry matches, entries that may have
been meant for it are listed.

ARN is a role, a user, or a session of a role as 'aws sts get-caller-identity'
prints it (arn:aws:sts::111122223333:assumed-role/NAME/SESSION). The name of
the session fills the templates. A session cannot authenticate if EKS cannot
render the username or a group for it: {{EC2PrivateDNSName}} is for EC2
instances alone.

Exit codes: 0 it can authenticate, 1 it cannot, 2 could not run.`,
		Example: `  # who you are to the cluster
  kubectl awsauth whois "$(aws sts get-caller-identity --query Arn --output text)"

  # who a role would be after an edit
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
	v.noteUnreadable(cmd)
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

// nearEntry is an entry that does not match, and why.
type nearEntry struct {
	ARN   string `json:"arn"`
	Place string `json:"place"`
	Why   string `json:"why"`
}

// names is the ARN that EKS compares with, if it can authenticate.
func (i *identity) names() []string {
	if len(i.Identities) == 0 {
		return nil
	}
	return []string{i.Canonical}
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

func (i *identity) text(width int) string {
	var b strings.Builder
	b.WriteString(report.Visible(i.ARN) + "\n")
	if i.Canonical != i.ARN {
		b.WriteString(hanging(width, "", "  ", "EKS compares with "+report.Visible(i.Canonical)))
	}
	for _, r := range i.Refused {
		b.WriteString(hanging(width, "", "  ", fmt.Sprintf("EKS cannot render %q (%s) for it: it is not an EC2 instance",
			r.Template, report.Visible(r.Place))))
	}
	switch {
	case len(i.Identities) == 0:
		b.WriteString("cannot authenticate by aws-auth\n")
	case len(i.Identities)+len(i.Refused) > 1:
		b.WriteString("several entries match it, and EKS picks one at random:\n")
	}
	var rows [][2]string
	for _, p := range i.Identities {
		rows = append(rows, p.pairs()...)
	}
	b.WriteString(pairs(width, "", rows))
	for _, n := range i.Near {
		b.WriteString(hanging(width, "", "  ", fmt.Sprintf("near: %s (%s) %s", report.Visible(n.ARN),
			report.Visible(n.Place), report.Visible(n.Why))))
	}
	return b.String()
}

// pairs are what a reader wants to know of one identity.
func (p principalRow) pairs() [][2]string {
	rows := [][2]string{
		{"username", report.Visible(p.Username)},
		{"groups", report.Visible(strings.Join(withEverybody(p.Groups), ", "))},
		{"by", report.Visible(p.Place)},
	}
	for _, w := range p.Ways {
		rows = append(rows, [2]string{"cluster-admin", report.Visible(w.String())})
	}
	if names := p.unboundNames(); names != "" {
		rows = append(rows, [2]string{"rights", "nothing is bound to " + report.Visible(names)})
	}
	return rows
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
