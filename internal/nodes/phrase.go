package nodes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// fewNodes is how many nodes a message names.
const fewNodes = 5

// total is how many nodes there are in sets of which no two have a node in common.
func total(sets []Set) int {
	n := 0
	for _, s := range sets {
		n += len(s.Names)
	}
	return n
}

// Count puts sets into words: 12 running EC2 nodes (1 not ready).
func Count(sets []Set) string {
	kinds := map[string]int{}
	var notReady, joining int
	for _, s := range sets {
		kinds[s.Kind.adjective()] += len(s.Names)
		notReady += s.NotReady
		joining += s.Joining
	}
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		words = append(words, fmt.Sprintf("%d running %s", kinds[kind], kind))
	}
	text := phrase.List(words) + " node" + phrase.Plural(total(sets))
	var notes []string
	if notReady > 0 {
		notes = append(notes, fmt.Sprintf("%d not ready", notReady))
	}
	if joining > 0 {
		notes = append(notes, fmt.Sprintf("%d still starting", joining))
	}
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, ", ") + ")"
	}
	return text
}

func (k Kind) adjective() string {
	if k == Other {
		return "unidentified"
	}
	return string(k)
}

// Which names the first few nodes: a, b, c, d, e and 7 more.
func Which(sets []Set) string {
	var first []string // of every set: the first of all are among them
	for _, s := range sets {
		first = append(first, s.Names[:min(len(s.Names), fewNodes)]...)
	}
	slices.Sort(first)
	var shown []string
	for _, name := range first[:min(len(first), fewNodes)] {
		shown = append(shown, phrase.Bare(name))
	}
	text := strings.Join(shown, ", ")
	if more := total(sets) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Use is what nodes do with a role; of some it is known only that they may.
func Use(sets []Set) string {
	if !slices.ContainsFunc(sets, func(s Set) bool { return !s.Maybe }) {
		return "may use"
	}
	return Agree(sets, "uses", "use")
}

// LoseAccess says that nodes lose access; of some it is known only that they may have the role.
func LoseAccess(sets []Set) string {
	if !slices.ContainsFunc(sets, func(s Set) bool { return !s.Maybe }) {
		return "may lose access"
	}
	return Agree(sets, "loses access", "lose access")
}

// Agree picks the word that goes with one node or with several.
func Agree(sets []Set, one, several string) string {
	if total(sets) == 1 {
		return one
	}
	return several
}

// Doubted says why Node objects may be no nodes.
func Doubted(sets []Set) string {
	var reasons []string
	for _, s := range sets {
		reasons = append(reasons, s.Doubt)
	}
	slices.Sort(reasons)
	return Agree(sets, "nothing but its Node object", "nothing but their Node objects") +
		" shows that nodes of this cluster use it: " + phrase.List(slices.Compact(reasons))
}
