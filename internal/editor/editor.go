// Package editor runs the user's editor on a file, chosen and started as kubectl does.
package editor

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// Streams are the editor's: where they are files, it has the terminal to itself.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run opens a file in the editor and returns when the editor ends.
func Run(ctx context.Context, file string, s Streams) error {
	name := named(os.Getenv, runtime.GOOS)
	args := command(name, os.Getenv("SHELL"), runtime.GOOS, file)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	defer keepTerminal(s.In)()
	// Ctrl-C is a key of the editor. What is caught here is not ignored there: a program that is started does not
	// inherit it.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the editor %q failed (KUBE_EDITOR or EDITOR names another): %w", name, err)
	}
	return nil
}

// keepTerminal remembers how the terminal is; an editor that crashes may leave it without echo.
func keepTerminal(in io.Reader) (restore func()) {
	f, ok := in.(*os.File)
	if !ok {
		return func() {}
	}
	state, err := term.GetState(int(f.Fd()))
	if err != nil { // it is no terminal
		return func() {}
	}
	return func() { _ = term.Restore(int(f.Fd()), state) } // there is nothing else to try
}

// named is the editor: $KUBE_EDITOR, $EDITOR, or what every system has (k8s.io/kubectl pkg/cmd/util/editor).
func named(env func(string) string, system string) string {
	for _, name := range []string{"KUBE_EDITOR", "EDITOR"} {
		if editor := env(name); strings.TrimSpace(editor) != "" {
			return editor
		}
	}
	return map[bool]string{false: "vi", true: "notepad"}[system == "windows"]
}

// command is how an editor is started. One with quotes or backslashes goes through the shell, any other is split at its
// spaces, as kubectl does.
func command(editor, shell, system, file string) []string {
	if system == "windows" || !strings.ContainsAny(editor, `"'\`) {
		return append(strings.Fields(editor), file)
	}
	if shell == "" {
		shell = "/bin/sh"
	}
	return []string{shell, "-c", editor + " " + strconv.Quote(file)}
}
