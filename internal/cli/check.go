package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

type checkOptions struct {
	file    string
	values  [3]string // files with the values of awsauth.Keys
	against string
	policy  string
	iam     oneOf
	output  oneOf
	cluster clusterOptions
	rbac    rbacOptions
}

// valueFlags give the values of awsauth.Keys.
var valueFlags = [3]string{"map-roles", "map-users", "map-accounts"}

func newCheck() *cobra.Command {
	o := &checkOptions{iam: oneOf{"off", []string{"off", "aws"}}, output: outputForm("text", "json", "sarif")}
	cmd := &cobra.Command{
		Use:   "check (-f FILE | --map-roles FILE ...) [--against live|FILE]",
		Short: "Judge an aws-auth ConfigMap as the webhook would",
		Long: `Judge an aws-auth ConfigMap as the webhook would, with the place of every mistake and the text to write instead.

FILE is a manifest in YAML or JSON, as it is kept in git or as kubectl get -o yaml prints it; - is standard input.
It may hold other objects too. The manifest's own YAML is checked as well.

Without --against the object is judged as a new one. With it, as an edit: what was wrong before is a warning.
With --rbac, and always with --against live, groups and usernames that the cluster's RBAC makes as good as system:masters
need an approval like it. Who will make the edit is not known here, so the policy's approvers are not asked.
With --iam aws the principals that are new are looked up with your own AWS credentials, as the webhook does with its own.
Where only some values are given (--map-roles, ...), the others are those of --against.

Lines and columns are those of the file, in every output form; columns count characters.

Exit codes: 0 would be admitted, 1 would be denied, 2 could not run.`,
		Example: `  # a manifest, judged as a new object
  kubectl awsauth check -f aws-auth.yaml

  # as an edit of what the cluster has now, by this cluster's policy
  kubectl awsauth check -f aws-auth.yaml --against live --policy policy.yaml

  # what is in the cluster now
  kubectl get configmap aws-auth -n kube-system -o yaml | kubectl awsauth check -f -

  # a bare mapRoles, as Terraform renders it
  kubectl awsauth check --map-roles roles.yaml

  # for GitHub code scanning
  kubectl awsauth check -f aws-auth.yaml -o sarif > aws-auth.sarif`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q; did you mean -f %s?", args[0], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	return cmd
}

func (o *checkOptions) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.file, "filename", "f", "",
		"manifest `FILE` that holds the aws-auth ConfigMap; - is standard input")
	for i, name := range valueFlags {
		flags.StringVar(&o.values[i], name, "",
			"`FILE` that holds the bare value of data."+awsauth.Keys[i]+"; - is standard input")
	}
	flags.StringVar(&o.against, "against", "",
		"judge as an edit of `live|FILE`: the object in the cluster, or that in a manifest")
	flags.StringVar(&o.policy, "policy", "", "policy `FILE`; without it, the defaults")
	o.iam.flag(cmd, "iam", "", "whether to ask AWS IAM if the principals exist")
	o.output.flag(cmd, "output", "o", "output form")
	o.rbac.flags(flags)
	o.cluster.flags(flags)
}

// legal is an error for flags that do not go together.
func (o *checkOptions) legal() error {
	values, stdin := 0, 0
	for _, f := range append(o.values[:], o.file, o.against, o.rbac.from) {
		if f == "-" {
			stdin++
		}
	}
	for _, f := range o.values {
		if f != "" {
			values++
		}
	}
	live := o.against == "live" || o.rbac.from == "live"
	switch {
	case o.file == "" && values == 0:
		return usagef("nothing to check: give a manifest with -f FILE (- for standard input), " +
			"or bare values with --map-roles FILE")
	case o.file != "" && values > 0:
		return usagef("-f gives the whole object and --map-roles, --map-users, --map-accounts its values; " +
			"use one or the other")
	case stdin > 1:
		return usagef("standard input (-) can be read only once")
	case !live && o.cluster.given():
		return usagef("flags of the cluster have a meaning only with --against live or --rbac live")
	}
	return nil
}

