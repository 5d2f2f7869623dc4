package awsauth

import (
	"fmt"
	"strings"
)

// text reads a field that must be text. The second result is false if the field is absent.
func (it *item) text(field string) (Text, bool) {
	if v, ok := it.seen[field]; ok {
		return it.textOf(v, field), true
	}
	if v, ok := it.meant[field]; ok {
		it.textOf(v, field) // what is wrong with it is not news when the key is mended
	}
	return Text{}, false
}

// textOf reads the value of a field that must be text.
func (it *item) textOf(v *node, field string) Text {
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
		pr.Value, pr.Got = firstWords(n), shape(n)
		if n.Kind == mappingNode && len(n.Content) == 2 && n.Content[0].Kind == scalarNode && n.Content[1].Kind == scalarNode {
			pr.Want = n.Content[0].Value + ":" + n.Content[1].Value
		}
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
	it.unseen(n, v, field, field)
	return Text{at, n.Value}
}

// implicit reports a scalar that parsers take for something other than text.
func (it *item) implicit(n, at *node, field, subject string) {
	if !plain(n) || tagged(n) {
		return
	}
	if got := implicitType(n.Value); got != "" {
		pr := it.problem(at, ImplicitType, field)
		pr.Value, pr.Got, pr.Want, pr.Subject = n.Value, got, quote(n.Value), subject
		it.report(pr)
	}
}

// unseen reports what a text has in it though it does not stand there as such: escaped, or by the style of the scalar.
// ARNs and groups have rules of their own for white space.
func (it *item) unseen(n, at *node, field, subject string) {
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
			if name := hidden(r); name != "" && !it.parser.unseen[r] {
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
func (it *item) groups() []Text {
	v, ok := it.seen["groups"]
	if !ok {
		if v, ok := it.meant["groups"]; ok {
			it.groupsOf(v)
		}
		if !it.merged && !it.wronglySpelt("groups") {
			it.report(it.problem(it.node, NoGroups, "groups"))
		}
		return nil
	}
	return it.groupsOf(v)
}

// groupsOf reads the value of groups.
func (it *item) groupsOf(v *node) []Text {
	n := resolve(v)
	if isNull(n) { // as good as absent, to every parser
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
		field := fmt.Sprintf("groups[%d]", i)
		at, g0 := it.place(g), g
		g = resolve(g)
		switch t := flowTemplate(g); {
		case t != "":
			pr := it.problem(g0, UnquotedTemplate, field)
			pr.Value = t
			pr.Subject = "group " + t
			it.report(pr)
			groups = append(groups, Text{at, t})
		case g.Kind != scalarNode:
			pr := it.problem(g0, NotText, field)
			pr.Value, pr.Got = firstWords(g), shape(g)
			pr.Subject = "group " + pr.Value
			if g.Kind == mappingNode && len(g.Content) == 2 && g.Content[0].Kind == scalarNode && g.Content[1].Kind == scalarNode {
				pr.Want = g.Content[0].Value + ":" + g.Content[1].Value
			}
			it.report(pr)
			groups = append(groups, Text{at, ""})
		case !tagged(g) && (g.Value == "" || isNull(g)):
			pr := it.problem(g0, EmptyGroup, field)
			pr.Subject = "empty group"
			if isNull(g) {
				pr.Got = "null"
			}
			it.report(pr)
			groups = append(groups, Text{at, ""})
		default:
			it.implicit(g, g0, field, "group "+g.Value)
			it.unseen(g, g0, field, "group "+g.Value)
			groups = append(groups, Text{at, g.Value})
		}
	}
	return groups
}

func (it *item) sso() *SSO {
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
