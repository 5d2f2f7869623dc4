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

// errNobody ends whois for an ARN that does not get in. The answer is printed already.
var errNobody = errors.New("does not get in")

func newWhois() *cobra.Command {
	o := newViewOptions()
	cmd := &cobra.Command{
		Use:   "whois ARN [-f FILE]",
		Short: "Say what an ARN would be in the cluster",
		Long: `Say what an ARN would be in the cluster by aws-auth: which entry EKS matches it with, as which username and groups it
gets in, and whether that is as good as system:masters.

ARN is a role, a user, or a session of a role as 'aws sts get-caller-identity' prints it
(arn:aws:sts::111122223333:assumed-role/NAME/SESSION); the session's name fills the templates.

Exit codes: 0 it gets in, 1 it does not, 2 could not run.`,
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
	// Near are entries that may have been meant for it, and match it not.
	Near []nearEntry `json:"near,omitempty"`
}

type nearEntry struct {
	ARN   string `json:"arn"`
	Place string `json:"place"`
}

func (v *view) whois(a awsauth.ARN) *identity {
	answer := &identity{ARN: a.String(), Canonical: a.Canonical(), Session: a.Session, Identities: []accessEntry{}}
	for _, id := range v.access.Lookup(answer.Canonical) {
		answer.Identities = append(answer.Identities, v.entry(rendered(id, a)))
	}
	if t, ok := v.access.Accounts[a.Account]; ok && len(answer.Identities) == 0 {
		e := v.entry(awsauth.Identity{Canonical: answer.Canonical, Username: answer.Canonical})
		e.Place = v.place(t.Place)
		answer.Identities = append(answer.Identities, e)
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

// rendered fills the templates of an identity, as far as the ARN tells.
func rendered(id awsauth.Identity, a awsauth.ARN) awsauth.Identity {
	fill := func(s string) string {
		if a.Session == "" && a.Kind == awsauth.KindRole && (strings.Contains(s, awsauth.SessionName) || strings.Contains(s, awsauth.SessionNameRaw)) {
			return s
		}
		full, _ := awsauth.Render(s, a.Account, a.Session)
		return full
	}
	id.Username = fill(id.Username)
	id.Groups = slices.Clone(id.Groups)
	for i, g := range id.Groups {
		id.Groups[i] = fill(g)
	}
	return id
}

func (i *identity) write(out io.Writer) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if i.Canonical != i.ARN {
		fmt.Fprintf(&b, "%s\nEKS compares with %s\n", printable(i.ARN), printable(i.Canonical))
	} else {
		fmt.Fprintf(&b, "%s\n", printable(i.ARN))
	}
	switch len(i.Identities) {
	case 0:
		b.WriteString("does not get in by aws-auth\n")
	case 1:
	default:
		b.WriteString("several entries match it, and EKS picks one at random:\n")
	}
	for _, e := range i.Identities {
		fmt.Fprintf(t, "username\t%s\n", printable(e.Username))
		fmt.Fprintf(t, "groups\t%s\n", printable(strings.Join(append(slices.Clone(e.Groups), "system:authenticated"), ", ")))
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
