package awsauth_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// hiddenRunes are all characters that a reader cannot see, of the private ones a few.
func hiddenRunes() []rune {
	all := []rune{utf8.RuneError}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		private := unicode.Is(unicode.Co, r) && r != 0xE000 && r != 0xF8FF && r != 0xF0000 && r != 0x10FFFD
		if !private && utf8.ValidRune(r) && awsauth.Hidden(r) != "" {
			all = append(all, r)
		}
	}
	return all
}

// foundInComments are those that are found in a comment too, written down once more: control characters, what breaks lines,
// what reorders them, and what may stand for an invalid byte.
func foundInComments(r rune) bool {
	return unicode.IsControl(r) || strings.ContainsRune("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufffd", r)
}

// Where a character can stand: X is it.
var inComments = map[string]string{
	"a first line":             "# a X b\n- rolearn: x\n  username: ci\n  groups: [a]\n",
	"a first line, indented":   "  #X\n- rolearn: x\n  username: ci\n  groups: [a]\n",
	"behind a plain text":      "- rolearn: x # X b\n  username: ci\n  groups: [a]\n",
	"behind quotes":            "- rolearn: 'it''s # no' # X b\n  username: \"c\\\"i # no\" # it's X\n  groups: [a]\n",
	"behind a list":            "- rolearn: x\n  username: ci\n  groups: [a, \"b\"] # X\n",
	"in a list":                "- rolearn: x\n  username: ci\n  groups: [a, # X\n    b]\n",
	"behind a dash":            "- # X\n  rolearn: x\n  username: ci\n  groups: [a]\n",
	"behind a key":             "- rolearn: x\n  username: ci\n  groups: # X\n  - a\n",
	"between two fields":       "- rolearn: x\n# X\n  username: ci\n  groups: [a]\n",
	"between two items":        "- rolearn: x\n  username: ci\n  groups: [a]\n  # X\n- rolearn: y\n  username: cd\n  groups: [a]\n",
	"behind a block's mark":    "- rolearn: x\n  username: |- # X\n    ci\n  groups: [a]\n",
	"behind a block":           "- rolearn: x\n  groups: [a]\n  username: |-\n    ci\n# X\n",
	"behind a block, indented": "- rolearn: x\n  username: >-\n    ci\n  # X\n  groups: [a]\n",
	"behind an empty block":    "- rolearn: x\n  username: ci\n  userid: |-\n  groups: [a] # X\n",
	"a last line":              "- rolearn: x\n  username: ci\n  groups: [a]\n# X",
	"a last line, CRLF":        "- rolearn: x\r\n  username: ci\r\n  groups: [a]\r\n# X\r\n",
	"in JSON":                  "[\n  {\"rolearn\": \"x # no\", \"username\": \"ci\", \"groups\": [\"a\"]} # X\n]\n",
	"behind a document's mark": "--- # X\n- rolearn: x\n  username: ci\n  groups: [a]\n",
}

var outsideOfComments = map[string]string{
	"a plain text":                  "- rolearn: x\n  username: cXi\n  groups: [a]\n",
	"a plain text with a #":         "- rolearn: x\n  username: c#Xi\n  groups: [a]\n",
	"single quotes":                 "- rolearn: x\n  username: 'ci # X'\n  groups: [a]\n",
	"single quotes, with a quote":   "- rolearn: x\n  username: 'c''i # X'\n  groups: [a]\n",
	"double quotes":                 "- rolearn: x\n  username: \"c\\\"i # X\"\n  groups: [a]\n",
	"double quotes over two lines":  "- rolearn: x\n  username: \"c\n    # X\"\n  groups: [a]\n",
	"a literal block":               "- rolearn: x\n  username: |-\n    c\n    # X\n  groups: [a]\n",
	"a literal block, blank lines":  "- rolearn: x\n  username: |-\n\n    c\n\n    # X\n\n  groups: [a]\n",
	"a literal block, deeper":       "- rolearn: x\n  username: |-\n    c\n      # X\n  groups: [a]\n",
	"a literal block, indent given": "- rolearn: x\n  username: |1-\n    c\n   # X\n  groups: [a]\n",
	"a folded block":                "- rolearn: x\n  username: >\n    # X\n  groups: [a]\n",
	"a last block":                  "- rolearn: x\n  groups: [a]\n  username: |\n    c\n    # X",
	"a key":                         "- rolearn: x\n  username: ci\n  groXups: [a]\n",
	"a key in quotes":               "- rolearn: x\n  username: ci\n  \"gr # X\": [a]\n",
	"a group":                       "- rolearn: x\n  username: ci\n  groups: [\"a # X\"]\n",
	"a text with a tag":             "- rolearn: x\n  username: !!str 'ci # X'\n  groups: [a]\n",
	"behind an open quote":          "- rolearn: x\n  username: 'ci # X\n  groups: [a]\n",
	"a second document":             "- rolearn: x\n  username: ci\n  groups: [a]\n---\n- 'a # X'\n",
}

// TestHiddenCharacters has every one of them at every kind of place.
func TestHiddenCharacters(t *testing.T) {
	all := hiddenRunes()
	if len(all) < 300 {
		t.Fatalf("%d hidden characters", len(all))
	}
	found := func(text, x string) bool {
		_, problems := awsauth.Parse(map[string]string{awsauth.MapRoles: strings.Replace(text, "X", x, 1)})
		return slices.ContainsFunc(problems, func(p awsauth.Problem) bool {
			return p.Code == awsauth.HiddenCharacter || p.Code == awsauth.NotUTF8
		})
	}
	for name, text := range inComments {
		for _, r := range all {
			if got, want := found(text, string(r)), foundInComments(r); got != want {
				t.Errorf("%U in a comment, %s: found %v, want %v", r, name, got, want)
			}
		}
		if !found(text, "\r# ") {
			t.Errorf("a lone carriage return in a comment, %s, is not found", name)
		}
	}
	for name, text := range outsideOfComments {
		for _, r := range all {
			if !found(text, string(r)) {
				t.Errorf("%U in no comment, %s: not found", r, name)
			}
		}
	}
}

// A comment that has a character in it does not hide it where it is written as an escape.
func TestHiddenCharactersEscaped(t *testing.T) {
	for _, r := range []string{"FE0F", "200D", "200F"} {
		text := "# \ufe0f\u200d\u200f\n- rolearn: x\n  username: \"c\\u" + r + "i\"\n  groups: [a]\n"
		_, problems := awsauth.Parse(map[string]string{awsauth.MapRoles: text})
		if len(problems) != 1 || problems[0].Code != awsauth.HiddenCharacter || problems[0].Field != "data.mapRoles[0].username" {
			t.Errorf("\\u%s: %+v", r, problems)
		}
	}
}
