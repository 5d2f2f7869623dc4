package edit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// dice draw a mapRoles in any style that people write.
type dice struct{ *rand.Rand }

func (d dice) of(words ...string) string { return words[d.IntN(len(words))] }

func (d dice) quoted(s string) string {
	q := d.of("", "", "'", `"`)
	return q + s + q
}

// document draws a value with n entries.
func (d dice) document(n int) string {
	eol := d.of("\n", "\n", "\r\n")
	draw := d.block
	if d.IntN(4) == 0 {
		draw = d.brackets
	}
	text := draw(n, eol)
	if d.IntN(4) == 0 {
		text = strings.TrimSuffix(text, eol)
	}
	return text
}

func (d dice) block(n int, eol string) string {
	indent, gap, between := d.of("", "  ", " "), d.of(" ", "   "), d.of("", "", eol)
	comments, groups, rel := d.IntN(3) == 0, d.IntN(3), d.of("", "  ")
	var b strings.Builder
	if d.IntN(3) == 0 {
		b.WriteString("# aws-auth" + eol + d.of("", eol))
	}
	for i := range n {
		if i > 0 {
			b.WriteString(between)
		}
		if comments && d.IntN(2) == 0 {
			b.WriteString(indent + "# of " + fmt.Sprint(i) + eol)
		}
		inner := indent + " " + strings.Repeat(" ", len(gap))
		lines := []string{"rolearn: " + d.quoted(fmt.Sprintf("arn:aws:iam::111122223333:role/r%d", i)) + d.of("", " # why"),
			"username: " + d.quoted(fmt.Sprintf("u%d", i))}
		switch groups {
		case 0:
			lines = append(lines, "groups: ["+d.quoted("viewers")+", "+d.quoted("ops")+"]")
		case 1:
			lines = append(lines, "groups:"+d.of("", " # for now"), rel+"- "+d.quoted("viewers"), rel+"- "+d.quoted("ops")+d.of("", " # too"))
		}
		if d.IntN(3) == 0 && groups == 0 {
			slices.Reverse(lines)
		}
		for j, l := range lines {
			lead := inner
			if j == 0 {
				lead = indent + "-" + gap
			}
			b.WriteString(lead + l + eol)
		}
		if d.IntN(5) == 0 {
			b.WriteString(inner + "# - commented" + eol)
		}
	}
	b.WriteString(d.of("", "", "# end"+eol, eol+eol+"# end"+eol))
	return b.String()
}

func (d dice) brackets(n int, eol string) string {
	quote, open, sep, end := d.of("", `"`), "[", ", ", "]"+eol
	if d.IntN(2) == 0 {
		open, sep, end = "["+eol+"  ", ","+eol+"  ", d.of("", ",")+eol+"]"+eol
	}
	q := func(s string) string { return quote + s + quote }
	var items []string
	for i := range n {
		items = append(items, "{"+q("rolearn")+": "+q(fmt.Sprintf("arn:aws:iam::111122223333:role/r%d", i))+", "+
			q("username")+": "+q(fmt.Sprintf("u%d", i))+", "+q("groups")+": ["+q("viewers")+", "+q("ops")+"]}")
	}
	return open + strings.Join(items, sep) + end
}

