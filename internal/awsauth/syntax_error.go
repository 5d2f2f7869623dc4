package awsauth

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// syntaxError is the first place where the text stops being YAML. Line 0: not known.
type syntaxError struct {
	line, column int
	text         string
}

func positioned(err error, text string) *syntaxError {
	var le *yaml.LoadError
	if errors.As(err, &le) {
		if le.ContextMark.Line > 0 && begunAtContext(le, text) {
			le.Mark = le.ContextMark
		}
		return &syntaxError{line: le.Mark.Line, column: le.Mark.Column, text: le.Message}
	}
	return fromMessage(err)
}

// begunAtContext reports that what is wrong is what was begun at the context mark, not where the parser gave up: a quote
// or bracket that is never closed, a key without its colon.
func begunAtContext(le *yaml.LoadError, text string) bool {
	if strings.Contains(le.Message, "end of stream") || strings.Contains(le.Message, "could not find expected ':'") {
		return true
	}
	if !strings.Contains(le.Message, "did not find expected ','") || le.Mark.Line == le.ContextMark.Line {
		return false
	}
	// At the end of the text or at the colon of the next key the bracket was open; anywhere else a comma is missing.
	at := []rune(lineOf(text, le.Mark.Line))
	return le.Mark.Column < 1 || le.Mark.Column > len(at) || at[le.Mark.Column-1] == ':'
}

// lineInText finds the line in messages of parsers that give no typed place.
var lineInText = regexp.MustCompile(`line (\d+)(?:, column (\d+))?`)

func fromMessage(err error) *syntaxError {
	s := &syntaxError{text: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := lineInText.FindStringSubmatchIndex(s.text); m != nil {
		s.line, _ = strconv.Atoi(s.text[m[2]:m[3]])
		if m[4] >= 0 {
			s.column, _ = strconv.Atoi(s.text[m[4]:m[5]])
		}
		s.text = strings.TrimPrefix(s.text[m[1]:], ": ")
	}
	return s
}

// lineOf is a line of a text, "" if there is none.
func lineOf(text string, line int) string {
	line = max(line, 1)
	if lines := strings.SplitN(text, "\n", line+1); line <= len(lines) {
		return lines[line-1]
	}
	return ""
}

// reportSyntax reports that the text, or the part of it that is being read, is no YAML.
func (p *parser) reportSyntax(err *syntaxError) {
	line := err.line
	if words := placeless(err.text); line < 1 && words != "" {
		line = p.lineWith(words, p.lineOffset)
	}
	line = max(line, 1) + p.lineOffset
	pr := p.valueProblem(Syntax, Place{Line: line, Column: max(err.column, 1)}, "")
	pr.Value, pr.Got = strings.TrimSpace(p.line(line)), err.text
	if l := p.line(line); strings.Contains(l[:len(l)-len(strings.TrimLeft(l, " \t"))], "\t") {
		pr.Got = "found a tab character that indents the line" // whatever it is that the parser noticed first
	}
	p.report(pr)
}

var complaintsWithoutLine = regexp.MustCompile(`(!!\w+)(?: value contains|$)|^(map merge)|anchor '([^']+)'`)

// placeless is the text that a parser rejects without a position; "" if that is not known.
func placeless(complaint string) string {
	m := complaintsWithoutLine.FindStringSubmatch(complaint)
	switch {
	case m == nil:
		return ""
	case m[2] != "":
		return "<<"
	case m[3] != "":
		return "*" + m[3]
	}
	return m[1]
}

// lineWith is how many lines after another the first one with some words is, 0 if there is none.
func (p *parser) lineWith(words string, after int) int {
	p.line(1) // cuts the text
	return 1 + slices.IndexFunc(p.lines[min(after, len(p.lines)):], func(l string) bool { return strings.Contains(l, words) })
}

// bestPlace chooses the place to show: that of the parser with columns, unless EKS's own reads the text. (A text that
// only one parser reads is denied anyway.)
func (p *parser) bestPlace(syntaxErr *syntaxError) *syntaxError {
	if syntaxErr.line == 0 && p.complaint != nil {
		if e := fromMessage(p.complaint); e.line > 0 {
			return e
		}
	}
	return syntaxErr
}
