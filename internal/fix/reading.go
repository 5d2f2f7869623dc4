package fix

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// reading is a text, what is wrong with how it is written, and what it means.
type reading struct {
	text   string
	starts []int // of its lines
	// unparsable says that the manifest is no YAML, unread how many values EKS does not look at for the letter case of
	// their key, unreadable of how many it reads nothing, findings what else is wrong.
	unparsable                   bool
	unread, unreadable, findings int
	object                       *corev1.ConfigMap // nil if it is unparsable
	entries                      []*awsauth.Entry
	access                       *awsauth.Access
	// lines are those that may be changed: true for the lines of the values.
	lines []bool
	// locate is where a place in a value stands in the text, find where a field does.
	locate func(dataKey string, line, column int) (int, int, bool)
	find   func(field string) (line, column int, ok bool)
}

// engine judges by the built-in policy: how a text is written does not depend on it.
var engine = func() *validate.Validator {
	v, err := validate.New(policy.Default())
	if err != nil {
		panic(err)
	}
	return v
}()

// aboutText are the categories of the rules about how a text is written.
var aboutText = []rule.Category{rule.Text, rule.Repeat, rule.ARN, rule.Name}

func newReading(text string) *reading {
	r := &reading{text: text, starts: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			r.starts = append(r.starts, i+1)
		}
	}
	r.lines = make([]bool, len(r.starts)+1)
	return r
}

func readValue(dataKey, text string) *reading {
	r := newReading(text)
	r.allow(1, len(r.starts))
	r.locate = func(key string, line, column int) (int, int, bool) { return line, column, key == dataKey }
	r.find = func(string) (int, int, bool) { return 0, 0, false }
	r.take(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"},
		Data: map[string]string{dataKey: text}})
	return r
}

func readManifest(text string) *reading {
	r := newReading(text)
	f, err := manifest.Read("", []byte(text))
	switch {
	case err != nil:
		r.unparsable = true
		return r
	case f.ConfigMap == nil:
		r.unparsable, r.findings = true, len(f.Findings)
		r.allowDocuments()
		return r
	}
	r.findings = len(f.Findings)
	r.locate, r.find = f.Locate, f.Find
	for key, value := range f.ConfigMap.Data {
		from, _, ok := f.Locate(key, 1, 1)
		to, _, _ := f.Locate(key, 1+strings.Count(value, "\n"), 1<<30)
		if ok {
			r.allow(from, to)
		}
	}
	r.take(f.ConfigMap)
	return r
}

// take reads an object.
func (r *reading) take(cm *corev1.ConfigMap) {
	r.object = cm
	doc, _ := awsauth.Parse(cm.Data)
	r.entries, r.access = doc.Entries(), doc.Access()
	for _, key := range awsauth.Keys {
		if doc.Unreadable[key] {
			r.unreadable++
		}
	}
	r.unread = len(misspelt(cm))
	report := engine.Validate(context.Background(), validate.Request{Operation: validate.Create, New: cm})
	for _, f := range report.Findings {
		if slices.Contains(aboutText, f.Category) {
			r.findings++
		}
	}
}

func (r *reading) allow(from, to int) {
	for n := from; n <= to && n < len(r.lines); n++ {
		r.lines[n] = true
	}
}

// allowDocuments allows the lines of the YAML documents that name aws-auth.
func (r *reading) allowDocuments() {
	first := 1
	end := func(last int) {
		if strings.Contains(r.text[r.starts[first-1]:r.end(last)], "aws-auth") {
			r.allow(first, last)
		}
		first = last + 1
	}
	for n := range len(r.starts) {
		if strings.HasPrefix(r.text[r.starts[n]:], "---") && n+1 > first {
			end(n)
		}
	}
	if first <= len(r.starts) {
		end(len(r.starts))
	}
}

// end is where a line ends, behind its line break.
func (r *reading) end(line int) int {
	if line < len(r.starts) {
		return r.starts[line]
	}
	return len(r.text)
}

// line is a line without its line break.
func (r *reading) line(n int) string {
	return strings.TrimRight(r.text[r.starts[n-1]:r.end(n)], "\r\n")
}

// offset is the byte at which a line and column stand.
func (r *reading) offset(line, column int) (at int, ok bool) {
	if line < 1 || line > len(r.starts) {
		return 0, false
	}
	at = r.starts[line-1]
	for ; column > 1 && at < r.end(line); column-- {
		_, n := utf8.DecodeRuneInString(r.text[at:])
		at += n
	}
	return at, true
}

// fixedBy reports that another reading is this one with a mistake less.
func (r *reading) fixedBy(next *reading, harmless bool) bool {
	if next.object == nil || !r.meantIn(next) {
		return false
	}
	switch before, after := r.badness(), next.badness(); slices.Compare(after, before) {
	case -1:
		return true
	case 0:
		return harmless && r.access != nil && len(awsauth.Diff(r.access, next.access)) == 0
	}
	return false
}

func (r *reading) badness() []int {
	unparsable := 0
	if r.unparsable {
		unparsable = 1
	}
	return []int{unparsable, r.unread, r.unreadable, r.findings}
}

// meantIn reports that every entry is in another reading too, with its username and its groups. Of an entry that EKS does
// not read, what it seems to say has to be there, and may be more.
func (r *reading) meantIn(next *reading) bool {
	after := map[string][]*awsauth.Entry{}
	for _, e := range next.entries {
		after[meantARN(e)] = append(after[meantARN(e)], e)
	}
	for _, e := range r.entries {
		if !slices.ContainsFunc(after[meantARN(e)], func(n *awsauth.Entry) bool { return sameMeaning(e, n) }) {
			return false
		}
	}
	return true
}

// sameMeaning reports that two entries have the same names, but for the blanks around them that are gone: a name with
// other blanks would be another mistake.
func sameMeaning(before, after *awsauth.Entry) bool {
	was, is := names(before), names(after)
	username := sameName(before.Username.Value, after.Username.Value)
	if !before.Recovered {
		return username && sameARN(before.ARN.Value, after.ARN.Value) && slices.EqualFunc(was, is, sameName)
	}
	missing := func(g string) bool {
		return !slices.ContainsFunc(is, func(name string) bool { return sameName(g, name) })
	}
	return (username || before.Username.Value == "") && !slices.ContainsFunc(was, missing)
}

func sameName(before, after string) bool { return after == before || after == clean(before) }

func sameARN(before, after string) bool {
	return sameName(before, after) || after == canonical(clean(before))
}

// names are the groups of an entry in the order of what is seen of them.
func names(e *awsauth.Entry) []string {
	groups := slices.Clone(e.GroupNames())
	slices.SortStableFunc(groups, func(a, b string) int { return strings.Compare(clean(a), clean(b)) })
	return groups
}

// meantARN is whom an entry is about, whatever is wrong with how its ARN is written.
func meantARN(e *awsauth.Entry) string { return strings.ToLower(canonical(clean(e.ARN.Value))) }

func canonical(arn string) string {
	if a, err := awsauth.ParseARN(arn); err == nil {
		return a.Canonical()
	}
	return arn
}

// clean is a name without what is not seen at its ends.
func clean(s string) string { return strings.TrimSpace(s) }
