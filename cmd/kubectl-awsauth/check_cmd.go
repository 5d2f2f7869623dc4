package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// maxObject is how much data the API server takes in one ConfigMap (k8s.io/api/core/v1, MaxSecretSize's counterpart).
const maxObject = 1 << 20

type checkOptions struct {
	file    string
	values  [3]string // files for dataKeys
	against string
	policy  string
	iam     oneOf
	output  oneOf
	cluster clusterOptions
	rbac    rbacOptions
}

// dataKeys are the keys of the object that a flag can give, and valueFlags the flags.
var (
	dataKeys   = [3]string{"mapRoles", "mapUsers", "mapAccounts"}
	valueFlags = [3]string{"map-roles", "map-users", "map-accounts"}
)

func newCheck() *cobra.Command {
	o := &checkOptions{
		iam:    oneOf{"off", []string{"off", "aws"}},
		output: oneOf{"text", []string{"text", "json", "sarif"}},
	}
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
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.file, "filename", "f", "", "manifest `FILE` that holds the aws-auth ConfigMap; - is standard input")
	for i := range valueFlags {
		flags.StringVar(&o.values[i], valueFlags[i], "", "`FILE` that holds the bare value of data."+dataKeys[i]+"; - is standard input")
	}
	flags.StringVar(&o.against, "against", "", "judge as an edit of `live|FILE`: the object in the cluster, or that in a manifest")
	flags.StringVar(&o.policy, "policy", "", "policy `FILE`; without it, the defaults")
	flags.Var(&o.iam, "iam", "whether to ask AWS IAM if the principals exist")
	flags.VarP(&o.output, "output", "o", "output form")
	o.rbac.flags(flags)
	o.cluster.flags(flags)
	_ = cmd.RegisterFlagCompletionFunc("iam", o.iam.complete) // fails only for a flag that does not exist
	_ = cmd.RegisterFlagCompletionFunc("output", o.output.complete)
	return cmd
}

func (o *checkOptions) run(cmd *cobra.Command) error {
	if err := o.validate(); err != nil {
		return err
	}
	in := &inputs{stdin: cmd.InOrStdin()}
	var old *corev1.ConfigMap
	var err error
	switch o.against {
	case "":
	case "live":
		old, err = o.cluster.live(cmd.Context())
		if err != nil {
			return fmt.Errorf("--against live: %w", err)
		}
		if old == nil {
			note(cmd, "the cluster has no aws-auth; judged as a new object")
		}
	default:
		old, err = in.against(o.against)
	}
	if err != nil {
		return err
	}
	s, err := o.subject(in, old)
	if err != nil {
		return err
	}
	for _, text := range s.notes {
		note(cmd, text)
	}
	rep := validate.Report{Allowed: true}
	if s.object != nil {
		if rep, err = o.judge(cmd, in, old, s.object); err != nil {
			return err
		}
	}
	rep = withManifest(rep, s.findings)
	if err := o.print(cmd.OutOrStdout(), rep, s.sources); err != nil {
		return fmt.Errorf("cannot write the result: %w", err)
	}
	if !rep.Allowed {
		return errDenied
	}
	return nil
}

// judge connects what is to be asked, and asks the engine.
func (o *checkOptions) judge(cmd *cobra.Command, in *inputs, old, updated *corev1.ConfigMap) (validate.Report, error) {
	p, err := loadPolicy(o.policy)
	if err != nil {
		return validate.Report{}, err
	}
	var ports validate.Ports
	if o.iam.value == "aws" {
		cfg, err := aws.LoadConfig(cmd.Context())
		if err != nil {
			return validate.Report{}, fmt.Errorf("--iam aws: %w", err)
		}
		directory := iam.New(cfg, p, iam.Options{})
		directory.Identify(cmd.Context())
		ports.Principals = directory
	}
	port, without, err := o.rbac.privileges(cmd.Context(), in, o.cluster, o.against == "live", p)
	if err != nil {
		return validate.Report{}, err
	}
	ports.Privileges = port
	if without != "" {
		note(cmd, without)
	}
	return judge(cmd.Context(), p, ports, old, updated)
}

func (o *checkOptions) validate() error {
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
	switch {
	case o.file == "" && values == 0:
		return usagef("nothing to check: give a manifest with -f FILE (- for standard input), or bare values with --map-roles FILE")
	case o.file != "" && values > 0:
		return usagef("-f gives the whole object and --map-roles, --map-users, --map-accounts its values; use one or the other")
	case stdin > 1:
		return usagef("standard input (-) can be read only once")
	case o.against != "live" && o.rbac.from != "live" && (o.cluster.kubeconfig != "" || o.cluster.context != ""):
		return usagef("--kubeconfig and --context have a meaning only with --against live or --rbac live")
	}
	return nil
}

