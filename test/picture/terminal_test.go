package picture

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDraw: text is at the columns where a terminal has it, in its colours, and lines are broken at the right edge.
func TestDraw(t *testing.T) {
	long := strings.Repeat("x", Columns)
	text := "\x1b[36m$ kubectl\x1b[0m  get <pods> & \x1b[31;1merror:\x1b[0m\n\n  東京 tab\n" + long + "yy\n\n"
	svg, err := Window{Title: "a & b"}.Draw(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<title>a &amp; b</title>",
		`<text class="cyan" x="18" y="51" textLength="75.6">$ kubectl</text>`,
		`<text x="110.4" y="51" textLength="100.8">get &lt;pods&gt; &amp;</text>`,
		`<text class="bold red" x="219.6" y="51" textLength="50.4">error:</text>`,
		`<text x="34.8" y="91" textLength="67.2">東京 tab</text>`,
		`>` + long + `</text>`,
		`<text x="18" y="131" textLength="16.8">yy</text>`,
		`height="154"`, // five rows
	} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("%s is not in\n%s", want, svg)
		}
	}
	if svg, err := (Window{Rows: 1}).Draw("in sight\nbelow"); err != nil || strings.Contains(string(svg), "below") {
		t.Errorf("one row, %v:\n%s", err, svg)
	}
	if _, err := (Window{}).Draw("\x1b[35mmagenta"); err == nil {
		t.Error("a colour that the style sheet does not have was drawn as if it were none")
	}
}

// TestKeep: a file that differs is an error, and only update writes it.
func TestKeep(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.svg")
	keep := func(picture string, update bool) string {
		if err := Keep(file, []byte(picture), update); err != nil {
			return err.Error()
		}
		return ""
	}
	for _, tt := range []struct {
		picture string
		update  bool
		want    string
	}{
		{"one\n", false, "no such file"}, {"one\n", true, ""}, {"one\n", false, ""},
		{"two\n", false, "-one\n+two\n"}, {"one\n", false, ""}, {"two\n", true, ""}, {"two\n", false, ""},
	} {
		if got := keep(tt.picture, tt.update); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%q, update %t: %q, want %q", tt.picture, tt.update, got, tt.want)
		}
	}
}

// TestPictures: each picture of the documentation has a title, brings along all that it needs, and is on a page.
func TestPictures(t *testing.T) {
	files, err := filepath.Glob("../../docs/pictures/*.svg")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	pages := pages(t)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(pages, "pictures/"+filepath.Base(file)) {
			t.Errorf("%s: no page shows it", file)
		}
		var elements []string
		for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", file, err)
				break
			}
			if start, ok := token.(xml.StartElement); ok {
				elements = append(elements, start.Name.Local)
			}
		}
		if len(elements) < 2 || elements[0] != "svg" || elements[1] != "title" {
			t.Errorf("%s: it does not begin with svg and title", file)
		}
		// A browser shows an image of a page without anything that it would have to fetch or run.
		for _, outside := range []string{"<script", "<image", "href=", "url(http", "@import", "@font-face", "<foreignObject"} {
			if strings.Contains(string(text), outside) {
				t.Errorf("%s: it has %s", file, outside)
			}
		}
	}
}

// pages is the text of all pages.
func pages(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"../../README*.md", "../../docs/*.md", "../../docs/*/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	return all.String()
}
