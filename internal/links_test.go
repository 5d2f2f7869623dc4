package internal_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	markdownFence   = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	markdownCode    = regexp.MustCompile("`[^`\n]*`")
	markdownLink    = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)`)
	markdownHeading = regexp.MustCompile(`(?m)^#{1,6} +(.*?)[ #]*$`)
	headingLink     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	htmlAnchor      = regexp.MustCompile(`<a (?:id|name)="([^"]+)">`)
	htmlImage       = regexp.MustCompile(`<(?:img|source)[^>]* src(?:set)?="([^"]+)"`)
	pageElsewhere   = regexp.MustCompile(`\bdocs/[a-z/-]+\.md(?:#[a-z0-9-]+)?`)
)

// TestLinks: every link of a page to something in this repository leads to it, to the heading too. What code, the chart and
// scripts say of the pages in docs is true as well.
func TestLinks(t *testing.T) {
	pages, links := 0, 0
	for _, name := range filesOfRepository(t) {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Ext(name) {
		case ".md":
			pages++
			for _, link := range linksOf(string(text)) {
				links++
				if err := followed(name, link); err != nil {
					t.Errorf("%s: the link %s: %v", name, link, err)
				}
			}
		case ".go", ".sh", ".yaml", ".tpl", ".tmpl", ".txt":
			for _, page := range pageElsewhere.FindAllString(string(text), -1) {
				if err := followed("here", page); err != nil {
					t.Errorf("%s mentions %s: %v", name, page, err)
				}
			}
		}
	}
	if pages < 20 || links < 200 {
		t.Errorf("%d pages with %d links were looked at: where are the others?", pages, links)
	}
}

// TestIndex: docs/index.md has a line for each page of docs.
func TestIndex(t *testing.T) {
	text, err := os.ReadFile("../docs/index.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := linksOf(string(text))
	for _, name := range filesOfRepository(t) {
		page, isDoc := strings.CutPrefix(name, "docs/")
		if isDoc && filepath.Ext(page) == ".md" && page != "index.md" && !slices.Contains(listed, page) {
			t.Errorf("docs/index.md has no link to %s: add its line", page)
		}
	}
}

// filesOfRepository are the paths of its files, without those that are built or are test data.
func filesOfRepository(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == "bin" || name == "testdata" || name == "node_modules"):
			return filepath.SkipDir
		case d.Type().IsRegular():
			names = append(names, strings.TrimPrefix(filepath.ToSlash(path), "../"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// linksOf returns the targets on this machine.
func linksOf(page string) (targets []string) {
	page = markdownCode.ReplaceAllString(markdownFence.ReplaceAllString(page, ""), "")
	for _, pattern := range []*regexp.Regexp{markdownLink, htmlImage} {
		for _, m := range pattern.FindAllStringSubmatch(page, -1) {
			if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") {
				targets = append(targets, m[1])
			}
		}
	}
	return targets
}

// followed reports what is wrong with a link on a page; both are paths below the repository's root.
func followed(page, link string) error {
	path, anchor, _ := strings.Cut(link, "#")
	target := filepath.Join("..", filepath.Dir(page), path)
	if path == "" {
		target = filepath.Join("..", page)
	}
	if _, err := os.Stat(target); err != nil {
		return err
	}
	if anchor == "" {
		return nil
	}
	text, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	if !anchors(string(text))[anchor] {
		return fmt.Errorf("%s has no heading #%s", filepath.Clean(strings.TrimPrefix(target, "../")), anchor)
	}
	return nil
}

// anchors are those that GitHub gives the headings of a page: lower-case, without punctuation, with hyphens for blanks, and
// numbered if there are several of the same name.
func anchors(page string) map[string]bool {
	page = markdownFence.ReplaceAllString(page, "")
	all := map[string]bool{}
	for _, m := range htmlAnchor.FindAllStringSubmatch(page, -1) {
		all[m[1]] = true
	}
	times := map[string]int{}
	for _, m := range markdownHeading.FindAllStringSubmatch(page, -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, headingLink.ReplaceAllString(m[1], "$1"))
		if n := times[name]; n > 0 {
			all[fmt.Sprintf("%s-%d", name, n)] = true
		} else {
			all[name] = true
		}
		times[name]++
	}
	return all
}
