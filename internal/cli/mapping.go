package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth/edit"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// mappingOptions are those of the commands that change aws-auth: add, remove, set and edit.
type mappingOptions struct {
	file    string
	dryRun  oneOf
	policy  policyOptions
	rbac    rbacOptions
	aws     awsOptions
	cluster clusterOptions
}

func newMappingOptions() *mappingOptions {
	return &mappingOptions{dryRun: oneOf{"none", []string{"none", "client", "server"}}, aws: newAWSOptions()}
}

func (o *mappingOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.VarP(oneFile{&o.file}, "filename", "f", "manifest `FILE` to change in place, - for standard input to output; "+
		"if empty, the object in the cluster")
	o.dryRun.flag(cmd, "dry-run", "", "only show what would change: client judges here, server asks the cluster as well; "+
		"without a value, server")
	f.Lookup("dry-run").NoOptDefVal = "server"
	o.policy.flags(f)
	o.rbac.flags(f)
	o.aws.flags(cmd)
	o.cluster.flags(f)
}

// mappingChange changes the data of an aws-auth, and says in words what it did. Without new data, nothing is to be done.
type mappingChange func(in *original) (updated map[string]string, did string, err error)

// original is an aws-auth that is to be changed.
type original struct {
	doc  *awsauth.Document
	data map[string]string
	// place names a place for a reader: in the file, or in a value of the object in the cluster.
	place func(awsauth.Place) string
	// command is a command line about the same aws-auth.
	command func(words ...string) string
}

func (m *mapping) original(data map[string]string) *original {
	in, v := &original{data: data, command: m.command}, &view{}
	in.doc, _ = awsauth.Parse(data)
	if t, ok := m.target.(*fileTarget); ok && t.was != nil {
		v.source = &report.Source{Name: t.was.Name, Locate: t.was.Locate}
	}
	in.place = v.place
	return in
}

func (m *mapping) command(words ...string) string { return commandLine(m.cmd, m.file, words...) }

// run makes a change: judges it here, asks the cluster, shows it, and writes it. If somebody else writes meanwhile, it
// begins again with what is there now.
func (o *mappingOptions) run(cmd *cobra.Command, change mappingChange) error {
	m := o.start(cmd)
	again := false
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if again {
			note(cmd, "somebody else changed aws-auth meanwhile: the change is made again, to what is there now")
		}
		again = true
		m.shown.Reset()
		return m.change(cmd.Context(), change)
	})
	if apierrors.IsConflict(err) {
		return fmt.Errorf("others keep changing aws-auth, try again: %w", err)
	}
	return m.finish(err)
}

// finish prints what came of it. Whatever could not be done to its end prints nothing but an error.
func (m *mapping) finish(err error) error {
	if err != nil && !errors.Is(err, errNo) {
		return err
	}
	if _, err := m.shown.WriteTo(m.out); err != nil {
		return err
	}
	if m.refused != "" {
		fmt.Fprintf(m.cmd.ErrOrStderr(), "error: %s\n", report.Visible(m.refused))
	}
	return err
}

// mapping is one run of a command that changes aws-auth.
type mapping struct {
	*mappingOptions
	cmd     *cobra.Command
	target  destination
	checker *checker
	// shown is what there is to show of the change, and out where it goes: standard error if the manifest goes to
	// standard output.
	shown bytes.Buffer
	out   io.Writer
	// findings are what was found here and does not deny the change; the cluster may deny it for the same.
	findings validate.Report
	// refused says that nothing was written; "" if something was.
	refused string
}

func (o *mappingOptions) start(cmd *cobra.Command) *mapping {
	in := &input{stdin: cmd.InOrStdin()}
	m := &mapping{mappingOptions: o, cmd: cmd, out: cmd.OutOrStdout(), target: &liveTarget{cluster: o.cluster}}
	if o.file != "" {
		m.target = &fileTarget{in: in, file: o.file, out: unscreened(cmd.OutOrStdout())}
	}
	if o.file == "-" {
		m.out = cmd.ErrOrStderr()
	}
	m.checker = &checker{cmd: cmd, in: in,
		checkOptions: &checkOptions{policy: o.policy, rbac: o.rbac, aws: o.aws, cluster: o.cluster}}
	return m
}