func (o *checkOptions) run(cmd *cobra.Command) error {
	if err := o.legal(); err != nil {
		return err
	}
	in := &input{stdin: cmd.InOrStdin()}
	old, err := o.old(cmd, in)
	if err != nil {
		return err
	}
	d, err := o.draft(in, old)
	if err != nil {
		return err
	}
	for _, text := range d.notes {
		note(cmd, text)
	}
	rep := validate.Report{Allowed: true}
	if d.object != nil {
		if rep, err = o.judge(cmd, in, old, d.object); err != nil {
			return err
		}
	}
	rep = withManifest(rep, d.findings)
	if err := printReport(cmd, o.output, rep, d.sources); err != nil {
		return fmt.Errorf("cannot write the result: %w", err)
	}
	if !rep.Allowed {
		return errNo
	}
	return nil
}

// old is the object that --against names; nil if there is none.
func (o *checkOptions) old(cmd *cobra.Command, in *input) (*corev1.ConfigMap, error) {
	switch o.against {
	case "":
		return nil, nil
	case "live":
		old, err := o.cluster.live(cmd.Context())
		if err != nil {
			return nil, fmt.Errorf("--against live: %w", err)
		}
		if old == nil {
			note(cmd, "the cluster has no aws-auth; judged as a new object")
		}
		return old, nil
	}
	old, _, err := in.object(o.against)
	if err == nil {
		err = checkSize(old)
	}
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	return old, nil
}

// draft is what is to be judged.
func (o *checkOptions) draft(in *input, old *corev1.ConfigMap) (d *draft, err error) {
	if o.file != "" {
		d, err = in.manifest(o.file)
	} else {
		d, err = in.bare(o.values, old)
	}
	if err == nil && d.object != nil {
		err = checkSize(d.object)
	}
	return d, err
}

// judge asks the engine. old is nil if there is no object yet. Who will make the edit is not known here, so nothing is
// said of the caller's own way in.
func (o *checkOptions) judge(cmd *cobra.Command, in *input, old, updated *corev1.ConfigMap) (validate.Report, error) {
	v, err := o.validator(cmd, in)
	if err != nil {
		return validate.Report{}, err
	}
	request := validate.Request{Operation: validate.Create, Old: old, New: updated}
	if old != nil {
		request.Operation = validate.Update
	}
	return v.Validate(cmd.Context(), request), nil
}

// validator connects the engine with what the flags let it ask.
func (o *checkOptions) validator(cmd *cobra.Command, in *input) (*validate.Validator, error) {
	p, err := loadPolicy(o.policy)
	if err != nil {
		return nil, err
	}
	var ports validate.Ports
	if o.iam.value == "aws" {
		cfg, err := aws.LoadConfig(cmd.Context())
		if err != nil {
			return nil, fmt.Errorf("--iam aws: %w", err)
		}
		directory := iam.New(cfg, p, iam.Options{})
		directory.Identify(cmd.Context())
		ports.Principals = directory
	}
	if ports.Privileges, err = o.rbac.privileges(cmd, in, o.cluster, o.against == "live", p); err != nil {
		return nil, err
	}
	return validate.New(p, validate.WithPorts(ports))
}

// withManifest adds what is wrong with the file itself to the verdict on the object in it: an object that cannot be
// sent is not admitted. It keeps the report's order: errors, then what the edit brings, then what was there.
func withManifest(rep validate.Report, findings []validate.Finding) validate.Report {
	isError := func(f validate.Finding) bool { return f.Severity == validate.Error }
	rep.Findings = slices.Concat(findings, rep.Findings)
	slices.SortStableFunc(rep.Findings, func(a, b validate.Finding) int {
		switch {
		case isError(a) == isError(b):
			return 0
		case isError(a):
			return -1
		}
		return 1
	})
	if slices.ContainsFunc(findings, isError) {
		rep.Allowed, rep.Excuse = false, ""
	}
	return rep
}
