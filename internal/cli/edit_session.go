package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth/plaintext"
	"github.com/aws-auth-guard/aws-auth-guard/internal/editor"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

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
