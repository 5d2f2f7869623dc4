package awsauth

// hiddenMeaning reports what is written in one place and works in another: anchors, aliases, merge keys, tags.
func (p *parser) hiddenMeaning(n *node) {
	report := func(code Code, at *node, value, about string) {
		pr := p.valueProblem(code, p.place(at), about)
		pr.Value = value
		p.report(pr)
	}
	if n.Anchor != "" {
		report(Anchor, n, "&"+n.Anchor, "&"+n.Anchor)
	}
	if n.Kind == aliasNode {
		report(Alias, n, "*"+n.Value, "*"+n.Value)
		return
	}
	if tagged(n) {
		report(Tag, n, n.Tag, n.Tag+" "+n.Value)
	}
	for i, c := range n.Content {
		if n.Kind == mappingNode && i%2 == 0 && isMerge(c) {
			report(Merge, c, "<<", "<<")
		}
		p.hiddenMeaning(c)
	}
}
