package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth/plaintext"
	"github.com/aws-auth-guard/aws-auth-guard/internal/editor"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func newEdit() *cobra.Command {
	o := newMappingOptions()
	var kept string
	cmd := &cobra.Command{
		Use:   "edit [-f FILE] [--continue FILE]",
		Short: "Edit aws-auth in your editor, with findings below the lines they are about",
		Long: `Edit aws-auth in your editor, with findings below the lines they are about.

The editor is that of kubectl edit: $KUBE_EDITOR, $EDITOR or vi. It shows mapRoles,
mapUsers and mapAccounts as YAML, as they are, with their comments. When you save
and close it, the text is judged here, as by 'kubectl awsauth check', and by the
cluster. Findings that deny it come back as comments below the lines they are
about; they are taken out again by themselves. Without any, the edit is applied,
and you see who gains and loses access.

To leave, save without a change. What you typed is kept in a file then, and
--continue opens it again.

If somebody else changes aws-auth meanwhile, your edit is merged, unless both
changed the same list: then the editor shows what the other changed.

With -f a manifest is edited in place, and the cluster is not asked.

Exit codes: 0 applied, or no changes; 1 denied; 2 could not run.`,
		Example: `  kubectl awsauth edit

  # only show what would change
  kubectl awsauth edit --dry-run

  # another editor
  KUBE_EDITOR="code --wait" kubectl awsauth edit`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q; did you mean -f %s?", args[0], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.file == "-" {
				return usagef("standard input (-) is the editor's; name a file, or leave -f out for the object in the cluster")
			}
			e := &editing{mapping: o.start(cmd)}
			defer e.checker.notAsked()
			return e.finish(e.runKeeping(cmd.Context(), kept))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().Var(oneFile{&kept}, "continue", "go on with the `FILE` that keeps what you typed before")
	o.flags(cmd)
	return cmd
}

// editing is one run of edit.
type editing struct {
	*mapping
	// base is what the text is an edit of.
	base *corev1.ConfigMap
	// exists is false while the cluster has no aws-auth.
	exists bool
	// text is what was typed, without notes; file is where the editor has it. begun is the text that was shown first.
	text, file, begun string
	notes             []plaintext.Note
	// trouble says in one line why the text is not applied; "" if there is no reason.
	trouble string
	// kept says that the text was typed before.
	kept bool
}

// runKeeping keeps what was typed even if there is a bug here.
func (e *editing) runKeeping(ctx context.Context, kept string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(e.cmd.ErrOrStderr(), "panic: %v\n\n%s\n", p, debug.Stack())
			err = e.leave(fmt.Errorf("kubectl awsauth has a bug (%v); report it with the lines above", p))
		}
	}()
	return e.run(ctx, kept)
}

func (e *editing) run(ctx context.Context, kept string) error {
	if err := e.readBase(ctx); err != nil {
		return err
	}
	if _, err := e.checker.judgeOf(e.draft(e.base, e.base)); err != nil {
		return err // before anybody types what cannot be judged
	}
	if err := e.begin(kept); err != nil {
		return err
	}
	for {
		typed, err := e.open(ctx)
		if err != nil {
			return e.leave(err)
		}
		if done, err := e.unchanged(typed); done {
			return err
		}
		e.text = typed
		outcome := again
		for outcome == again && err == nil {
			outcome, err = e.try(ctx)
		}
		if outcome == applied || err != nil {
			return e.leave(err)
		}
	}
}

// outcome is what becomes of a text.
type outcome int

const (
	reopen  outcome = iota // in the editor, with notes
	again                  // it was merged with what somebody else has written, and has to be judged
	applied                // or nothing was to be done
)

func (e *editing) readBase(ctx context.Context) error {
	cm, err := e.target.read(ctx)
	e.base, e.exists = cm, cm != nil
	if cm == nil {
		e.base = emptyAWSAuth()
	}
	return err
}

// begin writes the text that is shown first: what is there, with what is wrong with it already, or what was kept.
func (e *editing) begin(kept string) error {
	if kept == "" {
		e.text = plaintext.Write(e.header(), e.base.Data)
		e.begun, e.notes = e.text, e.standing()
		return nil
	}
	text, err := os.ReadFile(kept)
	if err != nil {
		return fileError(kept, err)
	}
	e.kept, e.text = true, plaintext.WithoutNotes(string(text))
	t := plaintext.Read(e.text, e.base.Data)
	if version := e.version(); version != "" && !strings.Contains(e.text, version) {
		e.notes = append(e.notes, changesNote(0, "aws-auth was changed since this text was begun; it would now change:", e.base.Data, t.Data))
		e.text = versionLine.ReplaceAllLiteralString(e.text, "# "+version)
	}
	_, err = e.judgeText(t)
	return err
}

