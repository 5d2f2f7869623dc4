package baseline

import (
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// markReadBefore marks the differences of entries in a value that EKS could not read in the strict way, where the lenient reading
// of the entry is what it was, or would have been: nothing is new in it, and all that is new in the strict one is for the rules
// to judge. Where it could read nothing in either way, nothing can be lost; only what the lenient reading grants is new.
func markReadBefore(found []rule.Finding, before *rule.Version) {
	var had map[string]bool
	for i := range found {
		f := &found[i]
		if f.Reading == nil || f.Preexisting || !before.Unreadable[f.DataKey] {
			continue
		}
		if before.Unread[f.DataKey] && !f.Reading.Grants {
			f.Preexisting = true
			continue
		}
		if had == nil {
			had = before.Lenient()
		}
		f.Preexisting = had[f.Reading.Identity]
	}
}

// place is an entry of a value, or all of it.
type place struct{ dataKey, principal string }

// settleReadings takes back that faults of an entry existed, where the edit brings a difference between EKS's two
// readings of the entry: the same fault of another text is another fault. A difference that a finding explains, or that
// existed with one that does, is not reported as well.
func settleReadings(found []rule.Finding) []rule.Finding {
	brought := map[place]bool{}
	for _, f := range found {
		if f.Reading != nil && !f.Preexisting {
			brought[placeOf(f)] = true
		}
	}
	explained := explain(found, brought)
	said := map[place]bool{}
	return slices.DeleteFunc(found, func(f rule.Finding) bool {
		at := placeOf(f)
		switch {
		case f.Reading == nil:
			return false
		case f.Reading.Explained && (f.Preexisting || explained[at] || explained[place{f.DataKey, ""}]):
			return true
		case f.Preexisting && brought[at]: // the new one is reported
			return true
		case said[at]:
			return true
		}
		said[at] = true
		return false
	})
}

// explain finds what explains the differences that an edit brings: a finding about the entry, or else one about the whole
// value, such as an anchor. What explains one is new with it.
func explain(found []rule.Finding, brought map[place]bool) map[place]bool {
	explained := map[place]bool{}
	each := func(whole bool, then func(*rule.Finding)) {
		for i := range found {
			f := &found[i]
			if f.Reading == nil && treatments[f.Category].explains && f.Severity == rule.Error && (f.Principal == "") == whole {
				explained[placeOf(*f)] = true
				then(f)
			}
		}
	}
	each(false, func(f *rule.Finding) { f.Preexisting = f.Preexisting && !brought[placeOf(*f)] })
	unexplained := map[string]bool{} // the data keys
	for at := range brought {
		if !explained[at] {
			unexplained[at.dataKey] = true
		}
	}
	each(true, func(f *rule.Finding) {
		f.Preexisting = f.Preexisting && !brought[placeOf(*f)] && !unexplained[f.DataKey]
	})
	return explained
}

func placeOf(f rule.Finding) place { return place{f.DataKey, f.Principal} }
