// Command words reads the names of files from its input, and reports words that this repository does not use, each with what
// to write instead. It exits with 1 if there are any. CONTRIBUTING.md, "Words", says why.
package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// word is a pattern of words that we do not use. A blank in it matches line breaks too, with the marks of a comment.
type word struct{ pattern, write string }

var words = []word{
	{`mend(s|ed|ing)?`, "fix"},
	{`(let|lets|letting) (\w+ ){0,2}in|let-in`, "allow"},
	{`(get|gets|got|getting) (in|past)`, "authenticate; allow; bypass"},
	{`as good as|makes? (it )?as good`, "equivalent to"},
	{`no good`, "invalid"},
	{`live nodes?|nodes? that lives?`, "running node"},
	{`last good one`, "the previous one"},
	{`(stand|stands|stood) twice`, "appears twice"},
	{`stood|what stands|stands (there|here|in force|behind)|where (it|they|things|everything) stands?`, "existing; is; was"},
	{`(break|breaks|broke) the glass|glass broken`, "a break-glass group"},
	{`anew`, "again"},
	{`taken in`, "reloaded; read; stored"},
	{`put up with`, "tolerate"},
	{`tells|told`, "reports, logs, returns, says"},
	{`whoever`, "somebody who; a caller that; everyone who"},
	{`out of step`, "the indentation differs"},
	{`see to (the|it)`, "fix"},
	{`nothing that can be understood`, "no usable answer"},
}

// exceptions.txt lists uses that stay: the path of a file and, after a blank, the exact text; without a text, all of the file.
//
//go:embed exceptions.txt
var exceptionList string

func main() {
	found, err := run(os.DirFS("."), os.Stdin, exceptionList, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
	}
	if found || err != nil {
		os.Exit(1)
	}
}

// run checks the files that are named in names, one on each line, and reports whether it found anything.
func run(files fs.FS, names io.Reader, exceptions string, out io.Writer) (bool, error) {
	allowed, used := parse(exceptions), map[string]bool{}
	found := false
	scanner := bufio.NewScanner(names)
	for scanner.Scan() {
		name := scanner.Text()
		if skipped(name) {
			continue
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return found, err
		}
		for _, hit := range check(string(text)) {
			if exception := exceptionFor(allowed, name, hit.text); exception != "" {
				used[exception] = true
				continue
			}
			fmt.Fprintf(out, "%s:%d: %q: write %s\n", name, hit.line, hit.text, hit.write)
			found = true
		}
	}
	for _, e := range allowed {
		if !used[e] {
			fmt.Fprintf(out, "test/tools/words/exceptions.txt: %q is not needed any more: remove the line\n", e)
			found = true
		}
	}
	return found, scanner.Err()
}

// skipped reports files that are no text of ours, and those that have to name the words.
func skipped(name string) bool {
	return strings.HasPrefix(name, "test/tools/words/") || strings.HasPrefix(name, "test/screens/mistakes/") ||
		strings.HasPrefix(name, "docs/pictures/") || strings.Contains("/"+name, "/testdata/") ||
		slices.Contains([]string{"CHANGELOG.md", "LICENSE", "go.sum"}, path.Base(name))
}

// hit is a use of a word, on a line.
type hit struct {
	line        int
	text, write string
}

var patterns = compile()

func compile() []*regexp.Regexp {
	all := make([]*regexp.Regexp, len(words))
	for i, w := range words {
		all[i] = regexp.MustCompile(`(?i)\b(?:` + strings.ReplaceAll(w.pattern, " ", `(?:[ \t]+|[ \t]*\n[ \t]*(?://|#)?[ \t]*)`) + `)\b`)
	}
	return all
}

// check finds the words in a text.
func check(text string) []hit {
	if strings.ContainsRune(text, 0) {
		return nil // not a text
	}
	var hits []hit
	for i, p := range patterns {
		for _, at := range p.FindAllStringIndex(text, -1) {
			hits = append(hits, hit{1 + strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]], words[i].write})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.line - b.line })
	return hits
}

// parse returns the lines of exceptions.txt without comments.
func parse(exceptions string) []string {
	var all []string
	for line := range strings.Lines(exceptions) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// exceptionFor is the exception that allows a text in a file, "" if there is none.
func exceptionFor(exceptions []string, name, text string) string {
	for _, e := range exceptions {
		if e == name || e == name+" "+text {
			return e
		}
	}
	return ""
}