// header says what to do.
func (e *editing) header() []string {
	lines := []string{`Edit the lists, save, and close the editor. The text is judged before anything`,
		`is applied: what is wrong comes back in lines that begin with "# ^", which are`,
		`taken out again by themselves. To leave, save without a change.`}
	if version := e.version(); version != "" {
		return append(lines, version)
	}
	return append(lines, report.Visible(e.target.name()))
}

// version names what the text was written from, so that --continue knows whether that is still there.
func (e *editing) version() string {
	if e.base.ResourceVersion == "" {
		return ""
	}
	return "configmap kube-system/aws-auth, resourceVersion " + e.base.ResourceVersion
}

// standing are notes about what is wrong already. The engine says it of an edit; one more line end is none that means
// anything.
func (e *editing) standing() []plaintext.Note {
	if !e.exists {
		return nil
	}
	edited := e.base.DeepCopy()
	for _, key := range awsauth.Keys {
		if text, ok := edited.Data[key]; ok {
			edited.Data[key] = text + "\n"
			break
		}
	}
	rep, err := e.checker.verdict(e.draft(e.base, edited))
	if err != nil {
		return nil // it is said when there is an edit
	}
	rep.Findings = slices.DeleteFunc(rep.Findings, func(f validate.Finding) bool { return !f.Preexisting })
	return e.findingNotes(plaintext.Read(e.text, e.base.Data), rep.Findings)
}

// open shows the text with its notes, and returns what the editor leaves, without them.
func (e *editing) open(ctx context.Context) (typed string, err error) {
	if err := e.writeFile(plaintext.Annotate(e.text, e.notes)); err != nil {
		return "", err
	}
	in, out, errs := e.cmd.InOrStdin(), unscreen(e.cmd.OutOrStdout()), unscreen(e.cmd.ErrOrStderr())
	if err := editor.Run(ctx, e.file, editor.Streams{In: in, Out: out, Err: errs}); err != nil {
		return "", err
	}
	text, err := os.ReadFile(e.file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("the editor removed the file")
	}
	return plaintext.WithoutNotes(string(text)), err
}

// writeFile writes the file for the editor: the same one each time, so that the editor finds the place again.
func (e *editing) writeFile(text string) error {
	if e.file == "" {
		f, err := os.CreateTemp("", "kubectl-awsauth-edit-*.yaml")
		if err != nil {
			return err
		}
		e.file = f.Name()
		if err := f.Close(); err != nil {
			return err
		}
	}
	return os.WriteFile(e.file, []byte(text), 0o600)
}

// unchanged ends the command if nothing was typed: since nothing is to be done, or since somebody leaves.
func (e *editing) unchanged(typed string) (done bool, err error) {
	empty := strings.TrimSpace(typed) == ""
	same := typed == e.text || typed+"\n" == e.text || typed == e.text+"\n"
	switch {
	case empty && (e.trouble != "" || e.kept): // what was typed before is not thrown away by that
		e.trouble = cmp.Or(e.trouble, "the editor saved an empty file")
		return true, e.leave(errNo)
	case empty || same && e.trouble == "" && !e.kept:
		fmt.Fprintln(&e.shown, "no changes")
		return true, e.leave(nil)
	case !same || e.trouble == "":
		return false, nil
	}
	return true, e.leave(errNo)
}

// leave ends the command. A text that was not applied is kept in its file.
func (e *editing) leave(err error) error {
	if err != nil {
		e.restore()
	}
	if err == nil || !e.typed() {
		if e.file != "" {
			_ = os.Remove(e.file) // else it is a leftover in the temporary directory
		}
		return err
	}
	fix := "continue with: " + e.command("edit") + " --continue " + shell(e.file)
	if errors.Is(err, errNo) {
		why := fmt.Sprintf("%s is not changed: %s", e.target.name(), e.trouble)
		writeError(e.cmd.ErrOrStderr(), e.cmd, &clusterError{why, []string{fix}, nil})
		return err
	}
	return &clusterError{err.Error(), []string{fix}, err}
}

// restore writes the text into its file again if the editor emptied or removed that.
func (e *editing) restore() {
	if e.file == "" {
		return
	}
	if now, err := os.ReadFile(e.file); err != nil || strings.TrimSpace(string(now)) == "" {
		_ = os.WriteFile(e.file, []byte(e.text), 0o600) // without the file, nothing is said of it
	}
}

// typed reports that the file has something in it that was not there at the beginning.
func (e *editing) typed() bool {
	text, err := os.ReadFile(e.file)
	return err == nil && (e.kept || plaintext.WithoutNotes(string(text)) != e.begun)
}

