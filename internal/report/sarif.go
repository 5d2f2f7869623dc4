package report

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	toolName = "aws-auth-guard"
	toolURI  = "https://github.com/aws-auth-guard/aws-auth-guard"
)

// SARIF writes a log of one run: the catalogue as the tool's rules and one result a finding, an empty list if there are
// none. version is the tool's, "" if unknown.
func SARIF(w io.Writer, rep validate.Report, sources []Source, catalogue []validate.Rule, version string) error {
	run := sarif.NewRunWithInformationURI(toolName, toolURI)
	run.WithColumnKind("unicodeCodePoints")
	if version != "" {
		run.Tool.Driver.WithVersion(version)
	}
	for _, r := range catalogue {
		run.AddRule(r.ID).
			WithName(r.Name).
			WithShortDescription(sarif.NewMultiformatMessageString().WithText(r.What)).
			WithFullDescription(sarif.NewMultiformatMessageString().WithText(r.Why)).
			WithHelp(sarif.NewMultiformatMessageString().WithText(help(r, false)).WithMarkdown(help(r, true))).
			WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(level(r.Severity)))
	}
	for _, s := range sources {
		run.AddDistinctArtifact(fileURI(s.Name))
	}
	files := index(sources)
	for _, f := range rep.Findings {
		message := f.Message
		if f.Why != "" {
			message += ", " + f.Why
		}
		if f.Fix != "" {
			message += "; " + f.Fix
		}
		p := locate(f, files)
		physical := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(fileURI(p.source.Name)))
		if p.line > 0 {
			physical.WithRegion(sarif.NewRegion().WithStartLine(p.line).WithStartColumn(p.column).
				WithEndLine(p.line).WithEndColumn(p.column + offending(f, p)))
		}
		location := sarif.NewLocationWithPhysicalLocation(physical)
		if f.Field != "" {
			location.AddLogicalLocation(sarif.NewLogicalLocation().WithFullyQualifiedName(Visible(f.Field)).WithKind("member"))
		}
		properties := sarif.NewPropertyBag()
		properties.Add("preexisting", f.Preexisting)
		run.CreateResultForRule(f.Rule).
			WithLevel(level(f.Severity)).
			WithMessage(sarif.NewTextMessage(Visible(message))).
			WithLocations([]*sarif.Location{location}).
			WithProperties(properties)
	}
	log := sarif.NewReport()
	log.AddRun(run)
	return write(w, log)
}

func level(s validate.Severity) string {
	if s == validate.Error {
		return "error"
	}
	return "warning"
}

func help(r validate.Rule, markdown bool) string {
	open, end := "", ""
	if markdown {
		open, end = "```yaml\n", "```\n"
	}
	b := r.Why + "\n"
	if r.Bad != "" {
		b += "\nFound:\n\n" + open + r.Bad + end
	}
	if r.Good != "" {
		b += "\nBetter:\n\n" + open + r.Good + end
	}
	return b
}

// fileURI is a file's name as a URI: relative if the name is, with slashes.
func fileURI(name string) string {
	path := filepath.ToSlash(name)
	if filepath.IsAbs(name) {
		return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(path, "/")}).String()
	}
	return (&url.URL{Path: path}).String()
}

// write leaves out the library's empty lists and its -1 for "none", which not every reader takes: an absent field says
// the same.
func write(w io.Writer, log *sarif.Report) error {
	raw, err := json.Marshal(log)
	if err != nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return err
	}
	return WriteJSON(w, prune(tree))
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			child = prune(child)
			list, isList := child.([]any)
			number, isNumber := child.(float64)
			if isList && len(list) == 0 && k != "results" && k != "rules" || isNumber && number == -1 {
				delete(v, k)
				continue
			}
			v[k] = child
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}
