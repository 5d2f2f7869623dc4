package baseline

import (
	"fmt"
	"strings"
	"testing"
)

// String is every fragment as column, mark and content, and | before a new entry.
func (o *outline) String() string {
	var b strings.Builder
	entry := 0
	for n := range len(o.lines) - 1 {
		for i := o.lines[n]; i < o.lines[n+1]; i++ {
			f := o.fragments[i]
			if f.entry != entry {
				b.WriteString("| ")
				entry = f.entry
			}
			fmt.Fprintf(&b, "%d:%d", n+1, f.column)
			switch f.kind {
			case keyed:
				fmt.Fprintf(&b, "%s=%s ", f.key, f.text)
			case item:
				fmt.Fprintf(&b, "-%s ", f.text)
			default:
				fmt.Fprintf(&b, "%s ", f.text)
			}
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func TestOutline(t *testing.T) {
	for name, c := range map[string]struct{ text, strict, lenient string }{
		"entries": {"- rolearn: a\n  username: b\n  groups: [c, d]\n- username: x\n  rolearn: y",
			"| 1:1rolearn=a 2:1username=b 3:1groups=[c, d] | 4:1username=x 5:1rolearn=y", ""},
		"a list":                     {"groups:\n- c\n- d # e\nf", "1:1groups= 2:1-c 3:1-d 3:5# e 4:1f", ""},
		"JSON":                       {`[{"rolearn":"a", "groups": ["c"]}, {"userarn": "b"}]`, `| 1:1rolearn="a" 1:18groups=["c"] | 1:36userarn="b"`, ""},
		"flow":                       {"- {rolearn: a, username: 'b'}\n- { rolearn: c }", "| 1:1rolearn=a 1:16username='b' | 2:1rolearn=c", ""},
		"no line breaks":             {`- rolearn: a username: groups: c - rolearn: b`, "| 1:1rolearn=a 1:14username= 1:24groups=c | 1:34rolearn=b", ""},
		"escaped line breaks":        {`"- rolearn: a\n  username: b\n- rolearn: c\n"`, `1:1"- 1:4rolearn=a 1:18username=b | 1:31rolearn=c`, ""},
		"a dash alone":               {"-\n  rolearn: a\n-\n  {rolearn: b", "1:1- | 2:1rolearn=a 3:1- | 4:1rolearn=b", ""},
		"a lost dash":                {"- rolearn: a\n  username: b\nrolearn: c", "| 1:1rolearn=a 2:1username=b | 3:1rolearn=c", ""},
		"lost blanks":                {"-rolearn:a\n groups:c", "1:1-rolearn:a 2:1groups:c", "| 1:1rolearn=a 2:1groups=c"},
		"behind something":           {"·groups: c", "1:1·groups: c", "1:1· 1:2groups=c"},
		"no field":                   {"my-groups: c\nxgroups:c\n-x\nhttp://a", "1:1my-groups=c 2:1xgroups:c 3:1-x 4:1http://a", ""},
		"an ARN with a colon":        {"rolearn: arn:aws:iam::1:role/a: b", "1:1rolearn=arn:aws:iam::1:role/a: b", ""},
		"a missing colon":            {"- rolearn a\n  username b", "1:1-rolearn a 2:1username b", "| 1:1rolearn=a 2:1username=b"},
		"a list in a list":           {"- - a\n  - b", "1:1-- a 2:3-b", ""},
		"a quote around all":         {`"[{"rolearn":"a","groups":"b"}]"`, `1:1"[ | 1:3rolearn="a" 1:18groups="b"`, ""},
		"a comment without an end":   {"- rolearn: a # b groups: c", "| 1:1rolearn=a 1:14# b groups: c", "| 1:1rolearn=a 1:14# b 1:18groups=c"},
		"no-break spaces":            {"- \"rolearn\": a\n\u00a0\"username\":\u00a0b", "| 1:1rolearn=a 2:1\u00a0\"username\":\u00a0b", "| 1:1rolearn=a 2:2username=b"},
		"no comment":                 {"username: a#b", "1:1username=a#b", ""},
		"a comment with a field":     {"# username: a\nusername: b # groups: c", "1:1# username: a 2:1username=b 2:13# groups: c", ""},
		"a colon too many":           {"groups: c:\nd:", "1:1groups= 1:9c= 2:1d=", "1:1groups=c 2:1d="},
		"a tab alone":                {"\t\n \n", "1:1\t", ""},
		"quotes that are not closed": {"'username: b\nusername\": c", "1:1'username: b 2:1username\": c", "1:1' 1:2username=b 2:1username\": c"},
		"brackets of its own":        {"groups: [c\ngroups: c]]\ngroups: [[c], [d]]", "1:1groups=[c 2:1groups=c 3:1groups=[[c], [d]]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outlineOf(c.text, false).String(); got != c.strict {
				t.Errorf("strict:\n%s\nwant\n%s", got, c.strict)
			}
			if c.lenient == "" {
				c.lenient = c.strict
			}
			if got := outlineOf(c.text, true).String(); got != c.lenient {
				t.Errorf("lenient:\n%s\nwant\n%s", got, c.lenient)
			}
		})
	}
}
