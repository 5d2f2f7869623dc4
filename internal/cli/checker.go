package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// checker judges all that one command line names.
type checker struct {
	*checkOptions
	cmd *cobra.Command
	in  *input
	// old is the object of --against, nil if there is none.
	old *corev1.ConfigMap
	// current is the object in the cluster, read once for the files that come from one; asked says that it was.
	current *corev1.ConfigMap
	asked   bool
	// fromFiles and live are how objects are judged without a cluster and with one, once that was needed.
	fromFiles, live *judge
}

// judge is the engine with all that it may ask.
type judge struct {
	*validate.Validator
	aws worldOfAWS
	// caller is nobody where the cluster is not asked.
	caller caller
}

// drafts reads all that is to be judged, and the files that could not be read. The error concerns all of them.
func (c *checker) drafts() (drafts []*draft, failed []report.File, err error) {
	if c.old, err = c.objectAgainst(); err != nil {
		return nil, nil, err
	}
	c.in.fixer = c.fixer()
	switch {
	case len(c.files) > 0:
		drafts, failed, err = c.manifests()
	case c.values != [3]string{}:
		drafts, failed = c.bareValues()
	default:
		var cm *corev1.ConfigMap
		cm, err = c.cluster.existing(c.cmd.Context())
		drafts = append(drafts, liveDraft(cm))
	}
	if err != nil {
		return nil, nil, err
	}
	for _, d := range drafts {
		c.placeInCluster(d)
	}
	asked := func(d *draft) bool { return d.cluster != nil }
	if c.cluster.given() && c.rbac.from != live && c.policy.from != livePolicy && c.against != live && !c.asked &&
		!slices.ContainsFunc(drafts, asked) {
		return nil, nil, usagef("--kubeconfig and --context have a meaning only where the cluster is asked: " +
			"with --against live, --policy live, --rbac live, or without a file")
	}
	return drafts, failed, nil
}

// bareValues is what the files of --map-roles and its like hold; failed is one of them if they cannot be read.
func (c *checker) bareValues() (drafts []*draft, failed []report.File) {
	d, err := c.in.bare(c.values, c.old)
	if err != nil {
		return nil, []report.File{{Name: cmp.Or(c.values[:]...), Err: err}}
	}
	return []*draft{d}, nil
}

// objectAgainst is the object that --against names; nil if there is none.
func (c *checker) objectAgainst() (*corev1.ConfigMap, error) {
	switch c.against {
	case "":
		return nil, nil
	case live:
		old, err := c.cluster.live(c.cmd.Context())
		if err != nil {
			return nil, fmt.Errorf("--against live: %w", err)
		}
		if old == nil {
			note(c.cmd, "the cluster has no aws-auth; judged as a new object")
		}
		return old, nil
	}
	old, _, err := c.in.object(c.against)
	if err == nil {
		err = checkSize(old)
	}
	if err != nil {
		return nil, fmt.Errorf("--against: %w", err)
	}
	return old, nil
}

// manifests reads the files of -f.
func (c *checker) manifests() (drafts []*draft, failed []report.File, err error) {
	targets, passed, err := targetsOf(c.files, c.recursive)
	if err != nil {
		return nil, nil, err
	}
	left := without{passed: passed}
	for _, t := range targets {
		d, err := c.in.manifest(t.name)
		var none *manifest.NoConfigMap
		switch {
		case errors.As(err, &none) && !t.named:
			left.none = append(left.none, t.name)
		case err != nil:
			failed = append(failed, report.File{Name: t.name, Err: err})
		case d.object == nil && !t.named && !strings.Contains(d.sources[0].Text, "aws-auth"):
			left.unknown = append(left.unknown, t.name)
		default:
			drafts = append(drafts, d)
		}
	}
	for _, line := range left.notes() {
		note(c.cmd, line)
	}
	if len(drafts) == 0 && len(failed) == 0 {
		return nil, nil, fmt.Errorf("nothing to check: no file in %s holds an aws-auth ConfigMap", strings.Join(c.files, ", "))
	}
	return drafts, failed, nil
}

// liveDraft is the object in the cluster, with its values as they are.
func liveDraft(cm *corev1.ConfigMap) *draft {
	if cm == nil {
		return nil
	}
	d := &draft{name: "configmap kube-system/aws-auth", object: cm, cluster: cm, unedited: true}
	d.sources = []report.Source{{Name: d.name}} // for findings about no value
	for _, key := range awsauth.Keys {
		if text, ok := cm.Data[key]; ok {
			d.sources = append(d.sources, bareSource(key, text, key))
		}
	}
	return d
}

// probeTimeout bounds the look at the cluster that nobody asked for.
const probeTimeout = 5 * time.Second

// placeInCluster says for a draft whether the cluster is asked about it, and what it is an edit of.
func (c *checker) placeInCluster(d *draft) {
	switch {
	case d.cluster != nil: // it is the object in the cluster
		d.old = c.old
	case c.against == live:
		d.old, d.cluster = c.old, c.old
		if d.cluster == nil {
			d.cluster = d.object // there is a cluster all the same
		}
	case c.against != "" || d.object == nil || d.object.UID == "":
		d.old = c.old
	default:
		c.find(d)
	}
}