// try judges the text and applies it.
func (e *editing) try(ctx context.Context) (outcome, error) {
	e.notes, e.trouble = nil, ""
	t := plaintext.Read(e.text, e.base.Data)
	if len(t.Problems) == 0 && maps.Equal(t.Data, e.base.Data) {
		fmt.Fprintln(&e.shown, "no changes")
		return applied, nil
	}
	updated, err := e.judgeText(t)
	if err != nil || updated == nil {
		return reopen, err
	}
	changes, err := e.accessChanges(e.base, updated)
	if err != nil {
		return reopen, err
	}
	if mode := e.dryRun.value; mode != "none" {
		return e.tryDry(ctx, t, updated, changes)
	}
	if e.target.isLive() { // the answer is the same, and nothing is half done
		if out, err := e.send(ctx, t, updated, true); out != applied {
			return out, err
		}
	}
	out, err := e.send(ctx, t, updated, false)
	if out == applied {
		e.report(changes, "changed")
	}
	return out, err
}

// tryDry shows what would change.
func (e *editing) tryDry(ctx context.Context, t *plaintext.Text, updated *corev1.ConfigMap, changes changeList) (outcome, error) {
	mode := e.dryRun.value
	if mode == "server" && !e.target.isLive() {
		mode = "client"
	}
	if mode == "server" {
		if out, err := e.send(ctx, t, updated, true); out != applied {
			return out, err
		}
	}
	if err := e.showText(e.base, updated); err != nil {
		return reopen, err
	}
	fmt.Fprintln(&e.shown)
	e.report(changes, "changed ("+mode+" dry run)")
	return applied, nil
}

func (e *editing) report(changes changeList, did string) {
	fmt.Fprintf(&e.shown, "access:\n%s\n%s %s\n", changes.text(textOptions(e.out).Width), report.Visible(e.target.name()), did)
	if live, ok := e.target.(*liveTarget); ok {
		e.warn(live.warned)
	}
}

// judgeText judges a text here. Without an object there are notes about what is wrong.
func (e *editing) judgeText(t *plaintext.Text) (*corev1.ConfigMap, error) {
	for _, p := range t.Problems {
		e.notes = append(e.notes, plaintext.Note{Line: p.Line, Lines: findingLines("", p.Message, p.Fix, nil, "")})
		e.say(p.Message, p.Fix)
	}
	if len(t.Problems) > 0 {
		return nil, nil
	}
	updated := e.base.DeepCopy()
	updated.Data = t.Data
	rep, err := e.checker.verdict(e.draft(e.old(), updated))
	if err != nil {
		return nil, err
	}
	if rep.Allowed {
		return updated, nil
	}
	e.notes = append(e.notes, e.findingNotes(t, rep.Findings)...)
	e.say(rep.Findings[0].Head()+" "+rep.Findings[0].Message, rep.Findings[0].Fix)
	return nil, nil
}

func (e *editing) old() *corev1.ConfigMap {
	if !e.exists {
		return nil
	}
	return e.base
}

// say sets the line that says why the text is not applied; the first reason is said.
func (e *editing) say(message, fix string) {
	if e.trouble == "" {
		e.trouble = message
		if fix != "" {
			e.trouble += "; fix: " + fix
		}
	}
}

// send sends the edit to where it goes.
func (e *editing) send(ctx context.Context, t *plaintext.Text, updated *corev1.ConfigMap, dryRun bool) (outcome, error) {
	err := e.target.write(ctx, updated, dryRun)
	var denied *denial
	switch {
	case err == nil:
		return applied, nil
	case errors.As(err, &denied):
		e.notes = serverNotes(t, denied)
		e.say(denied.findings[0].oneLine(), "")
		return reopen, nil
	case apierrors.IsConflict(err):
		return e.merge(ctx, t)
	}
	return reopen, err
}

// merge puts the edit on what somebody else has written meanwhile. If both changed one list, the editor shows what the
// other changed.
func (e *editing) merge(ctx context.Context, t *plaintext.Text) (outcome, error) {
	was := e.base
	if err := e.readBase(ctx); err != nil {
		return reopen, err
	}
	merged := maps.Clone(t.Data)
	for _, key := range keysOf(was.Data, e.base.Data) {
		theirs, old := e.base.Data[key], was.Data[key]
		switch mine := t.Data[key]; {
		case theirs == old || theirs == mine:
		case mine == old:
			merged[key] = theirs
		default:
			e.notes = append(e.notes, changesNote(t.Line(key, 0), "somebody else changed "+key+" meanwhile, and this text undoes it:",
				map[string]string{key: old}, map[string]string{key: theirs}))
			e.say("somebody else changed "+key+" meanwhile", "take over what they changed")
		}
	}
	if e.trouble != "" {
		e.text = versionLine.ReplaceAllLiteralString(e.text, "# "+e.version())
		return reopen, nil
	}
	note(e.cmd, "somebody else changed aws-auth meanwhile: your edit is merged into what is there now")
	e.text = plaintext.Write(e.header(), merged)
	return again, nil
}

// versionLine is the line of the header that names a version.
var versionLine = regexp.MustCompile(`(?m)^# configmap kube-system/aws-auth, resourceVersion \S+$`)
