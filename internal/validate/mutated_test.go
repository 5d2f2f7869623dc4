package validate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// dice makes choices out of a fuzzer's bytes, so that the fuzzer learns which choices lead anywhere.
type dice struct{ bytes []byte }

func (d *dice) roll(sides int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := d.bytes[0]
	d.bytes = d.bytes[1:]
	return int(b) % sides
}

// pick favours the first choice, which is the sound one: a document that is wrong everywhere shows nothing.
func (d *dice) pick(choices ...string) string {
	if n := d.roll(2 * len(choices)); n < len(choices) {
		return choices[n]
	}
	return choices[0]
}

// scalar writes a text in one of the ways in which YAML can say it.
func (d *dice) scalar(text string) string {
	switch d.roll(12) {
	case 1:
		return `"` + text + `"`
	case 2:
		return "'" + text + "'"
	case 3:
		return text + " # a comment"
	case 4:
		return text + d.pick(" ", "\t", "\u00a0", "\u200b", "\ufeff", " -", ":")
	case 5:
		return "|\n      " + text
	case 6:
		return ">-\n      " + text
	case 7:
		return d.pick("!!str ", "! ", "!!binary ", "&a ", "&a *a ") + text
	case 8:
		return "*a"
	case 9:
		escaped := ""
		for _, r := range text {
			escaped += fmt.Sprintf("\\u%04x", r)
		}
		return `"` + escaped + `"`
	case 10:
		return d.pick("yes", "~", "null", "1234", "0x1f", "1_0", ".5", "2024-01-01", "1:30", "{{SessionName}}", "[a]", "{a: b}", "''", "=", "<<", "off", "012", "-", "?", "!!null x")
	default:
		return text
	}
}

// generated is a document item by item.
type generated struct {
	head, tail string
	items      []string
}

func (g generated) text() string { return g.head + strings.Join(g.items, "") + g.tail }

// document writes some mappings, most of them sound.
func (d *dice) document(arnField string) generated {
	g := generated{head: d.pick("", "---\n", "# nodes\n", "\n\n", "%YAML 1.1\n---\n", "\ufeff"), tail: d.pick("", "...\n", "---\n- a\n", "# end", "\t\n", "\r\n")}
	indent := d.pick("", "  ", " ")
	for i := range 1 + d.roll(4) {
		arn := fmt.Sprintf("arn:aws:iam::111122223333:%s/%s%d", d.pick("role", "user", "Role"), d.pick("r", "R", "team/r", "ſ", "é"), i/d.pickInt(1, 2))
		var b strings.Builder
		line := func(lead, key, value string) {
			b.WriteString(indent + lead + d.pick(key, `"`+key+`"`, strings.ToUpper(key), strings.Replace(key, "s", "ſ", 1), "? "+key+"\n"+indent+"  ", "!!str "+key) +
				d.pick(": ", ":\t", ":", " : ") + value + d.pick("\n", " \n", "\r\n", "\n\n", "\n# c\n"))
		}
		switch d.roll(10) {
		case 1: // flow style
			fmt.Fprintf(&b, "%s- {%s: %s, username: %s, groups: [%s, %s]}\n", indent, arnField, d.scalar(arn), d.scalar("u"), d.scalar("viewers"), d.scalar("a:b"))
		case 2:
			fmt.Fprintf(&b, "%s- {\"%s\":\"%s\",\"username\":\"u\",\"groups\":[]}\n", indent, arnField, arn)
		case 3:
			fmt.Fprintf(&b, "%s- <<: *a\n%s  %s: %s\n", indent, indent, arnField, arn)
		case 4:
			b.WriteString(indent + d.pick("- \n", "- text\n", "- [a]\n", "-\n", "- ~\n"))
		default:
			line("- "+d.pick("", "", "&a\n    "), arnField, d.scalar(arn))
			line(d.pick("  ", "   ", "\t"), "username", d.scalar(d.pick("u", "ci:{{SessionName}}", "{{AccountID}}")))
			switch d.roll(4) {
			case 0:
				line("  ", "groups", "["+d.scalar("viewers")+"]")
			case 1:
				b.WriteString(indent + "  groups:\n")
				for range 1 + d.roll(3) {
					b.WriteString(indent + d.pick("  - ", "    - ", "   - ", "\t- ", "  -") + d.scalar(d.pick("viewers", "a b", "x:y")) + "\n")
				}
			case 2:
				line("  ", "groups", d.scalar("viewers"))
			}
			if d.roll(6) == 1 {
				line("  ", d.pick("username", "groups", "userid", "extra", "1", "[a]", "<<", "sso"), d.scalar("x"))
			}
		}
		g.items = append(g.items, b.String())
	}
	return g
}

