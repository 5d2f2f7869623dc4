package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Rule is one rule with all that is said of it anywhere: docs/rules.md, explain and SARIF are made from this.
type Rule struct {
	ID       string   // AA203; never reused
	Name     string   // role-arn-path
	Severity Severity // unless a finding or the policy says otherwise
	What     string   // what it catches
	Why      string   // what would happen on EKS
	// Bad is the body of a ConfigMap that the rule finds when it replaces Good; Good is one that it lets in. Both are
	// run by a test. Bad is empty where the object is deleted.
	Bad, Good string

	// ofText marks the rules that judge how an entry is written, not whom it lets in: their findings stay the same
	// while the entry's ARN is being repaired.
	ofText bool
}

// family is a group of rules that look at the same things. entry judges one entry, by nothing but what is written in it,
// the policy and, for templates, what is privileged (what it finds it may tell in the light of the live nodes); state judges
// one version of the object by itself. Both are run on the old and the new version; edit compares the two.
type family struct {
	rules []Rule
	entry func(*pass, *awsauth.Entry)
	state func(*pass)
	edit  func(*pass)
}

var families = []family{textFamily, objectFamily, groupFamily, duplicateFamily, limitFamily, arnFamily, templateFamily, principalFamily,
	grantFamily, identityFamily, accountFamily, nodeFamily, removalFamily, requiredFamily, adminFamily, effectFamily,
	nodeRoleFamily} // the last: what another rule denies needs no evidence

var (
	catalogue []Rule
	byID      = map[string]Rule{}
)

// In init, since the families' functions look rules up.
func init() {
	for _, f := range families {
		for _, r := range f.rules {
			catalogue = append(catalogue, r)
			byID[r.ID] = r
		}
	}
	slices.SortFunc(catalogue, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
}

// Catalogue is every rule, by id.
func Catalogue() []Rule { return slices.Clone(catalogue) }

// Lookup finds a rule by id or name, without regard to letter case.
func Lookup(idOrName string) (Rule, bool) {
	for _, r := range catalogue {
		if strings.EqualFold(r.ID, idOrName) || strings.EqualFold(r.Name, idOrName) {
			return r, true
		}
	}
	return Rule{}, false
}

// known is Lookup with an error that says what might have been meant.
func known(idOrName string) (Rule, error) {
	if r, ok := Lookup(idOrName); ok {
		return r, nil
	}
	best, distance := "", 5
	for _, r := range catalogue {
		for _, s := range []string{r.ID, r.Name} {
			if d := levenshtein.Distance(strings.ToLower(idOrName), strings.ToLower(s), nil); d < distance {
				best, distance = s, d
			}
		}
	}
	if best != "" {
		return Rule{}, fmt.Errorf("unknown rule %q, did you mean %s?", idOrName, best)
	}
	return Rule{}, fmt.Errorf("unknown rule %q, want an id such as AA203 or a name such as role-arn-path", idOrName)
}
