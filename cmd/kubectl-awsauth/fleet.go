package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// fleetTimeout bounds all questions together: a large cluster takes some seconds.
const fleetTimeout = 2 * time.Minute

type fleetOptions struct {
	cluster      clusterOptions
	name, region string
	output       oneOf
}

func newFleet() *cobra.Command {
	o := &fleetOptions{output: oneOf{"text", []string{"text", "wide", "json"}}}
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "List which IAM roles the live nodes use, and what lets each of them in",
		Long: `List which IAM roles the live nodes use, and what lets each of them in: a line of aws-auth, an access entry, or nothing.

The nodes come from the cluster, their roles from EC2 and IAM, the access entries from EKS, with the credentials that every
AWS tool finds; what could not be asked is told. 'kubectl awsauth iam-policy --fleet' prints the permissions for it. This is
what the guard knows with --fleet on.

-o wide names all nodes.`,
		Example: `  kubectl awsauth fleet
  kubectl awsauth fleet --cluster-name demo --region us-west-2 -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), fleetTimeout)
			defer cancel()
			l, err := o.list(ctx)
			if err != nil {
				return err
			}
			return l.write(cmd.OutOrStdout(), o.output.value)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.name, "cluster-name", "", "`NAME` of the EKS cluster; without it, the nodes and their instances tell")
	flags.StringVar(&o.region, "region", "", "AWS `REGION` of the cluster; without it, the AWS configuration or the nodes tell")
	flags.VarP(&o.output, "output", "o", "output form")
	o.cluster.flags(flags)
	_ = cmd.RegisterFlagCompletionFunc("output", o.output.complete) // fails only for a flag that does not exist
	return cmd
}

// fleetList is the answer, in the form that scripts read.
type fleetList struct {
	Cluster string                      `json:"cluster"`
	Region  string                      `json:"region"`
	Mode    validate.AuthenticationMode `json:"authenticationMode"` // "" if it is not known
	// NodesTrouble and AccessTrouble say why what follows is not complete; "" if it is.
	NodesTrouble  string          `json:"nodesTrouble"`
	AccessTrouble string          `json:"accessTrouble"`
	Roles         []fleetRole     `json:"roles"`
	Entries       []fleetEntry    `json:"accessEntries"`
	Shadowed      []shadowedEntry `json:"shadowed"`
}

// fleetRole is one kind of node with one role.
type fleetRole struct {
	ARN      string            `json:"arn"` // "" if the role is not known
	Kind     validate.NodeKind `json:"kind"`
	Nodes    []string          `json:"nodes"`
	NotReady int               `json:"notReady"`
	Starting int               `json:"starting"`
	// Maybe says that the role is one of several that these nodes may have.
	Maybe bool `json:"maybe"`
	// SignsIn is yes, no or unknown, By what decides: a line of aws-auth, an access entry, or nothing.
	SignsIn string `json:"signsIn"`
	By      string `json:"by"`
}

type fleetEntry struct {
	ARN          string   `json:"arn"`
	Type         string   `json:"type"`
	Groups       []string `json:"groups"`
	ClusterAdmin bool     `json:"clusterAdmin"`
	// NoEffect says why the entry decides about nobody; "" if nothing shows that.
	NoEffect string `json:"noEffect"`
}

type shadowedEntry struct {
	ARN   string `json:"arn"`
	Place string `json:"place"`
}

func (o *fleetOptions) list(ctx context.Context) (*fleetList, error) {
	config, err := o.cluster.config()
	if err != nil {
		return nil, err
	}
	cm, err := o.cluster.live(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := fleet.Nodes(config)
	if err != nil {
		return nil, o.cluster.explain(err)
	}
	cfg, err := aws.LoadConfig(ctx)
	if err != nil {
		return nil, err
	}
	f := fleet.New(fleet.Options{Nodes: nodes, AWS: cfg, Cluster: o.name, Region: o.region, Who: func() string { return "your identity" }})
	view, err := f.Sync(ctx)
	if err != nil {
		return nil, o.cluster.explain(err)
	}
	access := &awsauth.Access{}
	if cm != nil {
		doc, _ := awsauth.Parse(cm.Data) // 'check' tells the problems
		access = doc.Access()
	}
	l := &fleetList{Mode: view.Mode, NodesTrouble: view.NodesKnown.Trouble(time.Now()), AccessTrouble: view.AccessKnown.Trouble(time.Now()),
		Roles: []fleetRole{}, Entries: []fleetEntry{}, Shadowed: []shadowedEntry{}}
	l.Cluster, l.Region = f.Where()
	for _, w := range view.WaysIn(access, time.Now()) {
		l.Roles = append(l.Roles, roleOf(w, view.Mode))
	}
	for _, e := range view.Entries {
		l.Entries = append(l.Entries, fleetEntry{e.ARN, e.Type, append([]string{}, e.Groups...), e.ClusterAdmin, view.WhyInert(e)})
	}
	slices.SortFunc(l.Entries, func(a, b fleetEntry) int { return strings.Compare(a.ARN, b.ARN) })
	for _, id := range view.Shadowed(access, time.Now()) {
		l.Shadowed = append(l.Shadowed, shadowedEntry{id.Canonical, place(id)})
	}
	return l, nil
}

func place(id awsauth.Identity) string {
	return fmt.Sprintf("%s line %d", id.Entry.DataKey, id.Entry.ARN.Line)
}

// roleOf says what lets nodes in.
func roleOf(w validate.WayIn, mode validate.AuthenticationMode) fleetRole {
	r := fleetRole{ARN: w.Role, Kind: w.Set.Kind, Nodes: w.Set.Names, NotReady: w.Set.NotReady, Starting: w.Set.Joining, Maybe: w.Set.Maybe, SignsIn: "no", By: "nothing"}
	switch {
	case w.Set.Doubt != "":
		r.SignsIn, r.By = "unknown", "not taken for a node of this cluster: "+w.Set.Doubt
		return r
	case w.Set.Kind == validate.HyperPodNode:
		return hyperPod(r, w)
	case w.Role == "":
		r.SignsIn, r.By = "unknown", "the role is not known"
		return r
	case w.Entry != nil:
		r.By = "an access entry"
		if w.Entry.Type != "" {
			r.By += " of type " + w.Entry.Type
		}
		if w.Unsure {
			r.SignsIn = "unknown"
			return r
		}
	case w.Mapping != nil && mode != validate.APIMode:
		r.By = place(*w.Mapping)
	}
	if w.Open {
		r.SignsIn = "yes"
	} else if r.By != "nothing" {
		r.By += ", which is not for such nodes"
	}
	return r
}

// hyperPod says what lets nodes of SageMaker HyperPod in: nothing but an access entry can.
func hyperPod(r fleetRole, w validate.WayIn) fleetRole {
	switch {
	case w.Open:
		r.SignsIn, r.By = "yes", "an access entry of type HYPERPOD_LINUX"
	case w.Unsure:
		r.SignsIn, r.By = "unknown", "the access entries are not all known"
	default:
		r.By = "no access entry of type HYPERPOD_LINUX"
	}
	return r
}

func (l *fleetList) write(out io.Writer, form string) error {
	if form == "json" {
		return writeJSON(out, l)
	}
	var b strings.Builder
	known := func(s string) string {
		if s == "" {
			return "(not known)"
		}
		return printable(s)
	}
	fmt.Fprintf(&b, "cluster %s in %s, authentication mode %s\n\n", known(l.Cluster), known(l.Region), known(string(l.Mode)))
	var rows [][]string
	for _, r := range l.Roles {
		count := fmt.Sprint(len(r.Nodes))
		var notes []string
		if r.NotReady > 0 {
			notes = append(notes, fmt.Sprintf("%d not ready", r.NotReady))
		}
		if r.Starting > 0 {
			notes = append(notes, fmt.Sprintf("%d starting", r.Starting))
		}
		if r.Maybe {
			notes = append(notes, "maybe")
		}
		if len(notes) > 0 {
			count += " (" + strings.Join(notes, ", ") + ")"
		}
		rows = append(rows, []string{known(r.ARN), string(r.Kind), count, r.SignsIn, printable(r.By)})
		if form == "wide" {
			for _, n := range r.Nodes {
				rows = append(rows, []string{"  " + printable(n), "", "", "", ""})
			}
		}
	}
	b.WriteString(table(textOptions(out).Width, []string{"ROLE", "KIND", "NODES", "SIGN IN", "BY"}, rows))
	if len(l.Shadowed) > 0 {
		b.WriteString("\nEntries of aws-auth that have no effect, since access entries decide:\n")
		for _, s := range l.Shadowed {
			fmt.Fprintf(&b, "  %s (%s)\n", printable(s.ARN), printable(s.Place))
		}
	}
	if slices.ContainsFunc(l.Entries, func(e fleetEntry) bool { return e.NoEffect != "" }) {
		b.WriteString("\nAccess entries that have no effect")
		if l.Mode != validate.APIMode {
			b.WriteString(", so that aws-auth decides")
		}
		b.WriteString(":\n")
		for _, e := range l.Entries {
			if e.NoEffect != "" {
				fmt.Fprintf(&b, "  %s (%s)\n", e.ARN, e.NoEffect)
			}
		}
	}
	if l.NodesTrouble != "" {
		fmt.Fprintf(&b, "\nThis is not complete. Nodes: %s\n", printable(l.NodesTrouble))
	}
	if l.AccessTrouble != "" {
		fmt.Fprintf(&b, "\nThis is not complete. Access entries: %s\n", printable(l.AccessTrouble))
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil { // the table pads its last column
			return err
		}
	}
	return nil
}
