package baseline

import (
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// The roles of the tests, and an entry of each.
const (
	roleA  = "arn:aws:iam::111122223333:role/a"
	roleB  = "arn:aws:iam::111122223333:role/b"
	entryA = "- rolearn: " + roleA + "\n  username: ci\n  groups: [viewers]\n"
	entryB = "- rolearn: " + roleB + "\n  username: ci\n  groups: [viewers]\n"
	// openA is no YAML, and nothing of it is read. nullA is one that only the lenient reading reads, and then in full.
	openA = "- rolearn: " + roleA + "\n  username: 'ci\n  groups: [viewers]\n"
	openB = "- rolearn: " + roleB + "\n  username: 'ci\n  groups: [viewers]\n"
	nullA = entryA + "  ~: x\n"
	// onlyEKS is one that EKS reads and other parsers do not.
	onlyEKS = "- rolearn: \"" + roleA + "\"# c\n  username: >-\n    {ci}# c\n  groups: [viewers]\n"
)

func version(text string) *rule.Version {
	data := map[string]string{awsauth.MapRoles: text, awsauth.MapUsers: "- userarn: a\n  username: a\n  groups: [b]\n"}
	read := awsauth.Read(nil, data)
	return &rule.Version{Version: read, Object: &corev1.ConfigMap{Data: data}, Counted: read.Restored}
}

// about is a finding about the first entry, if another field says nothing else.
func about(principal string, category rule.Category, and func(*rule.Finding)) rule.Finding {
	f := rule.Finding{
		Rule: "AA999", Severity: rule.Error, Category: category, DataKey: awsauth.MapRoles, Field: "data.mapRoles[0]",
		Principal: principal, Entry: "data.mapRoles[0]",
	}
	if and != nil {
		and(&f)
	}
	return f
}

// marked is a case: what was found in the two versions, and what is made of the findings in the new one.
type marked struct {
	before, after string
	had, found    []rule.Finding
	claims        func(after *rule.Version) []nodes.Claim
	// want has one letter for every finding: o existed, n is new, - is not worth saying.
	want string
}

func (m marked) run(t *testing.T) {
	t.Helper()
	before, after := version(m.before), version(m.after)
	var claims []nodes.Claim
	if m.claims != nil {
		claims = m.claims(after)
	}
	got := []byte(strings.Repeat("-", len(m.found)))
	found := make([]rule.Finding, len(m.found))
	for i, f := range m.found {
		f.Message = strconv.Itoa(i)
		found[i] = f
	}
	for _, f := range Mark(found, m.had, before, after, claims) {
		i, _ := strconv.Atoi(f.Message)
		got[i] = map[bool]byte{true: 'o', false: 'n'}[f.Preexisting]
	}
	if string(got) != m.want {
		t.Errorf("%s, want %s", got, m.want)
	}
}

func runAll(t *testing.T, cases map[string]marked) {
	t.Helper()
	for name, m := range cases {
		t.Run(name, m.run)
	}
}

func TestCounted(t *testing.T) {
	grant := about(roleA, rule.Grant, nil)
	other := about(roleA, rule.Grant, func(f *rule.Finding) { f.Subject = "another" })
	always := about(roleA, rule.Grant, func(f *rule.Finding) { f.AlwaysNew = true })
	runAll(t, map[string]marked{
		"the same":                  {entryA, entryA, []rule.Finding{grant}, []rule.Finding{grant}, nil, "o"},
		"a second time":             {entryA, entryA, []rule.Finding{grant}, []rule.Finding{grant, grant}, nil, "on"},
		"twice as before":           {entryA, entryA, []rule.Finding{grant, grant}, []rule.Finding{grant, grant}, nil, "oo"},
		"about another thing":       {entryA, entryA, []rule.Finding{grant}, []rule.Finding{other}, nil, "n"},
		"about another principal":   {entryA, entryA, []rule.Finding{grant}, []rule.Finding{about(roleB, rule.Grant, nil)}, nil, "n"},
		"one that is new each time": {entryA, entryA, []rule.Finding{always}, []rule.Finding{always}, nil, "n"},
	})
	if found := Mark([]rule.Finding{grant}, nil, nil, version(entryA), nil); found[0].Preexisting {
		t.Error("in an object that is created, a finding existed")
	}
}

func TestContinuity(t *testing.T) {
	of := func(principal string, category rule.Category) []rule.Finding {
		return []rule.Finding{about(principal, category, func(f *rule.Finding) { f.Subject = "username" })}
	}
	other := strings.NewReplacer("ci", "build").Replace(entryB)
	second := strings.NewReplacer(roleB, "arn:aws:iam::111122223333:role/c").Replace(other)
	runAll(t, map[string]marked{
		"another ARN in its place":             {entryA, entryB, of(roleA, rule.Text), of(roleB, rule.Text), nil, "o"},
		"of a template":                        {entryA, entryB, of(roleA, rule.Name), of(roleB, rule.Name), nil, "o"},
		"all else is another, in its place":    {entryA, other, of(roleA, rule.Text), of(roleB, rule.Text), nil, "o"},
		"all else is the same, elsewhere":      {entryA, second + entryB, of(roleA, rule.Text), of(roleB, rule.Text), nil, "o"},
		"another entry elsewhere":              {entryA + second, entryA + second + entryB, of(roleA, rule.Text), of(roleB, rule.Text), nil, "n"},
		"beside the one that stays":            {entryA, entryA + entryB, of(roleA, rule.Text), of(roleB, rule.Text), nil, "n"},
		"one of two for the principal":         {entryA + entryA, entryA + entryB, of(roleA, rule.Text), of(roleB, rule.Text), nil, "o"},
		"a principal that was there":           {entryA + entryB, entryB, of(roleA, rule.Text), of(roleB, rule.Text), nil, "n"},
		"what it is given is not compared so":  {entryA, entryB, of(roleA, rule.Grant), of(roleB, rule.Grant), nil, "n"},
		"how its ARN is written is not either": {entryA, entryB, of(roleA, rule.ARN), of(roleB, rule.ARN), nil, "n"},
	})
}

func TestHidden(t *testing.T) {
	line := func(n int, category rule.Category) rule.Finding {
		return about(roleA, category, func(f *rule.Finding) {
			f.Line, f.Column, f.Subject = n, 1, strconv.Itoa(int(category))
		})
	}
	of := func(principal string, n int) rule.Finding {
		return about(principal, rule.Text, func(f *rule.Finding) { f.Line, f.Column = n, 1 })
	}
	word := func(value string) rule.Finding {
		return about(roleA, rule.Text, func(f *rule.Finding) { f.Value = value })
	}
	always := about(roleA, rule.Text, func(f *rule.Finding) { f.Line, f.AlwaysNew = 1, true })
	// Mapped in mapUsers as well, where nothing was broken.
	users := about(roleA, rule.Repeat, func(f *rule.Finding) { f.DataKey, f.Value = awsauth.MapUsers, "a" })
	lacks := func(n int, what string) rule.Finding {
		return about(roleA, rule.Text, func(f *rule.Finding) { f.Line, f.Column, f.Lacks = n, 1, what })
	}
	twice := func(n, other int) rule.Finding {
		return about(roleA, rule.Text, func(f *rule.Finding) {
			f.Line, f.Column, f.Other = n, 1, &awsauth.Place{DataKey: awsauth.MapRoles, Line: other, Column: 1}
		})
	}
	const username = "  username: ci\n"
	nameless := strings.Replace(entryA, username, "", 1)
	flow := "[{rolearn: " + roleA + ", username: ci, groups: [viewers]}, {rolearn: " + roleB + ", username: ci, groups: [viewers]}]\n"
	cut := "- rolearn: " + roleB + "\n  username: x\n  groups: [y]\n---\n" + entryA
	for name, c := range map[string]struct {
		before, after string
		found         []rule.Finding
		want          string
	}{
		"a line of no YAML":                    {openA, entryA, []rule.Finding{line(1, rule.Text)}, "o"},
		"of every such category":               {openA, entryA, []rule.Finding{line(1, rule.ARN), line(1, rule.Name), line(1, rule.Repeat)}, "ooo"},
		"deeper than before":                   {openA, "  " + strings.ReplaceAll(entryA, "\n", "\n  "), []rule.Finding{line(1, rule.ARN)}, "o"},
		"a line that did not stand there":      {openA, entryA, []rule.Finding{line(2, rule.Text)}, "n"},
		"instead of a longer word":             {strings.ReplaceAll(openA, "role/a", "role/ab"), entryA, []rule.Finding{line(1, rule.Text)}, "n"},
		"behind the end of the document":       {cut, entryA, []rule.Finding{line(1, rule.Text)}, "o"},
		"words without a place":                {openA, entryA, []rule.Finding{word("[viewers] groups:")}, "o"},
		"words that did not stand there":       {openA, entryA, []rule.Finding{word("[viewers] masters")}, "n"},
		"a repeat":                             {openA, entryA, []rule.Finding{users}, "o"},
		"a repeat of what EKS read":            {entryA, entryA, []rule.Finding{users}, "n"},
		"a line that EKS read":                 {entryA, entryA, []rule.Finding{line(1, rule.Text)}, "n"},
		"what is given":                        {openA, entryA, []rule.Finding{line(1, rule.Grant)}, "n"},
		"one that is new each time":            {openA, entryA, []rule.Finding{always}, "n"},
		"twice where it was once":              {openA, entryA + entryA, []rule.Finding{line(1, rule.Text), line(4, rule.Text)}, "on"},
		"twice where it was twice":             {entryA + openA, entryA + entryA, []rule.Finding{line(1, rule.Text), line(4, rule.Text)}, "oo"},
		"of two principals, where it was once": {openA, entryA + entryB, []rule.Finding{of(roleA, 3), of(roleB, 6)}, "on"},
		"of two entries that were on one line": {strings.ReplaceAll(entryA+entryB, "\n", "\\n"), entryA + entryB, []rule.Finding{of(roleA, 3), of(roleB, 6)}, "oo"},
		"in a comment":                         {openA + "# groups: x\n", entryA + "  groups: x\n", []rule.Finding{line(4, rule.Text)}, "n"},
		"instead of a longer value":            {openA + "# x", strings.Replace(entryA, username, "  username:\n", 1), []rule.Finding{line(2, rule.Text)}, "n"},
		"a field that is lacking":              {openA, nameless, []rule.Finding{lacks(1, "username")}, "n"},
		"a field that was lacking":             {nameless + openB, nameless + entryB, []rule.Finding{lacks(1, "username")}, "o"},
		"a dash that is lacking":               {openA + entryB, entryA + entryB[2:], []rule.Finding{lacks(4, rule.Dash)}, "n"},
		"a dash that was lacking":              {openA + entryB[2:], entryA + entryB[2:], []rule.Finding{lacks(4, rule.Dash)}, "o"},
		"a field twice":                        {entryA + openB, entryA + username + entryB, []rule.Finding{twice(4, 2)}, "n"},
		"a field twice, of which one is fixed": {"- rolearn: " + roleA + "\n  username: 'ci\n" + username, "- rolearn: " + roleA + "\n" + username + username, []rule.Finding{twice(3, 2)}, "o"},
		"a field twice as before":              {entryA + username + openB, entryA + username + entryB, []rule.Finding{twice(4, 2)}, "o"},
		"in another entry than before":         {strings.Replace(entryA, "viewers", "x", 1) + openB, strings.Replace(entryA, "viewers", "y", 1) + strings.Replace(entryB, "viewers", "x", 1), []rule.Finding{of(roleB, 6)}, "n"},
		"a new entry in front":                 {entryB + openA, entryA + entryB, []rule.Finding{of(roleA, 3), of(roleB, 6), of(roleB, 6)}, "ooo"},
		"a new entry in front, once":           {strings.Replace(openA, "[viewers]", "[x]", 1) + entryB, entryA + entryB, []rule.Finding{of(roleA, 3), of(roleB, 6)}, "no"},
		"two things about one line":            {openA, entryA, []rule.Finding{line(1, rule.Repeat), line(1, rule.Repeat)}, "oo"},
		"of two principals, on one line":       {flow + "\n- 'x", flow, []rule.Finding{of(roleA, 1), of(roleB, 1)}, "oo"},
		"a line that only EKS read":            {onlyEKS, onlyEKS, []rule.Finding{line(1, rule.Text), line(2, rule.Text), line(2, rule.ARN)}, "oon"},
	} {
		t.Run(name, marked{before: c.before, after: c.after, found: c.found, want: c.want}.run)
	}
	everywhere := about("", rule.Text, nil)
	first, second := everywhere, everywhere
	first.Line, second.Line = 2, 5
	t.Run("the same of the value, where it did not stand", marked{strings.Replace(openA, "'ci", "'x", 1) + entryB, entryA + entryB, []rule.Finding{everywhere}, []rule.Finding{first, second}, nil, "no"}.run)
	known := []rule.Finding{of(roleA, 3)}
	t.Run("a line that is taken by a finding that existed", marked{openA, entryA + entryB, known, []rule.Finding{of(roleB, 6), of(roleA, 3)}, nil, "no"}.run)
}

func TestGiven(t *testing.T) {
	masters := strings.Replace(entryA, "viewers", "system:masters", 1)
	dead := strings.Replace(masters, "role/a", "role/p/a", 1) // EKS compares without the path: it matches nobody
	group := []rule.Finding{about(roleA, rule.Grant, func(f *rule.Finding) {
		f.Field, f.Gives = "data.mapRoles[0].groups[0]", rule.GivesName
	})}
	username := []rule.Finding{about(roleA, rule.Grant, func(f *rule.Finding) {
		f.Field, f.Gives = "data.mapRoles[0].username", rule.GivesName
	})}
	nothing := []rule.Finding{about(roleA, rule.Grant, func(f *rule.Finding) { f.Field = "data.mapRoles[0].groups[0]" })}
	node := []rule.Finding{about(roleA, rule.Grant, func(f *rule.Finding) { f.Gives = rule.GivesNodeIdentity })}
	differs := []rule.Finding{about(roleA, rule.Text, func(f *rule.Finding) { f.Reading = &awsauth.Reading{} })}
	claimed := func(after *rule.Version) []nodes.Claim {
		return []nodes.Claim{{Identity: after.Entries()[0].Identity()}}
	}
	runAll(t, map[string]marked{
		"a group that it had":                {masters, masters, group, group, nil, "o"},
		"a username that it had":             {masters, masters, username, username, nil, "o"},
		"since the ARN matches":              {dead, masters, group, group, nil, "n"},
		"a username since the ARN matches":   {dead, masters, username, username, nil, "n"},
		"since no other entry wins":          {masters + entryA, masters, group, group, nil, "n"},
		"the username of the one that won":   {masters + entryA, masters, username, username, nil, "o"},
		"another username":                   {strings.Replace(entryA, "ci", "x", 1), masters, username, username, nil, "n"},
		"of no name":                         {dead, masters, nothing, nothing, nil, "o"},
		"another entry wins still":           {masters + entryA, masters + entryA, group, group, nil, "o"},
		"a node identity that it had":        {masters, masters, node, node, nil, "o"},
		"a node identity that is claimed":    {masters, masters, node, node, claimed, "n"},
		"a reading of what was there":        {masters, masters, differs, differs, nil, "o"},
		"a reading of one that another beat": {masters + entryA, masters, differs, differs, nil, "n"},
	})
}

func TestLessRead(t *testing.T) {
	text := []rule.Finding{about(roleA, rule.Text, nil)}
	arn := []rule.Finding{about(roleA, rule.ARN, nil)}
	repeat := []rule.Finding{about(roleA, rule.Repeat, nil)}
	wrongType := strings.Replace(entryA, "[viewers]", "viewers", 1)
	// Beside each of these a finding that does not fall under it.
	both := append(text[:1:1], arn...)
	runAll(t, map[string]marked{
		"read as before":                    {entryA, entryA, both, both, nil, "oo"},
		"not read any more":                 {entryA, openA, both, both, nil, "no"},
		"a repeat":                          {entryA, openA, repeat, repeat, nil, "n"},
		"with a complaint, and then not":    {wrongType, openA, both, both, nil, "no"},
		"not read before either":            {openA, openA, both, both, nil, "oo"},
		"with a complaint":                  {entryA, wrongType, both, both, nil, "no"},
		"with a complaint as before":        {wrongType, wrongType, both, both, nil, "oo"},
		"not by the lenient reading either": {nullA, openA, both, both, nil, "no"},
		"by the lenient reading as before":  {nullA, nullA, both, both, nil, "oo"},
		"behind the end of the document":    {entryA + entryB, entryA + "---\n" + entryB, both, both, nil, "no"},
		"not behind it":                     {entryA, entryA + "---\n" + entryB, both, both, nil, "oo"},
		"in a comment behind it":            {entryA + entryB, entryA + "---\n#" + strings.ReplaceAll(entryB, "\n", "\n#"), both, both, nil, "oo"},
	})
}

func TestReadings(t *testing.T) {
	differs := func(principal string, r awsauth.Reading) rule.Finding {
		return about(principal, rule.Text, func(f *rule.Finding) { f.Reading, f.Subject = &r, "reading" })
	}
	same := awsauth.Reading{Identity: strings.Join([]string{roleA, "ci", "viewers"}, "\x00")}
	other := awsauth.Reading{Identity: strings.Join([]string{roleA, "x", "viewers"}, "\x00")}
	grants := awsauth.Reading{Grants: true, Identity: other.Identity}
	explained := awsauth.Reading{Explained: true}
	fault := about(roleA, rule.Text, nil)
	whole := about("", rule.Text, nil)
	warning := about(roleA, rule.Text, func(f *rule.Finding) { f.Severity = rule.Warning })
	list := func(f ...rule.Finding) []rule.Finding { return f }
	runAll(t, map[string]marked{
		"what is to come":                      {entryA, entryA, nil, list(differs(roleA, awsauth.Reading{ToCome: true})), nil, "-"},
		"the lenient one is as it was":         {nullA, entryA, nil, list(differs(roleA, same)), nil, "o"},
		"the lenient one is another":           {nullA, entryA, nil, list(differs(roleA, other)), nil, "n"},
		"where both could read":                {entryA, entryA, nil, list(differs(roleA, same)), nil, "n"},
		"where nothing was read":               {openA, entryA, nil, list(differs(roleA, other)), nil, "o"},
		"where nothing was read, and it gives": {openA, entryA, nil, list(differs(roleA, grants)), nil, "n"},
		"explained by a new fault":             {entryA, entryA, nil, list(fault, differs(roleA, explained)), nil, "n-"},
		"a fault that existed is another":      {entryA, entryA, list(fault), list(fault, differs(roleA, explained)), nil, "n-"},
		"a fault elsewhere is the same":        {entryA, entryA, list(fault), list(fault, differs(roleB, explained)), nil, "on"},
		"a warning explains nothing":           {entryA, entryA, list(warning), list(warning, differs(roleA, explained)), nil, "on"},
		"explained by one of the whole value":  {entryA, entryA, list(whole), list(whole, differs(roleA, explained)), nil, "n-"},
		"explained by its entry and not that":  {entryA, entryA, list(whole), list(whole, fault, differs(roleA, explained)), nil, "on-"},
		"which nothing may explain":            {entryA, entryA, nil, list(fault, differs(roleA, other)), nil, "nn"},
		"once for an entry":                    {entryA, entryA, nil, list(differs(roleA, other), differs(roleA, same)), nil, "n-"},
		"the new one of two":                   {nullA, entryA, nil, list(differs(roleA, same), differs(roleA, other)), nil, "-n"},
	})
}
