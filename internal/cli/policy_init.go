package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/firstpolicy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// reviewedWithin is how long the approvals count that nobody has reviewed yet.
const reviewedWithin = 90 * 24 * time.Hour

// today is the time of the proposal.
var today = time.Now

type policyInitOptions struct {
	file                string
	policy              policyOptions
	rbac                rbacOptions
	aws                 awsOptions
	cluster             clusterOptions
	breakGlass, expires string
	contact             policy.Contact
}

func newPolicy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy init",
		Short: "Write this cluster's policy",
		Long:  "Write this cluster's policy.\n\nExit codes: 0 written, 2 could not run.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("want init")
			}
			return usagef("unknown command %q, want init", args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args has said it
	}
	cmd.AddCommand(newPolicyInit())
	return cmd
}

func newPolicyInit() *cobra.Command {
	o := &policyInitOptions{aws: newAWSOptions()}
	cmd := &cobra.Command{
		Use:   "init [-f FILE]",
		Short: "Write a policy that allows what is in aws-auth today",
		Long: `Write this cluster's policy as Helm values: a policy that allows what is in
aws-auth today, and no new admin.

It approves, until a date, the mappings that are equivalent to cluster-admin
now, by aws-auth and the cluster's RBAC. It requires the mappings by which
running nodes authenticate, lists the node roles, and sets up a break-glass
group with the right to edit aws-auth. Comments say what each entry is, and
what to check. It changes nothing in the cluster.

Nothing in it is reviewed: everyone who was able to edit aws-auth, RBAC or nodes
may have put something there. Read it before you apply it.

If the cluster has a policy already, its entries stay, and what is missing is
added. Nodes and access entries are read with the AWS credentials that every
AWS tool finds; 'kubectl awsauth iam-policy --fleet' prints the permissions.

Exit codes: 0 written, 2 could not run.`,
		Example: `  kubectl awsauth policy init --contact "#platform on Slack" > policy.yaml

  # what of aws-auth it does not allow
  kubectl awsauth check --policy policy.yaml

  # apply it
  helm upgrade aws-auth-guard CHART -n aws-auth-guard \
    --reset-then-reuse-values -f policy.yaml`,
		Args: fileNotArgument,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.VarP(oneFile{&o.file}, "filename", "f", "manifest `FILE` that holds aws-auth; - is standard input; "+
		"if empty, the object in the cluster")
	f.StringVar(&o.expires, "expires", "", "`DATE` by which the approvals have to be reviewed, such as 2027-06-30; "+
		"if empty, in 90 days")
	f.StringVar(&o.breakGlass, "break-glass-group", "", "`GROUP` whose members are never denied; "+
		"if empty, those of the policy, or else aws-auth-break-glass")
	f.StringVar(&o.contact.Text, "contact", "", "whom to ask for an approval, `TEXT` such as \"#platform on Slack\"; "+
		"denials name it")
	f.StringVar(&o.contact.URL, "contact-url", "", "where to ask for an approval, a `URL`")
	o.policy.flags(f)
	f.Lookup("policy").Usage = "policy to keep and to add to: `live|FILE|default`; FILE may be Helm values; " +
		"if empty, live where aws-auth is read from the cluster, else default"
	o.rbac.flags(f)
	o.aws.fleet.flag(cmd, "fleet", "", "whether to ask which nodes run and which roles they use; auto asks if aws-auth "+
		"is read from the cluster")
	o.cluster.flags(f)
	return cmd
}

func (o *policyInitOptions) run(cmd *cobra.Command) error {
	now := today()
	expires, err := o.expiry(now)
	if err != nil {
		return err
	}
	in := &input{stdin: cmd.InOrStdin()}
	object, err := o.object(cmd, in)
	if err != nil {
		return err
	}
	known, err := o.policy.load(cmd.Context(), in, o.cluster, o.rbac.namespace, o.file == "")
	if err != nil {
		return err
	}
	if known.policy, err = o.withFlags(known.policy); err != nil {
		return err
	}
	c := firstpolicy.Cluster{AWSAuth: awsauth.Read(nil, object.Data), Policy: known.policy, Now: now, Expires: expires}
	if c.Privileges, err = o.rbac.privileges(cmd, in, o.cluster, o.file == "", known); err != nil {
		return err
	}
	if c.Nodes, err = o.nodes(cmd); err != nil {
		return err
	}
	proposal := firstpolicy.Propose(c)
	if len(proposal.Taken) > 0 {
		return fmt.Errorf("aws-auth maps %s to a break-glass group (%s), which lets them edit aws-auth and bypass the guard: "+
			"remove the group from these mappings, name another one with --break-glass-group, or write an approval yourself",
			atMostFive(proposal.Taken), atMostFive(known.policy.BreakGlass.Groups))
	}
	text, err := proposal.Values()
	if err != nil {
		return err
	}
	if err := noteDenied(cmd, proposal.Apply(known.policy), c, object); err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(text)
	return err
}

// expiry is the day on which the approvals end.
func (o *policyInitOptions) expiry(now time.Time) (policy.Date, error) {
	if o.expires == "" {
		return policy.Date(now.Add(reviewedWithin).UTC().Format(time.DateOnly)), nil
	}
	day, err := time.Parse(time.DateOnly, o.expires)
	switch {
	case err != nil:
		return "", usagef("--expires %q is no date, want one such as 2027-06-30", o.expires)
	case !day.After(now):
		return "", usagef("--expires %s has passed, want a later day", o.expires)
	}
	return policy.Date(o.expires), nil
}

// object is aws-auth, empty if the cluster has none.
func (o *policyInitOptions) object(cmd *cobra.Command, in *input) (*corev1.ConfigMap, error) {
	if o.file != "" {
		cm, _, err := in.object(o.file)
		if err == nil {
			err = checkSize(cm)
		}
		return cm, err
	}
	cm, err := o.cluster.live(cmd.Context())
	if err == nil && cm == nil {
		note(cmd, "the cluster has no aws-auth, so there is nothing to approve and nothing to require")
		cm = &corev1.ConfigMap{}
	}
	return cm, err
}

// asFlags names the flags for the fields that they set.
var asFlags = strings.NewReplacer("contact.text", "--contact", "contact.url", "--contact-url",
	"breakGlass.groups[0]", "--break-glass-group")

// withFlags is a policy with what the flags say.
func (o *policyInitOptions) withFlags(before *policy.Policy) (*policy.Policy, error) {
	p := *before
	switch {
	case o.breakGlass != "" && !slices.Contains(p.BreakGlass.Groups, o.breakGlass):
		p.BreakGlass.Groups = append(slices.Clip(p.BreakGlass.Groups), o.breakGlass)
	case len(p.BreakGlass.Groups) == 0:
		p.BreakGlass.Groups = []string{"aws-auth-break-glass"}
	}
	if o.contact != (policy.Contact{}) {
		p.Contact = o.contact
	}
	if err := p.Check(); err != nil {
		return nil, usagef("%s", asFlags.Replace(err.Error()))
	}
	return &p, nil
}

// nodes are the running nodes and the access entries, as far as they can be read; nil if they are not asked for.
func (o *policyInitOptions) nodes(cmd *cobra.Command) (*nodes.View, error) {
	must := o.aws.fleet.value == asksFleet
	if o.aws.fleet.value == asksNobody || !must && o.file != "" {
		return nil, nil
	}
	view, err := o.view(cmd)
	switch {
	case err != nil && must:
		return nil, fmt.Errorf("--fleet on: %w", err)
	case err != nil:
		view = &nodes.View{NodesKnown: nodes.Knowledge{Problem: err.Error()}}
	}
	known := *view
	known.NodesKnown.Problem = withoutValues.Replace(known.NodesKnown.Problem)
	if trouble := cmp.Or(known.NodesKnown.Problem, known.NodesKnown.Doubt(today())); trouble != "" {
		note(cmd, "the running nodes are not all known, so mappings may be missing under required: "+trouble)
	}
	return &known, nil
}

func (o *policyInitOptions) view(cmd *cobra.Command) (*nodes.View, error) {
	cfg, err := aws.LoadConfig(cmd.Context())
	if err != nil {
		return nil, err
	}
	if err := credentials(cmd.Context(), cfg); err != nil {
		if o.aws.fleet.value != asksFleet { // the SDK's error names every place where it looked
			return nil, errors.New("no AWS credentials here; sign in as for the AWS CLI")
		}
		return nil, &clusterError{"no AWS credentials: " + aws.OneLine(err.Error()), []string{signInToAWS}, err}
	}
	return o.aws.nodesView(cmd, o.cluster, cfg)
}

// noteDenied says that the guard would deny some of aws-auth even with the policy.
func noteDenied(cmd *cobra.Command, p *policy.Policy, c firstpolicy.Cluster, object *corev1.ConfigMap) error {
	if len(object.Data) == 0 {
		return nil
	}
	ports := validate.Ports{Privileges: c.Privileges}
	if c.Nodes != nil {
		ports.Fleet = oneView{c.Nodes}
	}
	v, err := validate.New(p, validate.WithPorts(ports), validate.WithClock(today))
	if err != nil {
		return err
	}
	rep := v.Validate(cmd.Context(), validate.Request{Operation: validate.Create, New: object})
	errs := 0
	for _, f := range rep.Findings {
		if f.Severity == validate.Error {
			errs++
		}
	}
	if errs > 0 {
		note(cmd, counted(errs, "error is", "errors are")+" in aws-auth that this policy does not allow, and existing "+
			"errors deny no other edit; 'kubectl awsauth check --policy FILE' shows them")
	}
	return nil
}
