package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// arnKind is what an ARN that is added must name.
type arnKind string

const (
	kindRole arnKind = "role"
	kindUser arnKind = "user"
)

// comparableARN is the ARN that EKS compares for what somebody typed: a role for its session, and without its path. It
// says so where that is another one.
func comparableARN(cmd *cobra.Command, typed string) (awsauth.ARN, error) {
	typed = strings.TrimSpace(typed)
	a, err := awsauth.ParseARN(typed)
	if err != nil {
		return a, usageError{err}
	}
	c, err := awsauth.ParseARN(a.Canonical())
	switch {
	case (a.Kind == awsauth.KindRole || a.Kind == awsauth.KindUser) && a.Name == "":
		return a, usagef("%q has no name, want %s", typed, a.String()+"NAME")
	case strings.Contains(a.Name, "*"):
		return a, usagef("%q has a *, and EKS compares whole names, so it matches nobody: name one role or user", typed)
	case err != nil || !c.Matchable():
		return a, usagef("%q names a kind of resource (%s) that no caller is, want a role, a user or a session of a role",
			typed, a.Kind)
	case c.String() != typed:
		why := "EKS drops the path"
		if a.Kind == awsauth.KindAssumedRole {
			why = "EKS compares the role of a session"
		} else if a.String() != typed {
			why = "an ARN begins with arn: in lower case"
		}
		note(cmd, fmt.Sprintf("%s is used, since %s", c, why))
	}
	return c, nil
}

// checkKind is an error for a user where a role is to be added, and the other way round.
func checkKind(a awsauth.ARN, want arnKind) error {
	if is := kindOf(a); is != want {
		return usagef("%s is a %s; did you mean 'kubectl awsauth add %s'?", a, is, is)
	}
	return nil
}

func kindOf(a awsauth.ARN) arnKind {
	if a.Kind == awsauth.KindRole {
		return kindRole
	}
	return kindUser
}

// dataKey is the data key that has ARNs of a kind.
func (k arnKind) dataKey() string {
	if k == kindRole {
		return awsauth.MapRoles
	}
	return awsauth.MapUsers
}

// entryText says what an entry is and where, for a sentence.
func (in *original) entryText(e *awsauth.Entry) string {
	s := fmt.Sprintf("as %q", e.Username.Value)
	if groups := e.GroupNames(); len(groups) > 0 {
		s += " with " + strings.Join(groups, ", ")
	} else {
		s += " without groups"
	}
	return fmt.Sprintf("%s (%s)", s, in.place(e.Place))
}

// mappedARNs completes the first argument to an ARN that aws-auth has an entry for, also one that matches nobody.
func (o *mappingOptions) mappedARNs(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || o.file == "-" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if o.cluster.overrides.Timeout == "" {
		o.cluster.overrides.Timeout = completionTimeout
	}
	cm, err := o.start(cmd).target.read(cmd.Context())
	if err != nil || cm == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	doc, _ := awsauth.Parse(cm.Data)
	var all []string
	for _, e := range doc.Entries() {
		if strings.HasPrefix(e.ARN.Value, typed) && e.ARN.Value != "" {
			all = append(all, e.ARN.Value+"\t"+e.Username.Value)
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
