package rules

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// described is one of the reader's problems, with what a message needs to say where it is.
type described struct {
	awsauth.Problem
	around surroundings
	c      *rule.ObjectContext
}

// problems lets a rule report those of the reader's problems that are its own: say has no message for the others.
func problems(say func(described) rule.Finding) func(*rule.ObjectContext) {
	return func(c *rule.ObjectContext) {
		values := texts{object: c.Object}
		for _, p := range c.Problems {
			if f := say(described{p, values.around(p), c}); f.Message != "" {
				f.Subject = p.Subject
				c.Report(rule.AtProblem(p), f)
			}
		}
	}
}

// in adds to a message which entry it is about.
func (d described) in(message string) string {
	entry := d.entry()
	if entry == "" && d.around.several() {
		entry = d.entryByPlace()
	}
	if entry == "" || entry == thisEntry {
		return d.around.inEntry(message)
	}
	return message + ", in the entry for " + entry
}

const thisEntry = "this entry"

// entry names the entry that the problem is about: by its ARN, or "this entry" if it has none; "" if it is about the value.
func (d described) entry() string {
	path, inEntry := strings.CutPrefix(d.Field, "data."+d.DataKey+"[")
	if !inEntry || d.DataKey == awsauth.MapAccounts {
		return ""
	}
	entries := d.entries()
	number, _, _ := strings.Cut(path, "]")
	index, _ := strconv.Atoi(number) // the reader writes it
	at, ok := slices.BinarySearchFunc(entries, index, func(e awsauth.Entry, index int) int { return cmp.Compare(e.Index, index) })
	switch {
	case ok && entries[at].ARN.Value != "":
		return phrase.Bare(entries[at].ARN.Value)
	case strings.HasPrefix(d.Entry, "arn:"):
		return phrase.Bare(d.Entry)
	}
	return thisEntry
}

// entries are those of the value that the problem is in.
func (d described) entries() []awsauth.Entry {
	if d.DataKey == awsauth.MapUsers {
		return d.c.Users
	}
	return d.c.Roles
}

// entryByPlace names the entry that begins last before the problem, "" if none is known or it has no ARN.
func (d described) entryByPlace() string {
	entries := d.entries()
	if d.c.Unreadable[d.DataKey] || d.DataKey == awsauth.MapAccounts {
		return ""
	}
	after, _ := slices.BinarySearchFunc(entries, d.Place, func(e awsauth.Entry, at awsauth.Place) int {
		return cmp.Or(cmp.Compare(e.Line, at.Line), cmp.Compare(e.Column, at.Column+1))
	})
	if after == 0 || entries[after-1].ARN.Value == "" {
		return ""
	}
	return phrase.Bare(entries[after-1].ARN.Value)
}