// change is one attempt.
func (m *mapping) change(ctx context.Context, change mappingChange) error {
	old, err := m.target.read(ctx)
	if err != nil {
		return err
	}
	updated := emptyAWSAuth()
	if old != nil {
		updated = old.DeepCopy()
	}
	data, did, err := change(m.original(updated.Data))
	switch {
	case err != nil:
		return m.editable(err)
	case data == nil:
		fmt.Fprintln(&m.shown, report.Visible(did))
		return m.unchanged(ctx, updated)
	}
	updated.Data = data
	if err := m.show(old, updated); err != nil {
		return err
	}
	if err := m.judge(old, updated); err != nil {
		return err
	}
	return m.write(ctx, updated, did)
}

func emptyAWSAuth() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"}, Data: map[string]string{}}
}

// unchanged passes a manifest on as it is: a reader of the output gets one either way.
func (m *mapping) unchanged(ctx context.Context, cm *corev1.ConfigMap) error {
	if m.file == "-" {
		return m.target.write(ctx, cm, false)
	}
	return nil
}

// editable says how to go on where the text cannot be changed by a command.
func (m *mapping) editable(err error) error {
	if !errors.As(err, new(*edit.UnreadableError)) && !errors.As(err, new(*edit.UnusualError)) {
		return err
	}
	return &clusterError{err.Error(), []string{"edit it with: " + m.command("edit")}, err}
}

// show shows the change of the text, and who gains and loses access.
func (m *mapping) show(old, updated *corev1.ConfigMap) error {
	was := old
	if was == nil {
		was = emptyAWSAuth()
	}
	if err := m.showText(was, updated); err != nil {
		return err
	}
	changes, err := m.accessChanges(was, updated)
	if err != nil {
		return err
	}
	fmt.Fprintf(&m.shown, "\naccess:\n%s\n", changes.text(textOptions(m.out).Width))
	return nil
}

func (m *mapping) showText(was, updated *corev1.ConfigMap) error {
	if t, ok := m.target.(*fileTarget); ok {
		text, err := t.text(updated)
		if err != nil {
			return m.editable(err)
		}
		fmt.Fprint(&m.shown, textDiff(t.was.Name, t.was.Text, text))
		return nil
	}
	for _, key := range keysOf(was.Data, updated.Data) {
		fmt.Fprint(&m.shown, textDiff(key, was.Data[key], updated.Data[key]))
	}
	return nil
}

func keysOf(a, b map[string]string) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.SortFunc(keys, func(x, y string) int {
		return 2*(position(x)-position(y)) + strings.Compare(x, y)
	})
	return slices.Compact(keys)
}

// position is that of a data key in the order in which EKS reads them; others come last.
func position(key string) int {
	if i := slices.Index(awsauth.Keys, key); i >= 0 {
		return i
	}
	return len(awsauth.Keys)
}

// textDiff is how a text changes, as diff -u shows it; "" if it does not.
func textDiff(name, was, is string) string { return visibleDiff(udiff.Unified(name, name, was, is)) }

// accessChanges says who gains, loses or changes what.
func (m *mapping) accessChanges(was, updated *corev1.ConfigMap) (changeList, error) {
	j, err := m.checker.judgeOf(m.draft(was, updated))
	if err != nil {
		return nil, err
	}
	read := func(cm *corev1.ConfigMap) *view {
		v := &view{object: cm, validator: j.Validator}
		v.source = m.fileSource(cm)
		v.doc, _ = awsauth.Parse(cm.Data)
		v.access = v.doc.Access()
		return v
	}
	before, after := read(was), read(updated)
	changes := changeList{}
	for _, c := range awsauth.Diff(before.access, after.access) {
		changes = append(changes, newChange(before, after, c))
	}
	return changes, nil
}

// draft is what is judged. The cluster is asked only about its own object.
func (m *mapping) draft(old, updated *corev1.ConfigMap) *draft {
	d := &draft{name: m.target.name(), object: updated, old: old}
	if m.target.isLive() {
		d.cluster = updated
	}
	return d
}

