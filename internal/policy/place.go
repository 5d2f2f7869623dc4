package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// place is where a value is in the file: keys of mappings (string) and positions in lists (int).
type place []any

func (p place) to(step any) place { return append(slices.Clip(p), step) }

// parsePlace reads a field.Path such as accounts[0].id. What follows rules. is the name of a rule, whatever
// characters it has.
func parsePlace(s string) place {
	if rule, ok := strings.CutPrefix(s, "rules."); ok {
		return place{"rules", rule}
	}
	var p place
	for _, step := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		if i, err := strconv.Atoi(step); err == nil {
			p = p.to(i)
		} else {
			p = p.to(step)
		}
	}
	return p
}

func (p place) String() string {
	if len(p) == 0 {
		return "the policy"
	}
	var b strings.Builder
	for i, step := range p {
		if n, ok := step.(int); ok {
			fmt.Fprintf(&b, "[%d]", n)
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		fmt.Fprint(&b, step)
	}
	return b.String()
}
