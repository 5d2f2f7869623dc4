package awsauth_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// here stands in front of the place that is expected, and is taken out before the text is parsed.
const here = "◆"

// marked removes the mark from a text and returns its position.
func marked(t *testing.T, text string) (clean string, line, column int) {
	t.Helper()
	before, after, ok := strings.Cut(text, here)
	if !ok || strings.Contains(after, here) {
		t.Fatalf("want one mark in %q", text)
	}
	lastLine := before[strings.LastIndexByte(before, '\n')+1:]
	return before + after, 1 + strings.Count(before, "\n"), 1 + len([]rune(lastLine))
}

// problemPlaces has a case for every kind of problem: the mark stands where it must be reported.
var problemPlaces = map[string]struct {
	key  string // mapRoles if empty
	code awsauth.Code
	text string
}{
	"tab for indentation":        {code: awsauth.Syntax, text: "- rolearn: x\n◆\tusername: ci\n  groups: []\n"},
	"tab deeper in":              {code: awsauth.Syntax, text: "- rolearn: x\n  username: ci\n  groups:\n◆\t- a\n"},
	"open single quote":          {code: awsauth.Syntax, text: "- rolearn: x\n  username: ◆'ci\n  groups: []\n"},
	"open double quote":          {code: awsauth.Syntax, text: "- rolearn: ◆\"x\n  username: ci\n  groups: []\n"},
	"colon in a text":            {code: awsauth.Syntax, text: "- rolearn: x\n  username: build◆: ci\n  groups: []\n"},
	"at sign":                    {code: awsauth.Syntax, text: "- rolearn: x\n  username: ◆@ci\n  groups: []\n"},
	"backslash":                  {code: awsauth.Syntax, text: "- rolearn: x\n  username: \"corp◆\\ci\"\n  groups: []\n"},
	"unknown anchor":             {code: awsauth.Syntax, text: "- rolearn: x\n  username: ci\n  groups: ◆*team\n"},
	"indented less":              {code: awsauth.Syntax, text: "- rolearn: x\n  username: ci\n ◆groups: []\n"},
	"no colon":                   {code: awsauth.Syntax, text: "- rolearn: x\n  username: ci\n  ◆groups\n  userid: x\n"},
	"no colon at the end":        {code: awsauth.Syntax, text: "- rolearn: x\n  username: ci\n  ◆groups\n  - a\n"},
	"no blank after the colon":   {code: awsauth.Syntax, text: "- rolearn: x\n  ◆username:ci\n  groups: []\n"},
	"open bracket":               {code: awsauth.Syntax, text: "- rolearn: x\n  username: ci\n  groups: ◆[a, b\n"},
	"open brace":                 {code: awsauth.Syntax, text: "- ◆{rolearn: x, username: ci\n"},
	"conflict marker":            {code: awsauth.Syntax, text: "- rolearn: x\n  username: ci\n  groups: []\n◆<<<<<<< HEAD\n- rolearn: y\n"},
	"invalid UTF-8":              {code: awsauth.NotUTF8, text: "- rolearn: x\n  username: é◆\xff\n"},
	"invalid UTF-8, truncated":   {code: awsauth.NotUTF8, text: "- rolearn: x\n  username: é◆\xc3\n"},
	"U+FFFD in a comment":        {code: awsauth.NotUTF8, text: "- rolearn: x\n  username: ci # é◆\ufffd\ufffd\n  groups: []\n"},
	"a dash in braces":           {code: awsauth.OnlyEKSReads, text: "- {rolearn: x, groups: [], username: ◆-}\n"},
	"comment behind a bracket":   {code: awsauth.NarrowComment, text: "- rolearn: x\n  username: ci\n  groups: [é]◆# é\n"},
	"text after the end":         {code: awsauth.ExtraDocument, text: "- rolearn: x\n  username: ci\n  groups: []\n◆...\n@\n"},
	"groups in capitals":         {code: awsauth.TwoReadings, text: "- ◆rolearn: x\n  username: ci\n  GROUPS: [a]\n"},
	"second document":            {code: awsauth.ExtraDocument, text: "- rolearn: x\n  username: ci\n  groups: []\n◆---\n- rolearn: y\n  username: cd\n  groups: []\n"},
	"broken second document":     {code: awsauth.ExtraDocument, text: "---\n- rolearn: x\n  username: ci\n  groups: []\n◆---\n- 'x\n"},
	"bracket open in the middle": {code: awsauth.Syntax, text: "- rolearn: x\n  groups: ◆[a, b\n  username: ci\n- rolearn: z\n"},
	"comma missing in JSON":      {code: awsauth.Syntax, text: "[\n  {\"rolearn\": \"x\"}\n  ◆{\"rolearn\": \"z\"}\n]\n"},
	"zero-width space":           {code: awsauth.HiddenCharacter, text: "- rolearn: x\n  username: c◆\u200bi\n  groups: []\n"},
	"braille without dots":       {code: awsauth.HiddenCharacter, text: "- rolearn: x\n  username: c◆\u2800i\n  groups: []\n"},
	"ignored by Unicode":         {code: awsauth.HiddenCharacter, text: "- rolearn: x\n  username: c◆\u17b4i\n  groups: []\n"},
	"no-break space":             {code: awsauth.HiddenCharacter, text: "- rolearn: x\n  username: é東🚀◆\u00a0i\n  groups: []\n"},
	"byte order mark":            {code: awsauth.HiddenCharacter, text: "◆\ufeff- rolearn: x\n  username: ci\n  groups: []\n"},
	"bidi in a comment":          {code: awsauth.HiddenCharacter, text: "- rolearn: x # ◆\u202e\n  username: ci\n  groups: []\n"},
	"tab after a colon":          {code: awsauth.Tab, text: "- rolearn: x\n  username:◆\tci\n  groups: []\n"},
	"anchor":                     {code: awsauth.Anchor, text: "- rolearn: x\n  username: ◆&a ci\n  groups: []\n"},
	"anchor on a list":           {code: awsauth.Anchor, text: "- rolearn: x\n  username: ci\n  groups: ◆&a [b]\n"},
	"anchor on an item":          {code: awsauth.Anchor, text: "- ◆&a\n  rolearn: x\n  username: ci\n  groups: []\n"},
	"alias":                      {code: awsauth.Alias, text: "- rolearn: x\n  username: &a ci\n  groups: [◆*a]\n"},
	"merge key":                  {code: awsauth.Merge, text: "- &a {rolearn: x, username: ci, groups: []}\n- ◆<<: *a\n  rolearn: y\n"},
	"tag":                        {code: awsauth.Tag, text: "- rolearn: x\n  username: ◆!!str ci\n  groups: []\n"},
	"binary in a list":           {code: awsauth.Tag, text: "- rolearn: x\n  username: ci\n  groups: [a, ◆!!binary Yg==]\n"},
	"duplicate key":              {code: awsauth.DuplicateKey, text: "- rolearn: x\n  username: ci\n  groups: []\n  ◆username: cd\n"},
	"duplicate key in braces":    {code: awsauth.DuplicateKey, text: "- {rolearn: x, username: ci, groups: [], ◆username: cd}\n"},
	"duplicate key in JSON":      {code: awsauth.DuplicateKey, text: `[{"rolearn": "x", "username": "ci", "groups": [], ◆"username": "cd"}]`},
	"number for a key":           {code: awsauth.NonTextKey, text: "- rolearn: x\n  username: ci\n  groups: []\n  ◆1: x\n"},
	"template without quotes":    {code: awsauth.UnquotedTemplate, text: "- rolearn: x\n  username: ◆{{SessionName}}\n  groups: []\n"},
	"template in a list":         {code: awsauth.UnquotedTemplate, text: "- rolearn: x\n  username: ci\n  groups:\n  - a\n  - ◆{{SessionName}}\n"},
	"look-alike key":             {code: awsauth.LookAlikeKey, text: "- rolearn: x\n  username: ci\n  ◆gr\u043eups: []\n"},
	"boolean":                    {code: awsauth.ImplicitType, text: "- rolearn: x\n  username: ◆yes\n  groups: []\n"},
	"number in a list":           {code: awsauth.ImplicitType, text: "- rolearn: x\n  username: ci\n  groups: [é, 東京, ◆7]\n"},
	"number in block list":       {code: awsauth.ImplicitType, text: "- rolearn: x\n  username: ci\n  groups:\n    - a\n    - ◆7\n"},
	"number in JSON":             {code: awsauth.ImplicitType, text: `[{"rolearn": "x", "username": ◆7, "groups": []}]`},
	"number on the next line":    {code: awsauth.ImplicitType, text: "- rolearn: x\n  username:\n    ◆1234\n  groups: []\n"},
	"leading zero":               {key: awsauth.MapAccounts, code: awsauth.LeadingZero, text: "- \"111122223333\"\n- ◆012345678901\n"},
	"leading zero in a list":     {key: awsauth.MapAccounts, code: awsauth.LeadingZero, text: "[\"111122223333\", ◆012345678901]"},
	"account is a mapping":       {key: awsauth.MapAccounts, code: awsauth.NotText, text: "- \"111122223333\"\n- ◆id: x\n"},
	"accounts are a text":        {key: awsauth.MapAccounts, code: awsauth.NotAList, text: "# one\n◆'111122223333'\n"},
	"a mapping for a list":       {code: awsauth.NotAList, text: "# roles\n◆rolearn: x\nusername: ci\n"},
	"a text for a list":          {code: awsauth.NotAList, text: "\n  ◆nodes\n"},
	"an item is a text":          {code: awsauth.NotAMapping, text: "- rolearn: x\n  username: ci\n  groups: []\n- ◆arn\n"},
	"an item is a list":          {code: awsauth.NotAMapping, text: "- rolearn: x\n  username: ci\n  groups: []\n- ◆- rolearn: y\n"},
	"an item is nothing":         {code: awsauth.NotAMapping, text: "- rolearn: x\n  username: ci\n  groups: []\n-◆\n"},
	"groups is a text":           {code: awsauth.NotAListOfGroups, text: "- rolearn: x\n  username: ci\n  groups: ◆a, b\n"},
	"groups is a quoted text":    {code: awsauth.NotAListOfGroups, text: "- rolearn: x\n  username: ci\n  groups: ◆'a, b'\n"},
	"groups is a literal text":   {code: awsauth.NotAListOfGroups, text: "- rolearn: x\n  username: ci\n  groups: ◆|\n    a\n    b\n"},
	"groups is a mapping":        {code: awsauth.NotAListOfGroups, text: "- rolearn: x\n  username: ci\n  groups:\n    ◆a: b\n"},
	"a group is a mapping":       {code: awsauth.NotText, text: "- rolearn: x\n  username: ci\n  groups:\n    - ◆system: masters\n"},
	"a group is a list":          {code: awsauth.NotText, text: "- rolearn: x\n  username: ci\n  groups: [a, ◆[b]]\n"},
	"a username is a list":       {code: awsauth.NotText, text: "- rolearn: x\n  username: ◆[ci]\n  groups: []\n"},
	"unknown field":              {code: awsauth.UnknownField, text: "- rolearn: x\n  username: ci\n  ◆group: [a]\n  groups: []\n"},
	"unknown field in braces":    {code: awsauth.UnknownField, text: "- {rolearn: \"é\", username: ci, ◆group: [a], groups: []}\n"},
	"unknown quoted field":       {code: awsauth.UnknownField, text: "- rolearn: x\n  username: ci\n  ◆'group': [a]\n  groups: []\n"},
	"unknown first field":        {code: awsauth.UnknownField, text: "- ◆description: x\n  rolearn: x\n  username: ci\n  groups: []\n"},
	"wrong letter case":          {code: awsauth.WrongCaseField, text: "- ◆roleARN: x\n  username: ci\n  groups: []\n"},
	"misplaced field":            {code: awsauth.MisplacedField, text: "- ◆userarn: x\n  username: ci\n  groups: []\n"},
	"misplaced under mapUsers":   {key: awsauth.MapUsers, code: awsauth.MisplacedField, text: "- username: ci\n  groups: []\n  ◆rolearn: x\n"},
	"no username":                {code: awsauth.MissingField, text: "- rolearn: x\n  username: ci\n  groups: []\n- ◆rolearn: y\n  groups: []\n"},
	"no rolearn":                 {code: awsauth.MissingField, text: "-   ◆username: y\n    groups: []\n"},
	"empty username":             {code: awsauth.MissingField, text: "- rolearn: y\n  username: ◆''\n  groups: []\n"},
	"null username":              {code: awsauth.MissingField, text: "- rolearn: y\n  username: ◆~\n  groups: []\n"},
	"no username in braces":      {code: awsauth.MissingField, text: "[◆{rolearn: y, groups: []}]"},
	"no groups":                  {code: awsauth.NoGroups, text: "- ◆rolearn: y\n  username: ci\n"},
	"an empty group":             {code: awsauth.EmptyGroup, text: "- rolearn: y\n  username: ci\n  groups: [a, ◆'']\n"},
	"an empty group in a block":  {code: awsauth.EmptyGroup, text: "- rolearn: y\n  username: ci\n  groups:\n  - ◆\"\"\n  - a\n"},
}