// judge judges the change as the webhook would. What is already there is not printed again: 'check' does.
func (m *mapping) judge(old, updated *corev1.ConfigMap) error {
	rep, err := m.checker.verdict(m.draft(old, updated))
	if err != nil {
		return err
	}
	m.checker.notAsked()
	rep.Findings = slices.DeleteFunc(rep.Findings, func(f validate.Finding) bool { return f.Preexisting })
	m.findings = rep
	if rep.Allowed {
		return nil
	}
	m.refused = m.target.name() + " is not changed"
	return cmp.Or(m.showFindings(updated), errNo)
}

// showFindings shows what was found here.
func (m *mapping) showFindings(updated *corev1.ConfigMap) error {
	if len(m.findings.Findings) == 0 {
		return nil
	}
	return report.Text(&m.shown, m.findings, m.sources(updated), textOptions(m.out))
}

// sources are the texts that findings point into: the values, or the file as it would be.
func (m *mapping) sources(updated *corev1.ConfigMap) (sources []report.Source) {
	if f := m.fileSource(updated); f != nil {
		return []report.Source{*f}
	}
	sources = append(sources, report.Source{Name: m.target.name()})
	for _, key := range awsauth.Keys {
		if text, ok := updated.Data[key]; ok {
			sources = append(sources, bareSource(key, text, key))
		}
	}
	return sources
}

// fileSource is the file as it would be; nil for the object in the cluster, and for a file that cannot be written.
func (m *mapping) fileSource(updated *corev1.ConfigMap) *report.Source {
	t, ok := m.target.(*fileTarget)
	if !ok {
		return nil
	}
	text, err := t.text(updated)
	if err != nil {
		return nil // the error is said where it is written
	}
	f, err := readManifest(t.was.Name, text)
	if err != nil {
		return nil
	}
	return &f
}

// write asks the cluster, if there is one, and then writes.
func (m *mapping) write(ctx context.Context, updated *corev1.ConfigMap, did string) error {
	mode := m.dryRun.value
	if !m.target.isLive() && mode == "server" {
		mode = "client"
	}
	if mode != "client" {
		if err := m.send(ctx, updated, m.target.isLive()); err != nil {
			return err
		}
	}
	if mode == "none" && m.target.isLive() {
		if err := m.send(ctx, updated, false); err != nil {
			return err
		}
	}
	if err := m.showFindings(updated); err != nil {
		return err
	}
	if mode != "none" {
		did += " (" + mode + " dry run)"
	}
	fmt.Fprintf(&m.shown, "%s: %s\n", report.Visible(m.target.name()), report.Visible(did))
	if live, ok := m.target.(*liveTarget); ok {
		m.warn(live.warned)
	}
	return nil
}

// send writes once. A denial is printed as findings.
func (m *mapping) send(ctx context.Context, updated *corev1.ConfigMap, dryRun bool) error {
	err := m.target.write(ctx, updated, dryRun)
	var denied *denial
	if errors.As(err, &denied) {
		m.leaveTo(denied)
		if err := m.showFindings(updated); err != nil {
			return err
		}
		denied.write(&m.shown)
		m.refused = "the cluster denies this edit, " + m.target.name() + " is not changed"
		return errNo
	}
	return err
}

// leaveTo leaves out of the findings made here those for which the cluster denies the change, and prints them.
func (m *mapping) leaveTo(denied *denial) {
	m.findings.Findings = slices.DeleteFunc(m.findings.Findings, func(f validate.Finding) bool {
		return slices.ContainsFunc(denied.findings, func(s serverFinding) bool { return s.says(f) })
	})
}

// alreadyThere marks a warning about what the edit does not bring (internal/admission).
var alreadyThere = regexp.MustCompile(` \((already there|was there before)\)`)

// warn prints the cluster's warnings about what the edit brings, but those that were found here as well.
func (m *mapping) warn(warnings []string) {
	for _, w := range warnings {
		found := func(f validate.Finding) bool { return strings.HasPrefix(w, f.Field+": "+f.Head()) }
		if !alreadyThere.MatchString(w) && !slices.ContainsFunc(m.findings.Findings, found) {
			fmt.Fprintf(m.cmd.ErrOrStderr(), "Warning: %s\n", report.Visible(w))
		}
	}
}
