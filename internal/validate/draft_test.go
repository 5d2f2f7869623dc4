package validate_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// dice makes choices out of a fuzzer's bytes, so that the fuzzer learns which choices lead anywhere. Without bytes every
// choice is the first one.
type dice struct{ bytes []byte }

func (d *dice) roll(sides int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := d.bytes[0]
	d.bytes = d.bytes[1:]
	return int(b) % sides
}

func (d *dice) pick(choices ...string) string { return choices[d.roll(len(choices))] }

// scraps are what a slip of the hand, a paste or an attacker leaves in a text.
var scraps = []string{
	"", "\n", "  ", "- ", "\n- ", "\n  ", "\n\n", "\t", "\r", ": ", ":", "'", "\"", "[", "]", "{", "}", ", ", "#", " # ", "\n# c\n", "&a ", "*a", "<<: *a", "? ", "!!str ", "|\n    ", ">\n    ",
	"---\n", "...\n", "%YAML 1.1\n", "~", "yes", "0x1", "1", "\\", "\\x61", "\a", "\x00", "\x7f", "\xff", "\ufeff", "\u00a0", "\u200b", "\u202e", "# x\u2028", "\u0085", "ſ", "=",
	"]# c\n", "\"# c\n", "'# c\n", "}# c\n", "# c", "...\n@\n", "---\n\t@\n", "\n  groupſ: [viewers]\n", "\n  GROUPS: [viewers]\n", "ROLEARN", "-}", "\ufffd", "\xc0\xaf", "\xed\xa0\x80", "# \ufe0f\n",
	"rolearn", "username", "groups", "arn:aws:iam::111122223333:role/r1", "system:masters", "system:", "system:nodes", "{{SessionName}}", "team/", "viewers",
	"\n- {rolearn: 'arn:aws:iam::111122223333:role/z', username: z, groups: [system:masters]}\n",
}

// mangle puts some scraps into a text, in the place of a few bytes or of none.
func (d *dice) mangle(text string) string {
	for range 1 + d.roll(3) {
		from := (d.roll(256)<<8 | d.roll(256)) % (len(text) + 1)
		to := min(from+max(d.roll(12)-6, 0), len(text))
		text = text[:from] + d.pick(scraps...) + text[to:]
	}
	return text
}

// part is a piece of a value: as it should be, and as it is written if it is spoilt.
type part struct {
	item          int // the entry that it belongs to, or outside
	sound, spoilt string
}

const outside = -1

func (p part) isSpoilt() bool { return p.sound != p.spoilt }

// draft is a value of mapRoles or mapUsers, part by part, so that every fault in it can be fixed by itself.
type draft struct {
	parts []part
	tied  bool // some fault makes one of two lines, or hides those behind it
}

// text is the value with the parts that keep approves of as they stand there, and the others fixed.
func (g draft) text(keep func(i int) bool) string {
	var b strings.Builder
	for i, p := range g.parts {
		if keep(i) {
			b.WriteString(p.spoilt)
		} else {
			b.WriteString(p.sound)
		}
	}
	return b.String()
}

func (g draft) spoilt() string { return g.text(func(int) bool { return true }) }
func (g draft) fixed() string  { return g.text(func(int) bool { return false }) }

// without is the value as it is written, less one entry.
func (g draft) without(item int) string {
	var rest draft
	for _, p := range g.parts {
		if p.item != item {
			rest.parts = append(rest.parts, p)
		}
	}
	return rest.spoilt()
}

// only is one entry as it is written.
func (g draft) only(item int) string {
	var one draft
	for _, p := range g.parts {
		if p.item == item {
			one.parts = append(one.parts, p)
		}
	}
	return one.spoilt()
}

// faulty reports that an entry has a fault.
func (g draft) faulty(item int) bool {
	return slices.ContainsFunc(g.parts, func(p part) bool { return p.item == item && p.isSpoilt() })
}

