package awsauth

// hiddenMeaning reports what stands in the text in one place and works in another: anchors, aliases, merge keys, tags.
func (p *parser) hiddenMeaning(n *node) {
	at := p.place(n)
	pr := Problem{Place: at, Field: "data." + p.key}
	if n.Anchor != "" {
		pr.Code, pr.Value, pr.Subject = Anchor, "&"+n.Anchor, p.key+" &"+n.Anchor
		p.report(pr)
	}
	if n.Kind == aliasNode {
		pr.Code, pr.Value, pr.Subject = Alias, "*"+n.Value, p.key+" *"+n.Value
		p.report(pr)
		return
	}
	if tagged(n) {
		pr.Code, pr.Value, pr.Subject = Tag, n.Tag, p.key+" "+n.Tag+" "+n.Value
		p.report(pr)
	}
	for i, c := range n.Content {
		if n.Kind == mappingNode && i%2 == 0 && isMerge(c) {
			p.report(Problem{Place: p.place(c), Field: "data." + p.key, Code: Merge, Value: "<<", Subject: p.key + " <<"})
		}
		p.hiddenMeaning(c)
	}
}
