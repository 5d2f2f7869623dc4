package internal_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	sourceLine  = regexp.MustCompile(`(?m)^<!-- source: (\S+) sha256:([0-9a-f]*) -->$`)
	codeComment = regexp.MustCompile(`\s+#\s.*$`)
)

// TestTranslations: a page in Japanese is as new as the English text that it translates. It links to that text, and
// quotes commands, messages and names as they are there.
//
// A line at the top of the page names each page, or the section of one (docs/cli.md#output), with its hash.
func TestTranslations(t *testing.T) {
	pages := 0
	for _, name := range filesOfRepository(t) {
		if strings.HasSuffix(name, ".ja.md") || strings.HasPrefix(name, "docs/ja/") {
			pages++
			t.Run(name, func(t *testing.T) { checkTranslation(t, name) })
		}
	}
	if pages == 0 {
		t.Error("no page was looked at")
	}
}

func checkTranslation(t *testing.T, name string) {
	file := filepath.Join("..", name)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	sources := sourceLine.FindAllStringSubmatch(page, -1)
	if len(sources) == 0 {
		t.Fatal("the page names no English source: begin it with <!-- source: README.md sha256: -->")
	}
	english, updated := "", page
	var pages, changed []string
	for _, m := range sources {
		whole, part, err := sourceText(m[1])
		if err != nil {
			t.Errorf("the source %s: %v", m[1], err)
			continue
		}
		english += whole
		path, _, _ := strings.Cut(m[1], "#")
		if !linksTo(name, page, path) {
			t.Errorf("the page has no link to its source %s", path)
		}
		hash := fmt.Sprintf("%x", sha256.Sum256([]byte(part)))
		if hash != m[2] {
			pages, changed = append(pages, path), append(changed, m[1])
			updated = strings.Replace(updated, m[0], "<!-- source: "+m[1]+" sha256:"+hash+" -->", 1)
		}
	}
	switch {
	case len(changed) == 0:
	case *update:
		if err := os.WriteFile(file, []byte(updated), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("changed since the page was translated: %s. To see how:\n"+
			"git diff $(git log -1 --format=%%h -- %s) -- %s\n"+
			"Translate that, then record the new hashes:\n"+
			"go test ./internal -run TestTranslations/%s -update",
			strings.Join(changed, ", "), name, strings.Join(slices.Compact(pages), " "), name)
	}
	english = strings.Join(strings.Fields(english), " ")
	for _, code := range codeOf(page) {
		if !strings.Contains(english, code) {
			t.Errorf("the code %q is not in the English source: quote it as it is there", code)
		}
	}
}

// sourceText returns the page that a source is on, and the source: the page, or the section with its anchor.
func sourceText(source string) (page, part string, err error) {
	path, anchor, _ := strings.Cut(source, "#")
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		return "", "", err
	}
	if anchor == "" {
		return string(text), string(text), nil
	}
	if part = section(string(text), anchor); part == "" {
		return "", "", fmt.Errorf("%s has no heading #%s: correct the page's source line", path, anchor)
	}
	return string(text), part, nil
}

// section is the text from the heading with an anchor to the next heading of its level or above.
func section(page, anchor string) string {
	var lines []string
	level, fenced := 0, false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if heading := markdownHeading.MatchString(line); heading && !fenced {
			depth := strings.IndexByte(line, ' ')
			switch {
			case level == 0 && anchors(line)[anchor]:
				level = depth
			case level > 0 && depth <= level:
				return strings.Join(lines, "")
			}
		}
		if level > 0 {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func linksTo(name, page, path string) bool {
	return slices.ContainsFunc(linksOf(page), func(link string) bool {
		target, _, _ := strings.Cut(link, "#")
		return filepath.ToSlash(filepath.Join(filepath.Dir(name), target)) == path
	})
}

// codeOf are the lines of a page's code blocks, without comments at their ends, and its spans of code.
func codeOf(page string) (code []string) {
	for _, block := range markdownFence.FindAllString(page, -1) {
		for line := range strings.Lines(block) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "```") {
				code = append(code, strings.Join(strings.Fields(codeComment.ReplaceAllString(line, "")), " "))
			}
		}
	}
	for _, span := range markdownCode.FindAllString(markdownFence.ReplaceAllString(page, ""), -1) {
		code = append(code, strings.Join(strings.Fields(strings.Trim(span, "`")), " "))
	}
	return code
}

// TestSection: what belongs to a section, which decides when a translation of it is out of date.
func TestSection(t *testing.T) {
	const page = "# Page\n\n## One\n\na\n\n```\n# comment\n## comment\n```\n\n### Below\n\nb\n\n## Two `c`\n\nd\n"
	for anchor, want := range map[string]string{
		"one":   "## One\n\na\n\n```\n# comment\n## comment\n```\n\n### Below\n\nb\n\n",
		"below": "### Below\n\nb\n\n",
		"two-c": "## Two `c`\n\nd\n",
		"page":  page,
		"three": "",
	} {
		if got := section(page, anchor); got != want {
			t.Errorf("#%s is %q, want %q", anchor, got, want)
		}
	}
}