// turned is the draft with its entries the other way round.
func (g draft) turned() draft {
	t := draft{parts: slices.Clone(g.parts)}
	slices.SortStableFunc(t.parts[1:len(t.parts)-1], func(a, b part) int { return b.item - a.item })
	return t
}

// refersTo reports that other parts may refer to the anchor that stands in this one.
func (g draft) refersTo(spoilt string) bool {
	return strings.Contains(spoilt, "&a") && strings.Contains(g.spoilt(), "*a")
}

func (g draft) items() int {
	n := 0
	for _, p := range g.parts {
		n = max(n, p.item+1)
	}
	return n
}

// drafting writes a draft by dice.
type drafting struct {
	*dice
	draft
	arnField, indent string
	item             int
	// apart keeps the faults out of each other's way: one on a line at most, and one in all where it ties lines together.
	// fault says that this line has one, some that the draft has, over that it may have no more.
	apart, fault, some, over bool
}

// draft writes a sound entry for nodes and some others. Most parts are sound: a document that is wrong everywhere shows
// nothing. With apart, every fault can be fixed by itself.
func (d *dice) draft(key string, apart bool) draft {
	w := &drafting{dice: d, arnField: awsauth.ARNField(key), indent: d.pick("", "  ", " "), item: outside, apart: apart}
	w.part("", "---\n", "# nodes\n", "\n\n", "%YAML 1.1\n---\n", "\ufeff", "\t\n", "<<<<<<< HEAD\n")
	if key == awsauth.MapRoles {
		w.sound(w.indent + strings.ReplaceAll(strings.TrimSuffix(nodeRole, "\n"), "\n", "\n"+w.indent) + "\n")
	}
	for w.item = range 1 + d.roll(3) {
		w.fault = false
		w.entry()
	}
	w.item, w.fault = outside, false
	w.part("", "...\n", "---\n- a\n", "# end", "\t\n", "\r\n", "- ", "...\n@@\n", "---\n\t@\n", "---\n- a: b: c\n")
	return w.draft
}

func (w *drafting) sound(text string) { w.parts = append(w.parts, part{w.item, text, text}) }

// part adds a part: sound, or one of the ways to spoil it.
func (w *drafting) part(sound string, ways ...string) {
	p := part{w.item, sound, sound}
	if w.roll(16) == 15 && !(w.apart && (w.fault || w.over)) {
		p.spoilt, w.fault, w.some = w.pick(ways...), true, true
	}
	w.parts = append(w.parts, p)
}

// tie adds a part with faults that make this line one with those around it.
func (w *drafting) tie(sound string, ways ...string) {
	if w.apart && w.some {
		w.sound(sound)
		return
	}
	w.part(sound, ways...)
	if w.parts[len(w.parts)-1].isSpoilt() {
		w.tied, w.over = true, true
	}
}