func (o *checkOptions) print(w io.Writer, rep validate.Report, sources []report.Source) error {
	switch o.output.value {
	case "json":
		return report.JSON(w, rep, sources...)
	case "sarif":
		return report.SARIF(w, rep, sources, validate.Catalogue(), version.Version())
	}
	return report.Text(w, rep, sources, textOptions(w))
}

// textOptions asks the terminal, if there is one. The colour library has looked at NO_COLOR and TERM.
func textOptions(w io.Writer) report.TextOptions {
	o := report.TextOptions{Color: !color.NoColor}
	if s, ok := w.(*screen); ok {
		w = s.Writer
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			o.Width = width
		}
	}
	return o
}

// subject is what is to be judged, and where its text stands.
type subject struct {
	object   *corev1.ConfigMap // nil if it could not be parsed
	findings []validate.Finding
	sources  []report.Source
	notes    []string
}

func (o *checkOptions) subject(in *inputs, old *corev1.ConfigMap) (*subject, error) {
	var s *subject
	var err error
	if o.file != "" {
		s, err = in.manifest(o.file)
	} else {
		s, err = in.bare(o.values, old)
	}
	if err != nil || s.object == nil {
		return s, err
	}
	size := 0
	for k, v := range s.object.Data {
		size += len(k) + len(v)
	}
	if size > maxObject {
		return nil, fmt.Errorf("data holds %d bytes, and the API server takes no ConfigMap with more than %d", size, maxObject)
	}
	return s, nil
}

// inputs reads files and standard input.
type inputs struct{ stdin io.Reader }

func (in *inputs) read(name string) (shown string, data []byte, err error) {
	if name == "-" {
		data, err = io.ReadAll(io.LimitReader(in.stdin, manifest.MaxSize+1))
		if err != nil {
			err = fmt.Errorf("cannot read standard input: %w", err)
		}
		return "stdin", data, err
	}
	f, err := os.Open(name)
	if err != nil {
		return name, nil, fileError(name, err)
	}
	defer f.Close() //nolint:errcheck // read only
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return name, nil, fmt.Errorf("%s is a directory, want a file", name)
	}
	data, err = io.ReadAll(io.LimitReader(f, manifest.MaxSize+1))
	if err != nil {
		return name, nil, fileError(name, err)
	}
	return name, data, nil
}

func fileError(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("cannot read %s: %w", name, err)
}

func (in *inputs) manifest(name string) (*subject, error) {
	shown, data, err := in.read(name)
	if err != nil {
		return nil, err
	}
	f, err := manifest.Read(shown, data)
	if err != nil {
		return nil, err
	}
	return &subject{object: f.ConfigMap, findings: f.Findings, notes: f.Notes,
		sources: []report.Source{{Name: f.Name, Text: f.Text, Locate: f.Locate, Find: f.Find}}}, nil
}

// against reads the object as it was.
func (in *inputs) against(name string) (*corev1.ConfigMap, error) {
	s, err := in.manifest(name)
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	if s.object == nil {
		f := s.findings[0]
		return nil, fmt.Errorf("--against: %s:%d:%d: %s", s.sources[0].Name, f.Line, f.Column, f.Message)
	}
	return s.object, nil
}

// bare makes the object out of its values. Those not given are as they were.
func (in *inputs) bare(files [3]string, old *corev1.ConfigMap) (*subject, error) {
	cm := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}, Data: map[string]string{}}
	if old != nil {
		cm = old.DeepCopy()
		if cm.Data == nil {
			cm.Data = map[string]string{}
		}
	}
	s := &subject{object: cm}
	for i, name := range files {
		if name == "" {
			continue
		}
		shown, data, err := in.read(name)
		if err != nil {
			return nil, err
		}
		text, value, err := manifest.Bare(shown, data)
		if err != nil {
			return nil, err
		}
		cm.Data[dataKeys[i]] = value
		s.sources = append(s.sources, bareSource(shown, text, dataKeys[i]))
	}
	return s, nil
}

// bareSource is a file that is one value: its places are the value's.
func bareSource(name, text, dataKey string) report.Source {
	return report.Source{Name: name, Text: text, Locate: func(key string, line, column int) (int, int, bool) {
		return line, column, key == dataKey
	}}
}