// variants say a text in another way that must move every place as it moves the text.
var variants = map[string]func(string) string{
	"as it stands":           func(s string) string { return s },
	"CRLF":                   func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"after a comment":        func(s string) string { return "# für alle, 東京 🚀\n\n" + s },
	"nested deeper":          func(s string) string { return indented(s, "    ") },
	"CRLF, nested, comments": func(s string) string { return strings.ReplaceAll("# é\n"+indented(s, "  "), "\n", "\r\n") },
}

func indented(s, by string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(by)
		}
		b.WriteString(line)
	}
	return b.String()
}

// moves are the cases that a variant makes into something else.
func moves(variant, text string) bool {
	switch {
	case strings.Contains(variant, "nested"):
		return !strings.Contains(text, "---") && !strings.Contains(text, "...") && !strings.Contains(text, here+"\t") && !strings.Contains(text, "\ufeff") && !strings.Contains(text, "<<<<")
	case strings.Contains(variant, "comment"):
		return !strings.Contains(text, "\ufeff")
	}
	return true
}

func TestPlacesOfProblems(t *testing.T) {
	for name, test := range problemPlaces {
		for variant, vary := range variants {
			if !moves(variant, test.text) {
				continue
			}
			t.Run(name+"/"+variant, func(t *testing.T) {
				key := test.key
				if key == "" {
					key = awsauth.MapRoles
				}
				text, line, column := marked(t, vary(test.text))
				_, problems := awsauth.Parse(map[string]string{key: text})
				var got []string
				for _, p := range problems {
					if p.Code != test.code || p.Reading.ToCome {
						continue
					}
					if p.DataKey != key {
						t.Errorf("data key %q, want %q", p.DataKey, key)
					}
					got = append(got, fmt.Sprintf("%d:%d", p.Line, p.Column))
				}
				if want := []string{fmt.Sprintf("%d:%d", line, column)}; !slices.Equal(got, want) {
					t.Errorf("places %v, want %v in\n%s\nall problems: %+v", got, want, text, problems)
				}
			})
		}
	}
}

