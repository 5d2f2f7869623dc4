package awsauth

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// accounts reads mapAccounts.
func (p *parser) accounts() []Text {
	p.characters()
	if skippable(p.text) {
		return nil
	}
	truth, err := readAccounts(p.text)
	p.complaint = err
	root, extra, serr := compose(p.text)
	if serr != nil && err == nil {
		var text string
		var ok bool
		root, text, ok = p.composeAsRead(serr, func(text string) bool {
			others, err := readAccounts(text)
			return err == nil && slices.Equal(others, truth)
		})
		if !ok {
			p.reportOpaque(text, serr, "")
			return placedAccounts(truth, nil)
		}
		serr = nil
	}
	if serr != nil {
		p.unreadable = true
		if utf8.ValidString(p.text) { // else it is said already
			p.reportSyntax(p.better(serr), 0)
		}
		return placedAccounts(truth, nil)
	}
	p.tabs()
	p.extraDocument(extra)
	if root == nil || isNull(root) {
		p.sameNumber(len(truth), 0)
		return placedAccounts(truth, nil)
	}
	p.hiddenMeaning(root)
	root = resolve(root)
	if root.Kind != sequenceNode {
		p.unreadable = true
		p.report(Problem{Place: p.place(root), Code: NotAList, Field: "data." + p.key, Subject: p.key,
			Value: firstWords(root), Got: shape(root)})
		return placedAccounts(truth, nil)
	}
	var accounts []Text
	for i, n := range root.Content {
		if t, ok := p.account(n, i); ok {
			accounts = append(accounts, t)
		}
	}
	same := func(t string, a Text) bool { return t == a.Value }
	if !slices.EqualFunc(truth, accounts, same) {
		if !p.explained() {
			p.report(Problem{Place: p.place(root), Code: Disagreement, Field: "data." + p.key, Subject: p.key + " " + fingerprint(p.text),
				Value: firstWords(root), Got: strings.Join(truth, ", ")})
		}
		return placedAccounts(truth, accounts)
	}
	return accounts
}

// account reads one item of mapAccounts; ok is false if EKS drops it.
func (p *parser) account(n *node, index int) (t Text, ok bool) {
	at := p.place(n)
	n = resolve(n)
	pr := Problem{Place: at, Field: fieldPath(p.key, index, ""), Subject: p.key + " " + firstWords(n), Value: firstWords(n), Got: shape(n)}
	if n.Kind != scalarNode {
		pr.Code = NotText
		p.report(pr)
		return Text{}, false
	}
	if plain(n) && !tagged(n) {
		pr.Want = quote(n.Value)
		switch got := implicitType(n.Value); {
		case len(n.Value) > 1 && n.Value[0] == '0' && allDigits(n.Value):
			pr.Code = LeadingZero
			p.report(pr)
		case got != "" && !allDigits(n.Value):
			pr.Code, pr.Got = ImplicitType, got
			p.report(pr)
		}
	}
	return Text{at, n.Value}, true
}

// placedAccounts are the accounts that EKS reads, with the places of equal ones in the text.
func placedAccounts(truth []string, seen []Text) []Text {
	out := make([]Text, len(truth))
	for i, a := range truth {
		out[i] = Text{Place{DataKey: MapAccounts}, a}
		if j := slices.IndexFunc(seen, func(s Text) bool { return s.Value == a }); j >= 0 {
			out[i].Place = seen[j].Place
		}
	}
	return out
}