// TestAddThenRemove: in documents of every style, what is added and removed again leaves the same bytes, and every change keeps all
// bytes that it is not about.
func TestAddThenRemove(t *testing.T) {
	for seed := range uint64(1_000) {
		d := dice{rand.New(rand.NewPCG(seed, 1))}
		n := 1 + d.IntN(4)
		text := d.document(n)
		data := map[string]string{awsauth.MapRoles: text}
		fail := func(what string, got any) {
			t.Helper()
			t.Fatalf("seed %d: %s: %v\nfrom %q", seed, what, got, text)
		}
		added, err := Add(data, awsauth.MapRoles, newEntry)
		if err != nil {
			fail("add", err)
		}
		if !inserted(text, added[awsauth.MapRoles]) {
			fail("add changes more than it adds", fmt.Sprintf("%q", added[awsauth.MapRoles]))
		}
		removed, err := Remove(added, roleB)
		if err != nil || removed[awsauth.MapRoles] != text {
			fail("remove", fmt.Sprintf("%v %q", err, removed[awsauth.MapRoles]))
		}
		arn := fmt.Sprintf("arn:aws:iam::111122223333:role/r%d", d.IntN(n))
		less, err := Remove(data, arn)
		if err != nil || !inserted(less[awsauth.MapRoles], text) {
			fail("remove "+arn, fmt.Sprintf("%v %q", err, less[awsauth.MapRoles]))
		}
		more, err := Set(data, arn, Settings{Add: []string{"admins"}})
		if err != nil || !inserted(text, more[awsauth.MapRoles]) {
			fail("add a group to "+arn, fmt.Sprintf("%v %q", err, more[awsauth.MapRoles]))
		}
		back, err := Set(more, arn, Settings{Remove: []string{"admins"}})
		if had := strings.Contains(text, "groups"); err != nil || had && back[awsauth.MapRoles] != text {
			fail("remove the group from "+arn, fmt.Sprintf("%v %q", err, back[awsauth.MapRoles]))
		}
		name, old := "other", strings.Replace(arn, "arn:aws:iam::111122223333:role/r", "u", 1)
		renamed, err := Set(data, arn, Settings{Username: &name})
		if err != nil {
			fail("name "+arn, err)
		}
		if back, err := Set(renamed, arn, Settings{Username: &old}); err != nil || back[awsauth.MapRoles] != text {
			fail("name it back", fmt.Sprintf("%v %q", err, back[awsauth.MapRoles]))
		}
	}
}

// inserted reports that a text is another one with something put in at one place.
func inserted(without, with string) bool {
	before := 0
	for before < len(without) && before < len(with) && without[before] == with[before] {
		before++
	}
	for at := before; at >= 0; at-- {
		if strings.HasSuffix(with[at:], without[at:]) {
			return len(with) > len(without)
		}
	}
	return false
}

// FuzzEdit holds of every text that a change means what it says, or fails; and that an entry that is added and removed leaves
// the same bytes in a list that has others. Add, Remove and Set hold the first by themselves: here it is read with another eye.
func FuzzEdit(f *testing.F) {
	for seed := range uint64(50) {
		d := dice{rand.New(rand.NewPCG(seed, 2))}
		f.Add(d.document(1 + d.IntN(3)))
	}
	f.Add("[]")
	f.Add("- rolearn: " + roleA + "\n  username: |\n    a\n  groups: &g [x]\n")
	f.Fuzz(func(t *testing.T, text string) {
		data := map[string]string{awsauth.MapRoles: text}
		doc, _ := awsauth.Parse(data)
		if len(Find(doc, roleB)) > 0 {
			return
		}
		added, err := Add(data, awsauth.MapRoles, newEntry)
		if err != nil {
			return
		}
		before, after := doc.Access(), access(added)
		changes := awsauth.Diff(before, after)
		if len(changes) != 1 || changes[0].Principal != roleB || len(changes[0].Before) > 0 || len(changes[0].After) != 1 {
			t.Fatalf("add: %+v\n%q", changes, added[awsauth.MapRoles])
		}
		removed, err := Remove(added, roleB)
		if err != nil {
			t.Fatalf("what was added cannot be removed: %v\n%q", err, added[awsauth.MapRoles])
		}
		if len(awsauth.Diff(before, access(removed))) > 0 || len(doc.Roles) > 0 && removed[awsauth.MapRoles] != text {
			t.Fatalf("remove: %q, want %q", removed[awsauth.MapRoles], text)
		}
	})
}

func access(data map[string]string) *awsauth.Access {
	doc, _ := awsauth.Parse(data)
	return doc.Access()
}
