package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

func newDiff() *cobra.Command {
	o := newViewOptions("text", "json", "yaml", "name")
	var files []string
	cmd := &cobra.Command{
		Use:   "diff [OLD] NEW",
		Short: "Show who gains, loses or changes access between two versions of aws-auth",
		Long: `Show who gains, loses or changes access between two versions of aws-auth: what
EKS makes of the text, not the text. OLD and NEW are manifests, also with -f;
without OLD, NEW is compared with the object in the cluster.

Exit codes: 0 nobody's access changes, 1 somebody's does, 2 could not run.`,
		Example: `  # what a manifest would change in the cluster
  kubectl awsauth diff -f aws-auth.yaml

  # what a commit changed
  git show HEAD~1:aws-auth.yaml | kubectl awsauth diff - aws-auth.yaml`,
		Args:              func(_ *cobra.Command, args []string) error { return checkVersions(slices.Concat(args, files)) },
		ValidArgsFunction: cobra.FixedCompletions(fileTypes, cobra.ShellCompDirectiveFilterFileExt),
		RunE:              func(cmd *cobra.Command, args []string) error { return o.diff(cmd, slices.Concat(args, files)) },
	}
	cmd.Flags().StringArrayVarP(&files, "filename", "f", nil, "manifest `FILE` that holds aws-auth, like NEW; "+
		"- is standard input; with two, the first is OLD")
	o.flags(cmd)
	return cmd
}

// checkVersions is an error for other than one or two files.
func checkVersions(files []string) error {
	switch {
	case len(files) == 0 || len(files) > 2:
		return usagef("want one manifest, to compare with the cluster, or two")
	case len(files) == 2 && files[0] == "-" && files[1] == "-":
		return usagef("standard input (-) can be read only once")
	}
	return nil
}

// diff compares the last of the files with the one before it, or with the cluster.
func (o *viewOptions) diff(cmd *cobra.Command, files []string) error {
	in := &input{stdin: cmd.InOrStdin()}
	oldFile := ""
	if len(files) == 2 {
		oldFile = files[0]
	}
	before, err := o.open(cmd, in, oldFile)
	if err != nil {
		return err
	}
	before.noteUnreadable(cmd)
	after := *before // the same policy and RBAC
	if err := after.read(cmd.Context(), in, o.cluster, files[len(files)-1]); err != nil {
		return err
	}
	changes := changeList{}
	for _, c := range awsauth.Diff(before.access, after.access) {
		changes = append(changes, newChange(before, &after, c))
	}
	if err := printAnswer(cmd, o.output, changes, changes.text); err != nil {
		return err
	}
	if len(changes) > 0 {
		return errNo
	}
	return nil
}

type changeList []change

// names are the ARNs whose access changes.
func (l changeList) names() []string {
	var arns []string
	for _, c := range l {
		arns = append(arns, c.Principal)
	}
	return arns
}

// change is what becomes of one principal.
type change struct {
	Principal string         `json:"principal"`
	Account   bool           `json:"account"` // Principal is an account, all of which can authenticate
	Before    []principalRow `json:"before"`
	After     []principalRow `json:"after"`
	// Gained and Lost are the ways of being equivalent to cluster-admin that come and go.
	Gained []wayText `json:"gained"`
	Lost   []wayText `json:"lost"`
}

func newChange(before, after *view, c awsauth.Change) change {
	out := change{Principal: c.Principal, Account: c.Account, Before: []principalRow{}, After: []principalRow{},
		Gained: []wayText{}, Lost: []wayText{}}
	if c.Account {
		return out.account(len(c.Before) > 0)
	}
	for _, id := range c.Before {
		out.Before = append(out.Before, before.row(id))
	}
	for _, id := range c.After {
		out.After = append(out.After, after.row(id))
	}
	out.Gained, out.Lost = missing(out.After, out.Before), missing(out.Before, out.After)
	return out
}

// account marks a whole account as gone or come by an entry without a name.
func (c change) account(before bool) change {
	e := []principalRow{{Principal: c.Principal, Groups: []string{}, Privileged: "none", Ways: []wayText{}}}
	if before {
		c.Before = e
	} else {
		c.After = e
	}
	return c
}

// missing are the ways of some entries that others lack.
func missing(of, in []principalRow) []wayText {
	ways := []wayText{}
	for _, e := range of {
		for _, w := range e.Ways {
			same := func(o wayText) bool { return o.Kind == w.Kind && o.Name == w.Name && o.Becomes == w.Becomes }
			has := func(o principalRow) bool { return slices.ContainsFunc(o.Ways, same) }
			if !slices.ContainsFunc(in, has) {
				ways = append(ways, w)
			}
		}
	}
	return ways
}

func (l changeList) text(width int) string {
	if len(l) == 0 {
		return "nobody's access changes\n"
	}
	var b strings.Builder
	for _, c := range l {
		b.WriteString(hanging(width, "", "    ", c.line()))
		for _, w := range c.Gained {
			b.WriteString(hanging(width, "    ", "      ",
				"becomes equivalent to cluster-admin: "+report.Visible(w.String())))
		}
		for _, w := range c.Lost {
			b.WriteString(hanging(width, "    ", "      ",
				fmt.Sprintf("is no longer equivalent to cluster-admin by %s %s", w.Kind, report.Visible(w.Name))))
		}
	}
	return b.String()
}

func (c change) line() string {
	name := report.Visible(c.Principal)
	if c.Account {
		name = "account " + name + ", all of it,"
	}
	switch {
	case len(c.Before) == 0:
		return fmt.Sprintf("+ %s can authenticate%s", name, as(c.After))
	case len(c.After) == 0:
		return fmt.Sprintf("- %s can no longer authenticate%s", name, as(c.Before))
	}
	return fmt.Sprintf("~ %s%s", name, difference(c.Before, c.After))
}

// as says what somebody authenticates as.
func as(entries []principalRow) string {
	var all []string
	for _, e := range entries {
		if e.Place == "" {
			continue // a whole account
		}
		s := " as " + report.Visible(e.Username)
		if len(e.Groups) > 0 {
			s += " with " + report.Visible(strings.Join(e.Groups, ", "))
		}
		all = append(all, s+" ("+report.Visible(e.Place)+")")
	}
	return strings.Join(all, ", or")
}

// difference says what changes of a principal that stays. Where EKS picks at random, both pictures are given whole.
func difference(before, after []principalRow) string {
	if len(before) != 1 || len(after) != 1 {
		return ": was" + as(before) + ", is" + as(after)
	}
	was, is := before[0], after[0]
	var parts []string
	if was.Username != is.Username {
		parts = append(parts, fmt.Sprintf("username %s -> %s", report.Visible(was.Username), report.Visible(is.Username)))
	}
	for _, g := range is.Groups {
		if !slices.Contains(was.Groups, g) {
			parts = append(parts, "+"+report.Visible(g))
		}
	}
	for _, g := range was.Groups {
		if !slices.Contains(is.Groups, g) {
			parts = append(parts, "-"+report.Visible(g))
		}
	}
	return ": " + strings.Join(parts, ", ") + " (" + report.Visible(is.Place) + ")"
}
