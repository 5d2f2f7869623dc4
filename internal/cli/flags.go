package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a mistake in the command line itself.
type usageError struct{ error }

func usagef(format string, a ...any) error { return usageError{fmt.Errorf(format, a...)} }

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}

// fileNotArgument is for commands that take a manifest by -f alone.
func fileNotArgument(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q; did you mean -f %s?", args[0], args[0])
	}
	return nil
}

// oneOf is a flag that takes one of a few words.
type oneOf struct {
	value string
	words []string
}

func (o *oneOf) String() string { return o.value }
func (o *oneOf) Type() string   { return strings.Join(o.words, "|") }
func (o *oneOf) Set(s string) error {
	if !slices.Contains(o.words, s) {
		return errors.New("want " + orList(o.words) + didYouMean(nearest(s, o.words)))
	}
	o.value = s
	return nil
}

func (o *oneOf) flag(cmd *cobra.Command, name, shorthand, usage string) {
	o.bind(cmd.Flags(), name, shorthand, usage)
}

func (o *oneOf) bind(f *pflag.FlagSet, name, shorthand, usage string) {
	f.VarP(o, name, shorthand, usage)
}

// outputForm is the flag --output with its default first.
func outputForm(words ...string) oneOf { return oneOf{words[0], words} }

// oneFile is a flag that takes one file, and not the last of several. It may be set to the same again: cobra parses a
// command line twice to complete it.
type oneFile struct{ name *string }

func (f oneFile) String() string {
	if f.name == nil {
		return ""
	}
	return *f.name
}
func (f oneFile) Type() string { return "FILE" }
func (f oneFile) Set(s string) error {
	if *f.name != "" && *f.name != s {
		return fmt.Errorf("this flag takes one file, and %q is given already", *f.name)
	}
	*f.name = s
	return nil
}

// colorFlag is --color, which every command has.
func colorFlag(root *cobra.Command) *oneOf {
	o := &oneOf{"auto", []string{"auto", "always", "never"}}
	o.bind(root.PersistentFlags(), "color", "", "colors in the output; auto is on a terminal without NO_COLOR")
	return o
}

// setColor turns colours on or off for all that is still to be printed. The colour library has looked at NO_COLOR, TERM
// and the terminal already.
func setColor(cmd *cobra.Command, when string) {
	if when == "auto" {
		return
	}
	color.NoColor = when == "never"
	for _, w := range []io.Writer{cmd.OutOrStdout(), cmd.ErrOrStderr()} {
		if s, ok := w.(*screen); ok {
			s.colours = !color.NoColor
		}
	}
}

// quietFlag gives a command the flag --quiet: its exit code is the whole answer. Why it could not run is still said.
func quietFlag(cmd *cobra.Command) {
	cmd.Flags().BoolP("quiet", "q", false, "print nothing; the exit code is the answer")
}

func setQuiet(cmd *cobra.Command) {
	if quiet := cmd.Flag("quiet"); quiet != nil && quiet.Changed && quiet.Value.String() == "true" {
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
	}
}
