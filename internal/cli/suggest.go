package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nearest is the word that somebody may have meant, "" if none is near: one that a typed beginning leads to, or one
// that differs in a letter or two.
func nearest(typed string, words []string) string {
	typed = strings.ToLower(typed)
	best, distance := "", min(2, len(typed)/2)+1
	for _, word := range words {
		folded := strings.ToLower(word)
		if len(typed) > 1 && strings.HasPrefix(folded, typed) {
			return word
		}
		if d := levenshtein.Distance(typed, folded, nil); d < distance {
			best, distance = word, d
		}
	}
	return best
}

func didYouMean(word string) string {
	if word == "" {
		return ""
	}
	return "; did you mean " + word + "?"
}

// orList joins words for a sentence: a, b or c.
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// unknownCommand says which command was meant, if that is what an error of cobra's is about. Cobra has no type for it,
// and finds it out before it parses flags.
func unknownCommand(root *cobra.Command, err error) error {
	typed, found := strings.CutPrefix(err.Error(), "unknown command \"")
	if !found {
		return err
	}
	typed, _, _ = strings.Cut(typed, `" for "`)
	return noCommand(root, typed)
}

// noCommand says which command was meant by one that there is not.
func noCommand(parent *cobra.Command, typed string) error {
	var names []string
	for _, c := range parent.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		names = append(names, c.Name())
		if slices.Contains(c.SuggestFor, strings.ToLower(typed)) {
			return usagef("unknown command %q; did you mean %s?", typed, c.Name())
		}
	}
	if meant := nearest(typed, names); meant != "" {
		return usagef("unknown command %q; did you mean %s?", typed, meant)
	}
	return usagef("unknown command %q, want %s", typed, orList(names))
}

// errVersion is for --version behind a command, where it is no flag. Like --help it is asked for whatever else is
// typed.
var errVersion = errors.New("--version")

// flagError says of a mistake in a flag what was meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usagef("unknown flag -%s", unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown) && unknown.GetSpecifiedName() == "version":
		return errVersion
	case errors.As(err, &unknown):
		return usagef("unknown flag --%s%s", unknown.GetSpecifiedName(), didYouMean(nearestFlag(cmd, unknown.GetSpecifiedName())))
	case errors.As(err, &bare):
		takes, _ := pflag.UnquoteUsage(bare.GetFlag())
		return usagef("--%s needs a value: %s", bare.GetFlag().Name, takes)
	case errors.As(err, &invalid):
		return usagef("--%s %q: %w", invalid.GetFlag().Name, invalid.GetValue(), errors.Unwrap(invalid))
	}
	return usageError{err}
}

func nearestFlag(cmd *cobra.Command, typed string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if meant := nearest(typed, names); meant != "" {
		return fmt.Sprintf("--%s", meant)
	}
	return ""
}