// TestEveryProblemHasAPlaceTest keeps the table above complete.
func TestEveryProblemHasAPlaceTest(t *testing.T) {
	covered := map[awsauth.Code]bool{
		awsauth.Disagreement: true, // of two parsers: the fuzzer's to find, and known to nobody until then
		awsauth.TooMany:      true, // of the whole value
	}
	for _, test := range problemPlaces {
		covered[test.code] = true
	}
	for code := awsauth.Syntax; code <= awsauth.TooMany; code++ {
		if !covered[code] {
			t.Errorf("no case for problem %d", code)
		}
	}
}

// fieldPlaces has entries' fields in all the ways of writing them. What is marked is the field that the name of the
// case begins with.
var fieldPlaces = map[string]struct {
	key, text, value string
}{
	"item: block":                      {text: "- ◆rolearn: x\n  username: ci\n", value: "x"},
	"item: dash on a line of its own":  {text: "-\n  ◆rolearn: x\n  username: ci\n", value: "x"},
	"item: braces":                     {text: "- ◆{rolearn: x, username: ci}\n", value: "x"},
	"item: JSON":                       {text: `[◆{"rolearn": "x", "username": "ci"}]`, value: "x"},
	"arn: block":                       {text: "- rolearn: ◆x\n  username: ci\n", value: "x"},
	"arn: wide":                        {text: "-    rolearn:    ◆x\n     username:   ci\n", value: "x"},
	"arn: on the next line":            {text: "- rolearn:\n    ◆x\n  username: ci\n", value: "x"},
	"arn: double quotes":               {text: "- rolearn: ◆\"x\"\n  username: ci\n", value: "x"},
	"arn: single quotes":               {text: "- username: ci\n  rolearn: ◆'x'\n", value: "x"},
	"arn: quoted key":                  {text: "- \"rolearn\": ◆x\n  username: ci\n", value: "x"},
	"arn: folded":                      {text: "- rolearn: ◆>-\n    x\n  username: ci\n", value: "x"},
	"arn: literal":                     {text: "- rolearn: ◆|-\n    x\n  username: ci\n", value: "x"},
	"arn: braces":                      {text: "- {username: ci, rolearn: ◆x}\n", value: "x"},
	"arn: JSON":                        {text: `[{"username": "ci", "rolearn": ◆"x"}]`, value: "x"},
	"arn: JSON over lines":             {text: "[\n  {\n    \"username\": \"ci\",\n    \"rolearn\": ◆\"x\"\n  }\n]\n", value: "x"},
	"arn: mapUsers":                    {key: awsauth.MapUsers, text: "- username: ci\n  userarn: ◆x\n", value: "x"},
	"arn: after comments":              {text: "# é\n- # 東京\n  rolearn: ◆x # 🚀\n  username: ci\n", value: "x"},
	"username: after wide characters":  {text: "- {rolearn: \"é東🚀\", username: ◆ci}\n", value: "ci"},
	"username: wide":                   {text: "- rolearn: x\n  username: ◆é東🚀\n", value: "é東🚀"},
	"username: after a combining mark": {text: "- {rolearn: \"e\u0301\", username: ◆ci}\n", value: "ci"},
	"username: escaped":                {text: "- rolearn: x\n  username: ◆\"c\\x69\"\n", value: "ci"},
	"username: single quote in quotes": {text: "- {rolearn: 'it''s', username: ◆ci}\n", value: "ci"},
	"username: over two lines":         {text: "- rolearn: x\n  username: ◆c\n    i\n", value: "c i"},
	"username: quoted over two lines":  {text: "- rolearn: x\n  username: ◆\"c\n    i\"\n", value: "c i"},
	"username: tag":                    {text: "- rolearn: x\n  username: ◆!!str 7\n", value: "7"},
	"group: block":                     {text: "- rolearn: x\n  username: ci\n  groups:\n    - ◆a\n    - b\n", value: "a"},
	"group: dash at the key":           {text: "- rolearn: x\n  username: ci\n  groups:\n  - ◆a\n  - b\n", value: "a"},
	"group: brackets":                  {text: "- rolearn: x\n  username: ci\n  groups: [◆a, b]\n", value: "a"},
	"group: brackets over lines":       {text: "- rolearn: x\n  username: ci\n  groups: [\n    ◆a,\n    b\n  ]\n", value: "a"},
	"group: quotes":                    {text: "- rolearn: x\n  username: ci\n  groups: [◆'a', \"b\"]\n", value: "a"},
	"group: JSON":                      {text: `[{"rolearn": "é", "username": "ci", "groups": [◆"a", "b"]}]`, value: "a"},
	"account: block":                   {key: awsauth.MapAccounts, text: "# é\n- ◆\"111122223333\"\n", value: "111122223333"},
	"account: brackets":                {key: awsauth.MapAccounts, text: "[◆'111122223333']\n", value: "111122223333"},
}