// find looks for the object that a draft was read from: what kubectl get prints, and the copy that kubectl edit keeps,
// have its uid.
func (c *checker) find(d *draft) {
	if !c.asked {
		c.asked = true
		ctx, cancel := context.WithTimeout(c.cmd.Context(), probeTimeout)
		defer cancel()
		var err error
		if c.current, err = c.cluster.live(ctx); err != nil {
			note(c.cmd, fmt.Sprintf("%s was read from a cluster that cannot be asked now, so it is judged as a new object: %s", d.name, err))
			return
		}
	}
	switch {
	case c.current == nil || c.current.UID != d.object.UID:
		note(c.cmd, fmt.Sprintf("%s is judged as a new object: the current cluster has no aws-auth with its uid", d.name))
	default: // what the API server has is stored already, so that only an edit of it can be judged
		d.cluster, d.old = c.current, c.current
		if d.unedited = maps.Equal(c.current.Data, d.object.Data); !d.unedited {
			note(c.cmd, fmt.Sprintf("%s is judged as an edit of what the cluster has now", d.name))
		}
	}
}

// judge judges one draft.
func (c *checker) judge(d *draft) report.File {
	for _, text := range d.notes {
		note(c.cmd, text)
	}
	file := report.File{Name: d.name, Report: validate.Report{Allowed: true}, Sources: d.sources}
	if d.object != nil {
		if file.Report, file.Err = c.verdict(d); file.Err != nil {
			return file
		}
	}
	file.Report = withManifest(file.Report, d.findings)
	return file
}

// verdict is the webhook's: what is too large for the API server or for the webhook is not judged.
func (c *checker) verdict(d *draft) (validate.Report, error) {
	if err := checkSize(d.object); err != nil {
		return validate.Report{}, fmt.Errorf("%s: %w", d.name, err)
	}
	j, err := c.judgeOf(d)
	if err != nil {
		return validate.Report{}, err
	}
	request := validate.Request{Operation: validate.Create, Old: d.old, New: d.object, Unedited: d.unedited}
	if !d.unedited { // what the cluster has already is nobody's edit
		request.User = j.caller.user
	}
	if d.old != nil {
		request.Operation = validate.Update
	}
	if err := validate.Bound(&request); err != nil {
		if why, ok := j.Excuse(request.User); ok {
			return validate.Report{Allowed: true, Excuse: why}, nil
		}
		return validate.Report{}, fmt.Errorf("%s: %w", d.name, err)
	}
	return j.Validate(c.cmd.Context(), request), nil
}

// judgeOf connects the engine with what the flags let it ask, once for all files and once for all that come from the
// cluster.
func (c *checker) judgeOf(d *draft) (*judge, error) {
	kept := &c.fromFiles
	if d.cluster != nil {
		kept = &c.live
	}
	if *kept != nil {
		return *kept, nil
	}
	isLive := d.cluster != nil
	known, err := c.policy.load(c.cmd.Context(), c.in, c.cluster, c.rbac.namespace, isLive)
	if err != nil {
		return nil, err
	}
	if known.missing != "" {
		note(c.cmd, "the built-in policy applies: "+known.missing)
	}
	j := &judge{}
	if j.aws, err = c.aws.connect(c.cmd, c.cluster, known.policy, d.cluster); err != nil {
		return nil, err
	}
	if isLive {
		if j.caller, err = c.cluster.caller(c.cmd); err != nil {
			return nil, err
		}
	}
	ports := validate.Ports{Principals: j.aws.principals, Fleet: j.aws.nodes, Grants: j.caller.grants}
	if ports.Privileges, err = c.rbac.privileges(c.cmd, c.in, c.cluster, isLive, known); err != nil {
		return nil, err
	}
	if j.Validator, err = validate.New(known.policy, validate.WithPorts(ports)); err != nil {
		return nil, err
	}
	*kept = j
	return j, nil
}

// notAsked says what IAM could not be asked.
func (c *checker) notAsked() {
	for _, j := range []*judge{c.fromFiles, c.live} {
		if j != nil {
			j.aws.notAsked.note(c.cmd)
		}
	}
}

// print writes the result. Of one file there is no total.
func (c *checker) print(files []report.File) error {
	out := c.cmd.OutOrStdout()
	if c.fixesStdin() {
		out = c.cmd.ErrOrStderr() // the text goes there
	}
	if c.output.value == "text" && len(files) == 1 {
		return report.Text(out, files[0].Report, files[0].Sources, textOptions(out))
	}
	return printReport(out, c.output, files)
}

// withManifest adds what is wrong with the file itself to the verdict on the object in it: an object that cannot be
// sent is not allowed. It keeps the report's order: errors, then what the edit brings, then what is already there.
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
