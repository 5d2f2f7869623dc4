package report

import (
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const sarifSchema = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/main/sarif-2.1/schema/sarif-schema-2.1.0.json"

// object is a JSON object.
type object map[string]any

// SARIF writes a log of one run: the catalogue as the tool's rules and one result a finding, an empty list if there are
// none. A file that could not be checked is a notification, and the run has failed. version is the tool's, "" if unknown.
func SARIF(w io.Writer, files []File, catalogue []validate.Rule, version string) error {
	run := object{
		"columnKind":       "unicodeCodePoints",
		"invocations":      []object{sarifInvocation(files)},
		"language":         "en-US",
		"newlineSequences": []string{"\r\n", "\n"},
		"results":          sarifResults(all(files), catalogue),
		"tool":             object{"driver": sarifDriver(catalogue, version)},
	}
	if artifacts := sarifArtifacts(files); len(artifacts) > 0 {
		run["artifacts"] = artifacts
	}
	return WriteJSON(w, object{
		"$schema":    sarifSchema,
		"properties": object{},
		"runs":       []object{run},
		"version":    "2.1.0",
	})
}

func sarifInvocation(files []File) object {
	var notes []object
	for _, f := range files {
		if f.Err != nil {
			notes = append(notes, object{"level": "error", "message": object{"text": Visible(f.Err.Error())},
				"locations": []object{{"physicalLocation": object{"artifactLocation": object{"uri": fileURI(f.Name)}}}}})
		}
	}
	invocation := object{"executionSuccessful": len(notes) == 0}
	if len(notes) > 0 {
		invocation["toolExecutionNotifications"] = notes
	}
	return invocation
}

func sarifDriver(catalogue []validate.Rule, version string) object {
	rules := make([]object, 0, len(catalogue))
	for _, r := range catalogue {
		rules = append(rules, object{
			"id":                   r.ID,
			"name":                 r.Name,
			"shortDescription":     object{"text": r.What},
			"fullDescription":      object{"text": r.Why},
			"help":                 object{"text": help(r, "", ""), "markdown": help(r, "```yaml\n", "```\n")},
			"defaultConfiguration": object{"enabled": true, "level": level(r.Severity)},
		})
	}
	driver := object{
		"contents":        []string{"localizedData", "nonLocalizedData"},
		"informationUri":  "https://github.com/aws-auth-guard/aws-auth-guard",
		"isComprehensive": false,
		"language":        "en-US",
		"name":            "aws-auth-guard",
		"rules":           rules,
	}
	if version != "" {
		driver["version"] = version
	}
	return driver
}

func sarifArtifacts(files []File) (artifacts []object) {
	for _, name := range names(files) {
		artifacts = append(artifacts, object{"location": object{"uri": fileURI(name)}})
	}
	return artifacts
}

func sarifResults(findings []located, catalogue []validate.Rule) []object {
	results := make([]object, 0, len(findings))
	for _, f := range findings {
		result := object{
			"kind":       "fail",
			"level":      level(f.Severity),
			"locations":  []object{sarifLocation(f.Finding, f.place)},
			"message":    object{"text": sarifText(f.Finding)},
			"properties": object{"preexisting": f.Preexisting},
			"ruleId":     f.Rule,
		}
		if i := slices.IndexFunc(catalogue, func(r validate.Rule) bool { return r.ID == f.Rule }); i >= 0 {
			result["ruleIndex"] = i
		}
		results = append(results, result)
	}
	return results
}

func sarifLocation(f validate.Finding, p place) object {
	physical := object{"artifactLocation": object{"uri": fileURI(p.source.Name)}}
	if p.line > 0 {
		physical["region"] = object{"startLine": p.line, "startColumn": p.column,
			"endLine": p.line, "endColumn": p.column + offending(f, p)}
	}
	location := object{"physicalLocation": physical}
	if f.Field != "" {
		location["logicalLocations"] = []object{{"fullyQualifiedName": Visible(f.Field), "kind": "member"}}
	}
	return location
}

// sarifText is a finding's problem, fix, lines to paste and reason, each on lines of its own.
func sarifText(f validate.Finding) string {
	s := Visible(f.Message)
	if f.Fix != "" {
		s += "\nfix: " + Visible(f.Fix)
	}
	for _, l := range f.Lines {
		s += "\n  " + Visible(l)
	}
	if f.Why != "" {
		s += "\nwhy: " + Visible(f.Why)
	}
	return s
}

func level(s validate.Severity) string {
	if s == validate.Error {
		return "error"
	}
	return "warning"
}

// help is a rule's reason and its examples, each between the marks of a code block.
func help(r validate.Rule, open, end string) string {
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
