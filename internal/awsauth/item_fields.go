package awsauth

import (
	"fmt"
	"strings"
)

// text reads a field that must be text. The second result is false if the field is absent.
func (it *itemReader) text(field string) (Text, bool) {
	if v, ok := it.seen[field]; ok {
		return it.textOf(v, field), true
	}
	if v, ok := it.meant[field]; ok {
		it.textOf(v, field) // what is wrong with it is not news when the key is fixed
	}
	return Text{}, false
}

// textOf reads the value of a field that must be text.
func (it *itemReader) textOf(v *node, field string) Text {
	at := it.place(v)
	n := resolve(v)
	if t := flowTemplate(n); t != "" {
		pr := it.problem(v, UnquotedTemplate, field)
		pr.Value = t
		it.report(pr)
		return Text{at, t}
	}
	if n.Kind != scalarNode {
		pr := it.problem(v, NotText, field)
		pr.Value, pr.Got, pr.Want = firstWords(n), shape(n), withoutSpace(n)
		it.report(pr)
		return Text{at, ""}
	}
	if isNull(n) || strings.TrimSpace(n.Value) == "" && field != "userid" {
		pr := it.problem(v, MissingField, field)
		pr.Want = field
		it.report(pr)
		return Text{at, ""}
	}
	it.implicit(n, v, field, field)
	it.hiddenCharacter(n, v, field, field)
	return Text{at, n.Value}
}

// implicit reports a scalar that parsers take for something other than text.
func (it *itemReader) implicit(n, at *node, field, subject string) {
	if !plain(n) || tagged(n) {
		return
	}
	if got := implicitType(n.Value); got != "" {
		pr := it.problem(at, ImplicitType, field)
		pr.Value, pr.Got, pr.Want, pr.Subject = n.Value, got, quote(n.Value), subject
		it.report(pr)
	}
}

// hiddenCharacter reports characters that a string contains although they are not written as such: escaped, or by the style of the scalar.
// ARNs and groups have rules of their own for white space.
func (it *itemReader) hiddenCharacter(n, at *node, field, subject string) {
	got := ""
	switch s := n.Value; {
	case field == "username" && strings.ContainsAny(s, "\n\r"):
		got = "a line break"
	case field == "username" && strings.Contains(s, "\t"):
		got = "a tab"
	case field == "username" && strings.TrimSpace(s) != s:
		got = "a space around it"
	default:
		for _, r := range s {
			if name := Hidden(r); name != "" && !it.reported[r] {
				got = name
				break
			}
		}
	}
	if got == "" {
		return
	}
	pr := it.problem(at, HiddenCharacter, field)
	pr.Value, pr.Got, pr.Want, pr.Subject = n.Value, got, quote(visible(n.Value)), subject
	it.report(pr)
}

// groups reads the groups, as far as they are text.
func (it *itemReader) groups() []Text {
	v, ok := it.seen["groups"]
	if !ok {
		if v, ok := it.meant["groups"]; ok {
			it.groupsOf(v)
		}
		if !it.merged && it.meant["groups"] == nil {
			it.report(it.problem(it.node, NoGroups, "groups"))
		}
		return nil
	}
	return it.groupsOf(v)
}

// groupsOf reads the value of groups.
func (it *itemReader) groupsOf(v *node) []Text {
	n := resolve(v)
	if isNull(n) { // absent, to every parser
		it.report(it.problem(v, NoGroups, "groups"))
		return nil
	}
	if n.Kind != sequenceNode {
		pr := it.problem(v, NotAListOfGroups, "groups")
		pr.Value, pr.Got = firstWords(n), shape(n)
		it.report(pr)
		return nil
	}
	var groups []Text
	for i, g := range n.Content {
		groups = append(groups, Text{it.place(g), it.group(g, fmt.Sprintf("groups[%d]", i))})
	}
	return groups
}

// group reads one group, which stands at a node. It is "" if it is no text.
func (it *itemReader) group(at *node, field string) string {
	g := resolve(at)
	switch t := flowTemplate(g); {
	case t != "":
		pr := it.problem(at, UnquotedTemplate, field)
		pr.Value, pr.Subject = t, "group "+t
		it.report(pr)
		return t
	case g.Kind != scalarNode:
		pr := it.problem(at, NotText, field)
		pr.Value, pr.Got, pr.Want = firstWords(g), shape(g), withoutSpace(g)
		pr.Subject = "group " + pr.Value
		it.report(pr)
		return ""
	case !tagged(g) && (g.Value == "" || isNull(g)):
		pr := it.problem(at, EmptyGroup, field)
		pr.Subject = "empty group"
		if isNull(g) {
			pr.Got = "null"
		}
		it.report(pr)
		return ""
	}
	it.implicit(g, at, field, "group "+g.Value)
	it.hiddenCharacter(g, at, field, "group "+g.Value)
	return g.Value
}

func (it *itemReader) sso() *SSO {
	v, ok := it.seen["sso"]
	if !ok {
		return nil
	}
	s := &SSO{Place: it.place(v)}
	n := resolve(v)
	for i := 0; n.Kind == mappingNode && i+1 < len(n.Content); i += 2 {
		value := resolve(n.Content[i+1]).Value
		switch n.Content[i].Value {
		case "permissionSetName":
			s.PermissionSetName = value
		case "accountID":
			s.AccountID = value
		case "partition":
			s.Partition = value
		}
	}
	return s
}
