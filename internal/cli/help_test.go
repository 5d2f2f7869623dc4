package cli

import (
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
	"github.com/spf13/pflag"
)

// TestHelp holds of the help of every command that it says the exit codes and fits into 80 columns, but for text to copy.
func TestHelp(t *testing.T) {
	root := newRoot()
	root.InitDefaultHelpCmd()
	for _, c := range append(commands(root), root) {
		path := strings.Fields(strings.TrimPrefix(c.CommandPath(), root.CommandPath()))
		text, code := kubectl(append(path, "--help")...)
		byHelp, _ := kubectl(append([]string{"help"}, path...)...)
		if code != exitAdmitted || text != byHelp {
			t.Errorf("%q: exit code %d; --help and help differ:\n%s\n%s", path, code, text, byHelp)
		}
		if c.Parent() != nil && c.Parent().Name() == "completion" || c.Name() == "help" {
			continue // cobra's text, and a command that has no answer
		}
		if !strings.Contains(text, "\nExit codes: 0 ") || !strings.Contains(text, "2 ") {
			t.Errorf("%q: no exit codes", path)
		}
		for line := range strings.Lines(text) {
			copied := strings.HasPrefix(line, "  ") && (strings.Contains(line, "kubectl") || strings.Contains(line, "#"))
			if line = strings.TrimSuffix(line, "\n"); displaywidth.String(line) > textWidth && !copied {
				t.Errorf("%q: a line of %d columns:\n%s", path, displaywidth.String(line), line)
			}
		}
	}
}

// TestEveryFlagCompletes holds that Tab offers values, or nothing, for every flag that takes no file.
func TestEveryFlagCompletes(t *testing.T) {
	files := map[string]bool{"kubeconfig": true, "map-roles": true, "map-users": true, "map-accounts": true}
	for _, c := range commands(newRoot()) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			_, has := c.GetFlagCompletionFunc(f.Name)
			if f.NoOptDefVal == "" && has == files[f.Name] {
				t.Errorf("%s --%s: has a completion: %t", c.Name(), f.Name, has)
			}
		})
	}
}

// TestSameFlags holds that a flag has the same letter in every command.
func TestSameFlags(t *testing.T) {
	short := map[string]string{}
	for _, c := range newRoot().Commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if was, ok := short[f.Name]; ok && was != f.Shorthand {
				t.Errorf("%s --%s is -%s, elsewhere -%s", c.Name(), f.Name, f.Shorthand, was)
			}
			short[f.Name] = f.Shorthand
		})
	}
}

// TestSuggestions types every command, flag and value with a letter missing.
func TestSuggestions(t *testing.T) {
	for _, c := range newRoot().Commands() {
		name := c.Name()
		if typed := name[:len(name)-2] + name[len(name)-1:]; !refusedWith(t, name, typed, "-f", "x") {
			t.Errorf("%s: %s is not suggested", typed, name)
		}
		if !c.Runnable() || c.Name() == "completion" {
			continue
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if typed := f.Name[:1] + f.Name[2:]; len(f.Name) > 4 && c.Flags().Lookup(typed) == nil && !refusedWith(t, "--"+f.Name+"?", name, "--"+typed) {
				t.Errorf("%s --%s: --%s is not suggested", name, typed, f.Name)
			}
			if o, ok := f.Value.(*oneOf); ok {
				for _, word := range o.words {
					if typed := word + "x"; len(word) > 2 && !refusedWith(t, "did you mean "+word+"?", name, "--"+f.Name+"="+typed) {
						t.Errorf("%s --%s %s: %s is not suggested", name, f.Name, typed, word)
					}
				}
			}
		})
	}
}

// refusedWith reports that a command line is refused with a text in the answer.
func refusedWith(t *testing.T, want string, args ...string) bool {
	t.Helper()
	text, code := kubectl(args...)
	if code != exitFailed || !strings.HasPrefix(text, "error: ") {
		t.Errorf("%q: exit code %d\n%s", args, code, text)
	}
	return strings.Contains(text, want)
}