func (w *drafting) entry() {
	name := fmt.Sprintf("r%d", w.item)
	kind := strings.TrimSuffix(w.arnField, "arn")
	arn := "arn:aws:iam::111122223333:" + kind + "/" + name
	previous := "arn:aws:iam::111122223333:" + kind + "/" + fmt.Sprintf("r%d", max(w.item-1, 0))
	badARN := w.pick(strings.Replace(arn, "/", "/team/", 1), arn+"/", arn+"*", arn+"ſ", "arn:aws-cn"+arn[7:],
		"arn:aws:sts::111122223333:assumed-role/"+name+"/x", "arn:aws:iam::1111-2222-3333:"+kind+"/"+name, name, previous, strings.ToUpper(previous))
	if w.apart && strings.EqualFold(badARN, previous) {
		badARN = name // two of one kind tie entries together
	}
	if w.arnField == "rolearn" && w.roll(4) == 3 {
		w.nodes(arn)
		return
	}
	w.tie("", w.indent+"- \n", w.indent+"- text\n", w.indent+"- [a]\n", w.indent+"- ~\n", w.indent+"- *a\n", w.indent+"-\n", w.indent+"text\n")
	w.fault = false
	switch w.roll(6) {
	case 4: // flow style
		w.part(w.indent+"- {", w.indent+"- { ", w.indent+"-{", w.indent+"- {<<: *a, ", w.indent+"- &a {")
		w.inFlow(w.arnField, w.style(arn), badARN)
		w.part(", ", ",", " ", "\t, ", ", , ")
		w.inFlow("username", w.style(name), "", "yes", "{{SessionName}}", "-", "a:")
		w.part(", ", ",", " ", "; ")
		w.inFlow("groups", "["+w.style("viewers")+"]", "viewers", "[a, b:c]", "[yes]", "[a b]", "[[a]]", "[", "[a:b]", "[*a]")
		w.tie("}\n", "}", "}]\n", "} # c\n", "\n", "},\n", "}# c\n")
		return
	case 5: // JSON
		w.part(fmt.Sprintf("%s- {%q: %q, %q: %q, %q: []}\n", w.indent, w.arnField, arn, "username", name, "groups"),
			fmt.Sprintf("%s- {%q:%q,%q:%q,%q:[]}\n", w.indent, w.arnField, arn, "username", name, "groups"),
			fmt.Sprintf("%s- {%q:%q,%q:1,%q:[]}\n", w.indent, w.arnField, arn, "username", "groups"),
			fmt.Sprintf("%s- {%q:%q,%q:%q,%q:null}\n", w.indent, w.arnField, badARN, "username", name, "groups"))
		return
	}
	lead := w.indent + "  "
	w.tie(w.indent+"- ", w.indent+"-\t", w.indent+" - ", w.indent+"- &a\n"+lead, w.indent+"-", lead, w.indent+"- - ")
	w.inBlock(w.arnField, arn, w.spoiltARN(badARN))
	w.tie(lead, w.indent+"   ", "\t", w.indent, lead+"<<: *a\n"+lead, lead+"extra: x\n"+lead, lead+"1: x\n"+lead, lead+w.arnField+": *a\n"+lead)
	badUsername := w.pick("", "n", "{{SessionName}}", "a\tb", name+"\u200b", "system:"+name, "system:node:{{EC2PrivateDNSName}}")
	if w.apart && strings.HasPrefix(badUsername, "system:") {
		badUsername = "" // what a fixed entry is given is judged as a grant
	}
	w.inBlock("username", w.pick(name, "ci:{{SessionName}}", name+"@example.com"), badUsername)
	switch w.roll(4) {
	case 0:
		w.tie(lead, w.indent+" ", "\t", lead+"sso: {permissionSetName: x, accountID: '111122223333'}\n"+lead, lead+"groups: []\n"+lead)
		w.field("groups", "["+w.style("viewers")+"]", "viewers", "[viewers", "", "~", "{a: b}", "[a, , b]", "[a b]", "[system:master]")
		w.endOfLine()
	case 1:
		w.tie(lead, w.indent+"   ", "\t", w.indent)
		w.tie("groups:", "groups :", "groups", "group:", "GROUPS:", "groups: &a", "groups: |")
		w.endOfLine()
		dash := w.pick("  ", "    ", "   ")
		for range 1 + w.roll(3) {
			w.tie(w.indent+dash+"- ", w.indent+"\t- ", w.indent+dash+"-", w.indent+dash+" - ", w.indent+"- ", w.indent+dash+"- - ")
			w.value(w.pick("viewers", "my:viewers", "team-a"), w.pick("a b", "system:master", "{{SessionName}}", "viewers -", "'viewers '"))
			w.endOfLine()
		}
	}
}

