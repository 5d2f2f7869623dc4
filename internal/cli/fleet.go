package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

// fleetTimeout bounds all questions together: a large cluster takes some seconds.
const fleetTimeout = 2 * time.Minute

type fleetOptions struct {
	cluster      clusterOptions
	name, region string
	output       oneOf
}

func newFleet() *cobra.Command {
	o := &fleetOptions{output: outputForm("text", "wide", "json", "yaml", "name")}
	cmd := &cobra.Command{
		Use:        "fleet",
		Short:      "List the IAM roles of the running nodes, and what lets each of them authenticate",
		SuggestFor: []string{"nodes", "roles"},
		Long: `List the IAM roles of the running nodes, and what lets each of them
authenticate:
a line of aws-auth, an access entry, or nothing.

The nodes come from the cluster, their roles from EC2 and IAM, the access
entries from EKS, with the credentials that every AWS tool finds. What could not
be read is named. 'kubectl awsauth iam-policy --fleet' prints the permissions
for it. This is what the guard knows with --fleet on.

-o wide names all nodes, -o name prints the ARNs of the roles.

Exit codes: 0 listed, 2 could not run.`,
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
			wide := o.output.value == "wide"
			return printAnswer(cmd, o.output, l, func(width int) string { return l.text(width, wide) })
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.name, "cluster-name", "",
		"`NAME` of the EKS cluster; if empty, detected from the nodes and their instances")
	flags.StringVar(&o.region, "region", "",
		"AWS `REGION` of the cluster; if empty, detected from the AWS configuration or the nodes")
	o.output.flag(cmd, "output", "o", "output format")
	o.cluster.flags(flags)
	return cmd
}

// fleetList is the answer, in the form that scripts read.
type fleetList struct {
	Cluster string     `json:"cluster"`
	Region  string     `json:"region"`
	Mode    nodes.Mode `json:"authenticationMode"` // "" if it is not known
	// NodesTrouble and AccessTrouble say why what follows is not complete; "" if it is.
	NodesTrouble  string          `json:"nodesTrouble"`
	AccessTrouble string          `json:"accessTrouble"`
	Roles         []fleetRole     `json:"roles"`
	Entries       []fleetEntry    `json:"accessEntries"`
	Shadowed      []shadowedEntry `json:"shadowed"`
}

// names are the ARNs of the roles that are known.
func (l *fleetList) names() []string {
	var arns []string
	for _, r := range l.Roles {
		if r.ARN != "" && !slices.Contains(arns, r.ARN) {
			arns = append(arns, r.ARN)
		}
	}
	return arns
}

// fleetRole is one kind of node with one role.
type fleetRole struct {
	ARN      string     `json:"arn"` // "" if the role is not known
	Kind     nodes.Kind `json:"kind"`
	Nodes    []string   `json:"nodes"`
	NotReady int        `json:"notReady"`
	Starting int        `json:"starting"`
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
	objects, err := fleet.Nodes(config)
	if err != nil {
		return nil, o.cluster.explain(err)
	}
	cfg, err := aws.LoadConfig(ctx)
	if err != nil {
		return nil, err
	}
	f := fleet.New(fleet.Options{Nodes: objects, AWS: cfg, Cluster: o.name, Region: o.region,
		Who: func() string { return "your identity" }})
	view, err := f.Sync(ctx)
	if err != nil {
		return nil, o.cluster.explain(err)
	}
	access := &awsauth.Access{}
	if cm != nil {
		doc, _ := awsauth.Parse(cm.Data) // 'check' reports the problems
		access = doc.Access()
	}
	l := newFleetList(view, access, time.Now())
	l.Cluster, l.Region = f.Where()
	return l, nil
}

func newFleetList(view *nodes.View, access *awsauth.Access, now time.Time) *fleetList {
	l := &fleetList{Mode: view.Mode,
		NodesTrouble: view.NodesKnown.Trouble(now), AccessTrouble: view.AccessKnown.Trouble(now),
		Roles: []fleetRole{}, Entries: []fleetEntry{}, Shadowed: []shadowedEntry{}}
	for _, w := range view.WaysIn(access, now) {
		l.Roles = append(l.Roles, roleOf(w, view.Mode))
	}
	for _, e := range view.Entries {
		l.Entries = append(l.Entries, fleetEntry{e.ARN, e.Type, append([]string{}, e.Groups...), e.ClusterAdmin,
			view.WhyInert(e)})
	}
	slices.SortFunc(l.Entries, func(a, b fleetEntry) int { return strings.Compare(a.ARN, b.ARN) })
	for _, id := range view.Shadowed(access, now) {
		l.Shadowed = append(l.Shadowed, shadowedEntry{id.Canonical, place(id)})
	}
	return l
}

