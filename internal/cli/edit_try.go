package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth/plaintext"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

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
