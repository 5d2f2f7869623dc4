package awsauth

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"
)

// The fields that EKS reads of an item.
var fields = map[string][]string{
	MapRoles: {"rolearn", "username", "groups", "userid", "sso"},
	MapUsers: {"userarn", "username", "groups", "userid"},
}

// known returns the field that k is, if it is spelt exactly as EKS spells it; all else is reported, with the field that
// was probably meant, by its name or by its value v.
func (it *itemReader) known(k, v *node) (field, meant string) {
	name := k.Value
	for _, f := range fields[it.key] {
		if name == f {
			return f, ""
		}
	}
	pr := it.problem(k, UnknownField, "")
	pr.Value = name
	pr.Subject = "key " + name
	other := ARNField(MapRoles)
	if it.key == MapRoles {
		other = ARNField(MapUsers)
	}
	switch f, ok := nearest(name, fields[it.key]); {
	case foldsTo(name, fields[it.key]) != "" && isASCII(name):
		pr.Code, pr.Want = WrongCaseField, foldsTo(name, fields[it.key])
	case !isASCII(name) && ok:
		pr.Code, pr.Want = LookAlikeKey, f
	case strings.EqualFold(name, other):
		pr.Code, pr.Want = MisplacedField, ARNField(it.key)
	case ok:
		pr.Want = f
	case it.isOnlyARN(v):
		pr.Want = ARNField(it.key)
	}
	if pr.Want != "" && it.has(pr.Want) {
		pr.Got = pr.Want
	}
	it.report(pr)
	return "", pr.Want
}

// isOnlyARN reports an ARN in an item that has no field for one.
func (it *itemReader) isOnlyARN(v *node) bool {
	v = resolve(v)
	return v.Kind == scalarNode && strings.HasPrefix(strings.ToLower(v.Value), "arn:") && !it.has(ARNField(it.key)) && !it.has("sso")
}

// has reports a known key that is in the item, spelt exactly. The keys are gathered once, when first asked: most items have
// no unknown key, and one item can have ten thousand.
func (it *itemReader) has(field string) bool {
	if it.spelt == nil {
		it.spelt = map[string]bool{}
		for i := 0; i+1 < len(it.node.Content); i += 2 {
			if k := it.node.Content[i]; k.Kind == scalarNode && slices.Contains(fields[it.key], k.Value) {
				it.spelt[k.Value] = true
			}
		}
	}
	return it.spelt[field]
}

func foldsTo(name string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(name, n) {
			return n
		}
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unjoined takes out what words are joined by. Making a Replacer costs more than a value of some hundred bytes.
var unjoined = strings.NewReplacer("-", "", "_", "", " ", "")

// nearest finds the name that was probably meant: at most two edits away, fewer for short words.
func nearest(s string, names []string) (string, bool) {
	plainer := strings.ToLower(unjoined.Replace(s))
	best, bestDistance := "", 3
	for _, n := range names {
		d := levenshtein.Distance(plainer, n, nil)
		if d < bestDistance && d*2 < len(n) {
			best, bestDistance = n, d
		}
	}
	return best, best != ""
}
