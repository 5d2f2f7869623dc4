package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// File is one aws-auth that was judged, as it is written in a file, or in several, one for each value.
type File struct {
	// Name is the file as the user named it.
	Name    string
	Report  validate.Report
	Sources []Source
	// Err is why it could not be checked; then there is no report.
	Err error
}

// Texts writes several files for a reader, each as Text does with its name before the summary, and the total.
func Texts(w io.Writer, files []File, o TextOptions) error {
	var b bytes.Buffer
	for _, f := range files {
		if f.Err != nil {
			fmt.Fprintf(&b, "%s: could not be checked\n", newStyles(o.Color).place.Sprint(Visible(f.Name)))
			continue
		}
		var one bytes.Buffer
		if err := Text(&one, validate.Report{Findings: f.Report.Findings, Allowed: true}, f.Sources, o); err != nil {
			return err
		}
		text := one.Bytes()
		b.Write(text[:bytes.LastIndexByte(text[:max(len(text)-1, 0)], '\n')+1]) // without its summary
		b.WriteString(newStyles(o.Color).place.Sprint(Visible(f.Name)) + ": ")
		writeSummary(&b, f.Report, newStyles(o.Color))
		if len(f.Report.Findings) > 0 {
			b.WriteByte('\n')
		}
	}
	b.WriteString(Total(files) + "\n")
	_, err := w.Write(b.Bytes())
	return err
}

// Total is the line below several files.
func Total(files []File) string {
	var denied, allowed, failed int
	for _, f := range files {
		switch {
		case f.Err != nil:
			failed++
		case f.Report.Allowed:
			allowed++
		default:
			denied++
		}
	}
	var said []string
	for _, p := range []struct {
		n    int
		what string
	}{{denied, "would be denied"}, {allowed, "would be allowed"}, {failed, "could not be checked"}} {
		if p.n > 0 {
			said = append(said, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return plural(len(files), "file") + ": " + strings.Join(said, ", ")
}

// located is a finding with its place: in which file it stands, and where.
type located struct {
	validate.Finding
	place
}

// all are the findings of several files with their places.
func all(files []File) []located {
	var found []located
	for _, f := range files {
		sources := index(f.Sources)
		for _, finding := range f.Report.Findings {
			found = append(found, located{finding, locate(finding, sources)})
		}
	}
	return found
}

// names are the files that the sources come from, and those that could not be checked, each once and in order.
func names(files []File) []string {
	var list []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	for _, f := range files {
		for _, s := range f.Sources {
			add(s.Name)
		}
		if f.Err != nil {
			add(f.Name)
		}
	}
	return list
}
