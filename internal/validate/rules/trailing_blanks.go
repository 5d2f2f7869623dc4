package rules

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var trailingBlanks = &rule.Rule{
	ID: "AA113", Name: "trailing-blanks", Severity: rule.Warning, Category: rule.Text,
	What: "a line that ends in a space or a tab, in a value that has none yet",
	Why:  "EKS reads it, but from then on kubectl shows the whole value as one quoted string on one line, which is hard to edit",
	Bad:  strings.Replace(goodNodesAndCI, "username: ci\n", "username: ci  \n", 1), Good: goodNodesAndCI,
	Edit: checkTrailingBlanks,
}

// checkTrailingBlanks compares the two versions: where the old one has such a line, kubectl shows the value as a string already.
func checkTrailingBlanks(c *rule.EditContext) {
	if c.New == nil {
		return
	}
	for _, key := range awsauth.Keys {
		text := c.New.Object.Data[key]
		if !quotedByKubectl(text) || c.Old != nil && quotedByKubectl(c.Old.Object.Data[key]) {
			continue
		}
		lines := strings.Split(text, "\n")
		first, count := 0, 0
		for i, l := range lines {
			if strings.TrimRight(l, blanks) == l {
				continue
			}
			if count++; count == 1 {
				first = i
			}
		}
		c.Report(trailingAt(key, lines, first), sayTrailing(key, surroundings{&value{lines: lines}, first}, count-1))
	}
}

const blanks = " \t"

// quotedByKubectl reports that kubectl shows a value of several lines as a string in double quotes, since a line ends in blanks: a
// block scalar shows no such line (sigs.k8s.io/yaml goyaml.v2, yaml_emitter_analyze_scalar).
func quotedByKubectl(text string) bool {
	several := strings.IndexByte(text, '\n') >= 0 && strings.IndexByte(text, '\n') < len(text)-1
	return several && (strings.Contains(text, " \n") || strings.Contains(text, "\t\n") || strings.HasSuffix(text, " "))
}

func trailingAt(key string, lines []string, i int) rule.Position {
	kept := strings.TrimRight(lines[i], blanks)
	at := rule.AtKey(key, lines[i])
	at.Place = awsauth.Place{DataKey: key, Line: i + 1, Column: utf8.RuneCountInString(kept) + 1}
	return at
}

func haveOrHas(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// sayTrailing is about the first line, and more of them.
func sayTrailing(key string, s surroundings, more int) rule.Finding {
	own := s.own()
	end := own[len(strings.TrimRight(own, blanks)):]
	what := spaces(len(end))
	switch {
	case strings.Contains(end, "\t"):
		what = "a tab"
	case len(end) == 1:
		what = "a space"
	}
	f := rule.Finding{Subject: "trailing blanks", Message: s.inEntry("the line " + phrase.Quote(strings.TrimLeft(own, " ")) + " has " + what + " at its end"),
		Fix: "delete what is behind " + shown(s.body()) + " on its line",
		Why: "as long as it is there, kubectl shows all of " + key + ` as one quoted string, with \n for the end of each line`}
	if s.body() == "" {
		f.Message = s.inEntry(fmt.Sprintf("line %d of %s, which looks empty, has %s in it", s.at+1, key, what))
		f.Fix = "delete the line"
	}
	if more > 0 {
		f.Message += fmt.Sprintf(", and %d more line%s of %s %s spaces or tabs there", more, phrase.Plural(more), key, haveOrHas(more))
		f.Fix = "delete the spaces and tabs at the end of each line"
	}
	return f
}