func place(id awsauth.Identity) string {
	return fmt.Sprintf("%s line %d", id.Entry.DataKey, id.Entry.ARN.Line)
}

// roleOf says what lets nodes authenticate.
func roleOf(w nodes.WayIn, mode nodes.Mode) fleetRole {
	r := fleetRole{ARN: w.Role, Kind: w.Set.Kind, Nodes: w.Set.Names, NotReady: w.Set.NotReady,
		Starting: w.Set.Joining, Maybe: w.Set.Maybe}
	r.SignsIn, r.By = signsIn(w, mode)
	return r
}

func signsIn(w nodes.WayIn, mode nodes.Mode) (answer, by string) {
	by = "nothing"
	switch {
	case w.Set.Doubt != "":
		return "unknown", "not taken for a node of this cluster: " + w.Set.Doubt
	case w.Set.Kind == nodes.HyperPod && w.Open: // nothing but an access entry can let it in
		return "yes", "an access entry of type HYPERPOD_LINUX"
	case w.Set.Kind == nodes.HyperPod && w.Unsure:
		return "unknown", "the access entries are not all known"
	case w.Set.Kind == nodes.HyperPod:
		return "no", "no access entry of type HYPERPOD_LINUX"
	case w.Role == "":
		return "unknown", "the role is not known"
	case w.Entry != nil && w.Entry.Type != "":
		by = "an access entry of type " + w.Entry.Type
	case w.Entry != nil:
		by = "an access entry"
	case w.Mapping != nil && mode != nodes.APIMode:
		by = place(*w.Mapping)
	}
	switch {
	case w.Entry != nil && w.Unsure:
		return "unknown", by
	case w.Open:
		return "yes", by
	case by != "nothing":
		by += ", which is not for such nodes"
	}
	return "no", by
}

func (l *fleetList) text(width int, wide bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster %s in %s, authentication mode %s\n\n",
		known(l.Cluster), known(l.Region), known(string(l.Mode)))
	var rows [][]string
	for _, r := range l.Roles {
		rows = append(rows, r.rows(wide)...)
	}
	b.WriteString(table(width, []string{"ROLE", "KIND", "NODES", "SIGN IN", "BY"}, rows))
	b.WriteString(l.withoutEffect())
	if l.NodesTrouble != "" {
		fmt.Fprintf(&b, "\nThis is not complete. Nodes: %s\n", report.Visible(l.NodesTrouble))
	}
	if l.AccessTrouble != "" {
		fmt.Fprintf(&b, "\nThis is not complete. Access entries: %s\n", report.Visible(l.AccessTrouble))
	}
	return b.String()
}

func known(s string) string {
	if s == "" {
		return "(not known)"
	}
	return report.Visible(s)
}

// rows are the row of the role, and below it one a node if the table is wide.
func (r fleetRole) rows(wide bool) [][]string {
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
	rows := [][]string{{known(r.ARN), string(r.Kind), count, r.SignsIn, report.Visible(r.By)}}
	if !wide {
		return rows
	}
	for _, n := range r.Nodes {
		rows = append(rows, []string{"  " + report.Visible(n), "", "", "", ""})
	}
	return rows
}

// withoutEffect names the entries, of aws-auth and of EKS, that decide about nobody.
func (l *fleetList) withoutEffect() string {
	var b strings.Builder
	if len(l.Shadowed) > 0 {
		b.WriteString("\nEntries of aws-auth that have no effect, since access entries decide:\n")
	}
	for _, s := range l.Shadowed {
		fmt.Fprintf(&b, "  %s (%s)\n", report.Visible(s.ARN), report.Visible(s.Place))
	}
	if slices.ContainsFunc(l.Entries, func(e fleetEntry) bool { return e.NoEffect != "" }) {
		b.WriteString("\nAccess entries that have no effect")
		if l.Mode != nodes.APIMode {
			b.WriteString(", so that aws-auth decides")
		}
		b.WriteString(":\n")
	}
	for _, e := range l.Entries {
		if e.NoEffect != "" {
			fmt.Fprintf(&b, "  %s (%s)\n", e.ARN, e.NoEffect)
		}
	}
	return b.String()
}
