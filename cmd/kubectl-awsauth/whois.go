package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// errNobody ends whois for an ARN that cannot authenticate. The answer is printed already.
var errNobody = errors.New("cannot authenticate")

func newWhois() *cobra.Command {
	o := newViewOptions()
	cmd := &cobra.Command{
		Use:   "whois ARN [-f FILE]",
		Short: "Say what an ARN would be in the cluster",
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
		RunE: func(cmd *cobra.Command, args []string) error { return o.whois(cmd, args[0]) },
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
		return usagef("%q names a kind of resource (%s) that no caller is, want a role, a user or a session of a role", arn, a.Kind)
	}
	v, err := o.open(cmd, &inputs{stdin: cmd.InOrStdin()}, o.file)
	if err != nil {
		return err
	}
	answer := v.whois(a)
	if o.output.value == "json" {
		err = writeJSON(cmd.OutOrStdout(), answer)
	} else {
		err = answer.write(cmd.OutOrStdout())
	}
	if err == nil && len(answer.Identities) == 0 {
		return errNobody
	}
	return err
}

// identity is the answer: more than one only where EKS picks at random.
type identity struct {
	ARN        string        `json:"arn"`
	Canonical  string        `json:"canonical"` // what EKS compares with
	Session    string        `json:"session,omitempty"`
	Identities []accessEntry `json:"identities"`
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
	answer := &identity{ARN: a.String(), Canonical: a.Canonical(), Session: a.Session, Identities: []accessEntry{}}
	matching := v.access.Lookup(answer.Canonical)
	for _, id := range matching {
		full, ok := rendered(id, a)
		if !ok {
			answer.Refused = append(answer.Refused, refusal{v.place(id.Entry.Place), instanceTemplate(id)})
			continue
		}
		answer.Identities = append(answer.Identities, v.entry(full))
	}
	// EKS does not look at mapAccounts where it has an entry, even one that it cannot render.
	if t, ok := v.access.Accounts[a.Account]; ok && len(matching) == 0 {
		e := v.entry(awsauth.Identity{Canonical: answer.Canonical, Username: answer.Canonical})
		e.Place = v.place(t.Place)
		answer.Identities = append(answer.Identities, e)
	}
	if len(matching) > 0 {
		return answer
	}
	if len(answer.Identities) > 0 {
		return answer
	}
	for _, e := range v.doc.Entries() {
		if n, err := awsauth.ParseARN(strings.TrimSpace(e.ARN.Value)); err == nil && n.Name != "" && strings.EqualFold(n.Name, a.Name) {
			answer.Near = append(answer.Near, nearEntry{e.ARN.Value, v.place(e.ARN.Place)})
		}
	}
	return answer
}

// rendered fills the templates of an identity, as far as the ARN tells; ok is false if EKS refuses the caller. Of a role
// without a session the ARN tells only who can authenticate at all.
func rendered(id awsauth.Identity, a awsauth.ARN) (full awsauth.Identity, ok bool) {
	c := awsauth.Caller{Account: a.Account, Session: a.Session}
	if a.Kind == awsauth.KindAssumedRole || id.Sessions() == awsauth.NoSession {
		if !id.Admits(c) {
			return awsauth.Identity{}, false
		}
	}
	fill := func(s string) string {
		if a.Kind == awsauth.KindRole && (strings.Contains(s, awsauth.SessionName) || strings.Contains(s, awsauth.SessionNameRaw)) {
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

func (i *identity) write(out io.Writer) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if i.Canonical != i.ARN {
		fmt.Fprintf(&b, "%s\nEKS compares with %s\n", printable(i.ARN), printable(i.Canonical))
	} else {
		fmt.Fprintf(&b, "%s\n", printable(i.ARN))
	}
	for _, r := range i.Refused {
		fmt.Fprintf(&b, "EKS cannot render %q (%s) for it: it is not an EC2 instance\n", r.Template, r.Place)
	}
	switch len(i.Identities) + len(i.Refused) {
	case len(i.Refused):
		b.WriteString("cannot authenticate by aws-auth\n")
	case 1:
	default:
		b.WriteString("several entries match it, and EKS picks one at random:\n")
	}
	for _, e := range i.Identities {
		fmt.Fprintf(t, "username\t%s\n", printable(e.Username))
		fmt.Fprintf(t, "groups\t%s\n", printable(strings.Join(withEverybody(e.Groups), ", ")))
		fmt.Fprintf(t, "by\t%s\n", printable(e.Place))
		for _, w := range e.Ways {
			fmt.Fprintf(t, "as good as system:masters\t%s\n", printable(w.String()))
		}
	}
	_ = t.Flush() // into memory
	for _, n := range i.Near {
		fmt.Fprintf(&b, "near: %s (%s)\n", printable(n.ARN), printable(n.Place))
	}
	_, err := io.WriteString(out, b.String())
	return err
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
