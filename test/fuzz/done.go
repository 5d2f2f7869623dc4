package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// done is a directory of what came out of targets on one commit, a file for each, so that a run that was ended goes on
// where it stopped. Without a commit that says what is fuzzed, it keeps nothing.
type done string

// entry is such a file.
type entry struct {
	Time   time.Duration
	Result result
}

// doneOn returns the directory of the commit that is checked out, below another directory; none if Go files differ from it.
func doneOn(ctx context.Context, below string) (done, error) {
	if below == "" {
		return "", nil
	}
	changed, err := git(ctx, "status", "--porcelain", "--", "*.go", "*go.mod", "*go.sum")
	if err != nil || changed != "" {
		return "", err
	}
	commit, err := git(ctx, "rev-parse", "HEAD")
	return done(filepath.Join(below, commit)), err
}

func git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

func (d done) file(t target) string {
	return filepath.Join(string(d), strings.ReplaceAll(strings.TrimPrefix(t.Dir, "./"), "/", "-")+"-"+t.Name+".json")
}

// find returns what came out of a target that has run for that long and without a disagreement.
func (d done) find(t target, each time.Duration) (r result, found bool, err error) {
	if d == "" {
		return r, false, nil
	}
	text, err := os.ReadFile(d.file(t))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	var e entry
	if err := json.Unmarshal(text, &e); err != nil {
		return r, false, fmt.Errorf("%s: %w", d.file(t), err)
	}
	return e.Result, e.Time >= each && e.Result.Disagreements == 0, nil
}

func (d done) keep(r result, each time.Duration) error {
	if d == "" {
		return nil
	}
	text, err := json.Marshal(entry{each, r})
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(string(d), 0o755), os.WriteFile(d.file(r.target), text, 0o600))
}