// nodes writes the entry of a node role.
func (w *drafting) nodes(arn string) {
	lead := w.indent + "  "
	w.part(w.indent+"- rolearn: "+arn+"\n", w.indent+"- rolearn: "+strings.ToUpper(arn)+"\n", w.indent+"- rolearn: "+strings.Replace(arn, "/", "/eks/", 1)+"\n")
	w.part(lead+"username: system:node:{{EC2PrivateDNSName}}\n", "", lead+"username: nodes\n", lead+"username: {{EC2PrivateDNSName}}\n", lead+"username: 'system:node:{{EC2PrivateDNSname}}'\n")
	w.part(lead+"groups:\n", lead+"group:\n", lead+"groups:\n"+lead+"- viewers\n")
	w.part(lead+"- system:bootstrappers\n", "", lead+"- system:bootstraper\n", lead+"- system:node-proxier\n", lead+"-system:bootstrappers\n")
	w.part(lead+"- system:nodes\n", "", lead+" - system:nodes\n", lead+"- system:node\n", lead+"- 'system:nodes '\n")
}

// spoiltARN is a bad ARN, or one with something that nobody sees.
func (w *drafting) spoiltARN(bad string) string {
	return w.pick(bad, "'"+bad+" '", "\""+bad+"\\n\"", "“"+bad+"”", bad+"\u200b", bad+" #")
}

func (w *drafting) endOfLine() {
	next := w.pick("\n", "\n", "\r\n", "\n\n", "\n"+w.indent+"# c\n")
	if w.apart {
		w.part(next, "\t\n", " \n", "\n\t\n", " #\n", "\n#\tc\n", "# c\n", " # \u26a0\ufe0f\n")
		w.fault = false
		return
	}
	w.tie(next, "\t\n", " \n", "\n\t\n", " #\n", "\n#\tc\n", "", "\n---\n", "\r", "# c\n", " # \u26a0\ufe0f\n")
}

// field writes a key and its value.
func (w *drafting) field(key, sound string, spoilt ...string) {
	w.part(key, strings.ToUpper(key), strings.Replace(key, "s", "ſ", 1), "? "+key+"\n"+w.indent+"  ", "!!str "+key, `"`+key+`"`, key[:len(key)-1], "'"+key, "<<", "Ꮪ"+key, "&a "+key)
	if w.roll(2) == 0 { // no key at all: its line is one text with those around it
		w.tie(": ", ":", " ")
	} else {
		w.part(": ", ":\t", " : ", ":  ", ": : ")
	}
	w.part(sound, spoilt...)
}

func (w *drafting) inFlow(key, sound string, spoilt ...string) { w.field(key, sound, spoilt...) }

func (w *drafting) inBlock(key, sound, spoilt string) {
	w.field(key, "", "&a ", "!!str ", "! ", "!!binary ")
	w.value(sound, spoilt)
	w.endOfLine()
}

// value writes a text in one of the ways in which YAML can say it, or something else in its place.
func (w *drafting) value(sound, spoilt string) {
	styled := w.style(sound)
	if w.roll(8) == 7 {
		styled = w.pick(">-\n", "|-\n") + w.indent + "        " + sound
	}
	escaped := ""
	for _, r := range sound {
		escaped += fmt.Sprintf("\\u%04x", r)
	}
	w.part(styled, spoilt, `"`+escaped+`"`, "'"+sound, `"`+sound, sound+w.pick(" ", "\t", "\u00a0", "\u200b", "\ufeff", " -", ":", ": b", " # c"), "*a", "&a *a", "&a "+sound,
		w.pick("yes", "~", "null", "1234", "0x1f", "1_0", ".5", "2024-01-01", "1:30", "{{SessionName}}", "[a]", "{a: b}", "''", "=", "<<", "off", "012", "-", "?", "!!null x", "@a", "%a", "`a"),
		"|\n"+w.indent+"        "+sound, ">\n"+w.indent+"        "+sound+"\n"+w.indent+"        b", sound+"\n"+w.indent+"     more")
}

// style is a text without quotes, or in either kind of them.
func (w *drafting) style(text string) string {
	return w.pick(text, `"`+text+`"`, "'"+text+"'")
}