func (d *dice) pickInt(choices ...int) int { return choices[d.roll(len(choices))] }

// FuzzMutated takes sound maps and spoils them in the ways people and editors do, so that the fuzzer spends its time near
// the border. It holds the verdict against the authenticator in both readings, and the validator against itself.
func FuzzMutated(f *testing.F) {
	for i := range 64 {
		seed := make([]byte, 48)
		for j := range seed {
			seed[j] = byte(i*j*7 + i + j)
		}
		f.Add(seed)
	}
	v, full := textOnly(f), validator(f, "")
	f.Fuzz(func(t *testing.T, bytes []byte) {
		d := &dice{bytes}
		g := d.document("rolearn")
		data := map[string]string{awsauth.MapRoles: g.text()}
		if d.roll(3) == 1 {
			data[awsauth.MapUsers] = d.document("userarn").text()
		}
		report := create(v, data)
		if report.Allowed {
			for way, read := range map[string]reading{"strict": strict, "lenient": lenient} {
				if diff := agree(data, read); diff != "" {
					t.Errorf("admitted %q, but the %s reading differs: %s", data, way, diff)
				}
			}
		}
		doc, _ := awsauth.Parse(data)
		if theirs, _, _, _ := strict(data); !slices.Equal(ours(doc.Roles), theirs) {
			t.Errorf("of %q EKS keeps %q, we say %q", data, theirs, ours(doc.Roles))
		}

		again, err := json.Marshal(create(v, data))
		if first, _ := json.Marshal(report); err != nil || string(first) != string(again) {
			t.Errorf("two verdicts on %q: %s and %s", data, first, again)
		}
		req := validate.Request{Operation: validate.Update, Old: aconfigmap(data), New: aconfigmap(data)}
		if r := full.Validate(context.Background(), req); !r.Allowed || len(r.Findings) > 0 {
			t.Errorf("a re-apply of %q is not let in without a word: %v", data, r.Findings)
		}
		// Whatever is wrong with a document, one more comment does not make it worse.
		commented := map[string]string{awsauth.MapRoles: "# a comment\n" + data[awsauth.MapRoles]}
		if users, ok := data[awsauth.MapUsers]; ok {
			commented[awsauth.MapUsers] = users
		}
		req.New = aconfigmap(commented)
		if r := full.Validate(context.Background(), req); !r.Allowed && !strings.HasPrefix(g.head, "\ufeff") && !strings.HasPrefix(g.head, "%") {
			t.Errorf("a comment on %q is refused: %s", data, sentences(r))
		}
		alike := strings.ContainsAny(g.text(), "&*")
		for i := range g.items {
			if alike || len(g.items) < 2 {
				break // an entry that others refer to cannot just go
			}
			less := generated{g.head, g.tail, slices.Delete(slices.Clone(g.items), i, i+1)}
			req.New = aconfigmap(map[string]string{awsauth.MapRoles: less.text(), awsauth.MapUsers: data[awsauth.MapUsers]})
			if r := full.Validate(context.Background(), req); !r.Allowed {
				t.Errorf("removing %q from %q is refused: %s", g.items[i], data, sentences(r))
			}
		}
		// The order of sound entries makes no difference to what is said of them.
		if len(doc.Unreadable) == 0 && !alike && g.tail == "" && !slices.ContainsFunc(report.Findings, func(f validate.Finding) bool { return f.Rule == "AA101" }) {
			turned := generated{g.head, g.tail, slices.Clone(g.items)}
			slices.Reverse(turned.items)
			r := create(v, map[string]string{awsauth.MapRoles: turned.text(), awsauth.MapUsers: data[awsauth.MapUsers]})
			if a, b := ruleCounts(report), ruleCounts(r); a != b && !slices.ContainsFunc(r.Findings, func(f validate.Finding) bool { return f.Rule == "AA101" }) {
				t.Errorf("%q in another order: %s, not %s", data, b, a)
			}
		}
	})
}

func ruleCounts(r validate.Report) string {
	var rules []string
	for _, f := range r.Findings {
		rules = append(rules, f.Rule)
	}
	slices.Sort(rules)
	return strings.Join(rules, " ")
}
