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
	read, err := decodeAccounts(p.text)
	p.complaint = err
	root, ok := p.composeAccounts(read)
	switch {
	case !ok:
		return placedAccounts(read, nil)
	case root == nil || isNull(root):
		p.sameNumber(len(read), 0)
		return placedAccounts(read, nil)
	}
	p.hiddenMeaning(root)
	root = resolve(root)
	if root.Kind != sequenceNode {
		p.unreadable = true
		p.notAList(root)
		return placedAccounts(read, nil)
	}
	return p.compareAccounts(root, read)
}

// composeAccounts reads mapAccounts into nodes. ok is false if there are none, which is reported.
func (p *parser) composeAccounts(read []string) (root *node, ok bool) {
	root, extra, syntaxErr := compose(p.text)
	switch {
	case syntaxErr == nil:
		p.tabs()
		p.extraDocument(extra)
		return root, true
	case p.complaint != nil:
		p.unreadable = true
		if utf8.ValidString(p.text) { // else it is said already
			p.reportSyntax(p.bestPlace(syntaxErr))
		}
		return nil, false
	}
	root, text, ok := p.composeAsRead(syntaxErr, func(text string) bool {
		others, err := decodeAccounts(text)
		return err == nil && slices.Equal(others, read)
	})
	if !ok {
		p.reportOpaque(text, syntaxErr, "", readings{})
		return nil, false
	}
	p.tabs()
	return root, true
}

// compareAccounts returns the accounts that EKS reads, and reports a difference to the nodes that nothing said so far explains.
func (p *parser) compareAccounts(list *node, read []string) []Text {
	var accounts []Text
	for i, n := range list.Content {
		if t, ok := p.account(n, i); ok {
			accounts = append(accounts, t)
		}
	}
	if slices.EqualFunc(read, accounts, func(account string, t Text) bool { return account == t.Value }) {
		return accounts
	}
	if !p.explained() {
		pr := p.valueProblem(Disagreement, p.place(list), fingerprint(p.text))
		pr.Value, pr.Got = firstWords(list), strings.Join(read, ", ")
		p.report(pr)
	}
	return placedAccounts(read, accounts)
}

// account reads one item of mapAccounts; ok is false if EKS drops it.
func (p *parser) account(n *node, index int) (t Text, ok bool) {
	at := p.place(n)
	n = resolve(n)
	words := firstWords(n)
	pr := Problem{Place: at, Field: fieldPath(p.key, index, ""), Subject: p.key + " " + words, Value: words, Got: shape(n)}
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
func placedAccounts(read []string, seen []Text) []Text {
	out := make([]Text, len(read))
	for i, a := range read {
		out[i] = Text{Place{DataKey: MapAccounts}, a}
		if j := slices.IndexFunc(seen, func(s Text) bool { return s.Value == a }); j >= 0 {
			out[i].Place = seen[j].Place
		}
	}
	return out
}