func TestPlacesOfFields(t *testing.T) {
	for name, test := range fieldPlaces {
		for variant, vary := range variants {
			t.Run(name+"/"+variant, func(t *testing.T) {
				key := test.key
				if key == "" {
					key = awsauth.MapRoles
				}
				text, line, column := marked(t, vary(test.text))
				doc, problems := awsauth.Parse(map[string]string{key: text})
				entries := append(slices.Clone(doc.Roles), doc.Users...)
				if len(entries)+len(doc.Accounts) != 1 {
					t.Fatalf("want one entry or account, got %+v and %+v", doc, problems)
				}
				var got awsauth.Text
				switch field, _, _ := strings.Cut(name, ":"); field {
				case "item":
					got = awsauth.Text{Place: entries[0].Place, Value: entries[0].ARN.Value}
				case "arn":
					got = entries[0].ARN
				case "username":
					got = entries[0].Username
				case "group":
					got = entries[0].Groups[0]
				case "account":
					got = doc.Accounts[0]
				}
				want := awsauth.Text{Place: awsauth.Place{DataKey: key, Line: line, Column: column}, Value: test.value}
				if got != want {
					t.Errorf("got %+v, want %+v in\n%s", got, want, text)
				}
			})
		}
	}
}

// TestPlacesAfterASyntaxError: what is read item by item, because EKS reads nothing of the value, has its places in the
// whole value.
func TestPlacesAfterASyntaxError(t *testing.T) {
	broken := map[string]string{
		"a tab":           "- rolearn: a\n\tusername: ci\n",
		"an open quote":   "- rolearn: 'a\n",
		"an open bracket": "- rolearn: a\n  groups: [x\n",
		"CRLF and a tab":  "- rolearn: a\r\n\tusername: ci\r\n",
		"a long comment":  "# é\n\n\n- rolearn: a\n\tusername: ci\n",
		"a template":      "- rolearn: a\n  username: {{SessionName}}\n",
	}
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		t.Run(name, func(t *testing.T) {
			text, line, column := marked(t, broken[name]+"- username: é\n  rolearn: ◆\"x\"\n  groups: [a]\n")
			doc, _ := awsauth.Parse(map[string]string{awsauth.MapRoles: text})
			i := slices.IndexFunc(doc.Roles, func(e awsauth.Entry) bool { return e.ARN.Value == "x" })
			if i < 0 {
				t.Fatalf("the entry after the broken one is not read: %+v", doc.Roles)
			}
			if got := doc.Roles[i].ARN.Place; got != (awsauth.Place{DataKey: awsauth.MapRoles, Line: line, Column: column}) {
				t.Errorf("got %+v, want line %d, column %d", got, line, column)
			}
		})
	}
}
