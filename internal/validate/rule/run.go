package rule

// RunOnVersion lets rules judge one version of the object. entry and object are their contexts, but for the entry itself.
func RunOnVersion(rules []*Rule, entry EntryContext, object ObjectContext) []Finding {
	var found []Finding
	for _, e := range object.Entries() {
		entry.Entry = e
		for _, r := range rules {
			if r.Entry != nil {
				entry.report = report{r, &found}
				r.Entry(&entry)
			}
		}
	}
	for _, r := range rules {
		if r.Object != nil {
			object.report = report{r, &found}
			r.Object(&object)
		}
	}
	return found
}

// RunOnEdit lets rules compare two versions. foundInNew is what was found in the new one, of which each rule sees its own findings.
func RunOnEdit(rules []*Rule, edit EditContext, foundInNew []Finding) []Finding {
	own := map[string][]Finding{}
	for _, f := range foundInNew {
		own[f.Rule] = append(own[f.Rule], f)
	}
	var found []Finding
	for _, r := range rules {
		if r.Edit != nil {
			edit.report, edit.Own = report{r, &found}, own[r.ID]
			r.Edit(&edit)
		}
	}
	return found
}
