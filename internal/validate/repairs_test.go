package validate_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// faults are what can be wrong with one entry of mapRoles: the entry as it is, and as it should be. Both belong to the
// role called NAME.
var faults = map[string][2]string{
	"a tab":                   {"- rolearn: arn:aws:iam::111122223333:role/NAME\n\tusername: NAME\n  groups: [viewers]\n", ""},
	"an open quote":           {"- rolearn: 'arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [viewers]\n", ""},
	"an open double quote":    {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: \"NAME\n  groups: [viewers]\n", ""},
	"an open bracket":         {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [viewers\n", ""},
	"a line indented further": {"- rolearn: arn:aws:iam::111122223333:role/NAME\n   username: NAME\n  groups: [viewers]\n", ""},
	"a missing colon":         {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username NAME\n  groups: [viewers]\n", ""},
	"an unquoted template":    {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: {{SessionName}}\n  groups: [viewers]\n", ""},
	"a number":                {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: 1234\n  groups: [viewers]\n", ""},
	"a boolean group":         {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [yes]\n", ""},
	"groups as a text":        {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: viewers\n", ""},
	"a group with a blank":    {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups:\n  - my: viewers\n", ""},
	"a misindented group":     {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups:\n  - viewers\n   - more\n", ""},
	"a misspelt field":        {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  group: [viewers]\n", ""},
	"another letter case":     {"- roleARN: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [viewers]\n", ""},
	"no username":             {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  groups: [viewers]\n", ""},
	"a key twice":             {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  username: NAME\n  groups: [viewers]\n", ""},
	"an anchor":               {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: &a NAME\n  groups: [viewers]\n", ""},
	"a tag":                   {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: !!str NAME\n  groups: [viewers]\n", ""},
	"a path":                  {"- rolearn: arn:aws:iam::111122223333:role/team/NAME\n  username: NAME\n  groups: [viewers]\n", ""},
	"a session":               {"- rolearn: arn:aws:sts::111122223333:assumed-role/NAME/x\n  username: NAME\n  groups: [viewers]\n", ""},
	"a blank in the ARN":      {"- rolearn: 'arn:aws:iam::111122223333:role/NAME '\n  username: NAME\n  groups: [viewers]\n", ""},
	"a dashed account":        {"- rolearn: arn:aws:iam::1111-2222-3333:role/NAME\n  username: NAME\n  groups: [viewers]\n", ""},
	"another partition":       {"- rolearn: arn:aws-cn:iam::111122223333:role/NAME\n  username: NAME\n  groups: [viewers]\n", ""},
	"an instance profile":     {"- rolearn: arn:aws:iam::111122223333:instance-profile/NAME\n  username: NAME\n  groups: [viewers]\n", ""},
	"a hidden character":      {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NA\u200bME\n  groups: [viewers]\n", ""},
	"system:master":           {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [system:master]\n", ""},
	"a reserved username":     {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: system:NAME\n  groups: [viewers]\n", ""},
	"a template for masters":  {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: ['system:{{SessionName}}']\n", ""},
	"quotes around a name":    {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: “NAME”\n  groups: [viewers]\n", ""},
	"quotes around groups":    {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [“viewers”, pager']\n", ""},
	"a node group":            {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [system:nodes]\n", ""},
	"twice": {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [viewers]\n" +
		"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [viewers]\n", ""},
	"half a node": {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes]\n",
		"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes, system:bootstrappers]\n"},
	"an sso block": {"- sso: {permissionSetName: NAME, accountID: '111122223333'}\n  username: NAME\n  groups: [viewers]\n", ""},
	"an admin with a tab": {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups:\n\t- system:masters\n",
		"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups:\n  - system:masters\n"},
	"an admin with an open quote": {"- rolearn: \"arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups:\n  - system:masters\n",
		"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups:\n  - system:masters\n"},
	"an admin with an open bracket": {"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [system:masters\n",
		"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [system:masters]\n"},
	"an admin indented further": {"- rolearn: arn:aws:iam::111122223333:role/NAME\n   username: NAME\n  groups:\n    - system:masters\n",
		"- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups:\n    - system:masters\n"},
}

const sound = "- rolearn: arn:aws:iam::111122223333:role/NAME\n  username: NAME\n  groups: [viewers]\n"

// entry is one entry of a document, with its fault or fixed.
type entry struct {
	fault string
	name  string
	fixed bool
}

func text(entries []entry) string {
	var b strings.Builder
	b.WriteString(nodeRole)
	for _, e := range entries {
		f := faults[e.fault]
		text := f[0]
		if e.fixed {
			if text = f[1]; text == "" {
				text = sound
			}
		}
		b.WriteString(strings.ReplaceAll(text, "NAME", e.name))
	}
	return b.String()
}

// TestRepairs is promise 4: out of a document with several faults, whichever is fixed first, the edit is allowed. So is
// removing the entry, and fixing all of them at once.
func TestRepairs(t *testing.T) {
	v := validator(t, "")
	names := slices.Sorted(maps.Keys(faults))
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be run again
	var worlds [][]string
	for _, a := range names {
		worlds = append(worlds, []string{a})
		for _, b := range names {
			worlds = append(worlds, []string{a, b})
		}
	}
	for range 300 {
		worlds = append(worlds, []string{names[random.IntN(len(names))], names[random.IntN(len(names))], names[random.IntN(len(names))], names[random.IntN(len(names))]})
	}
	if testing.Short() {
		worlds = worlds[:200] // one at a time, there is nothing here for the race detector
	}
	failures := map[string]int{}
	admitted := func(world []string, what string, old, updated []entry) {
		report := v.Validate(context.Background(), validate.Request{Operation: validate.Update,
			Old: aconfigmap(roles0(text(old))), New: aconfigmap(roles0(text(updated)))})
		if report.Allowed || failures[what] > 1 {
			return
		}
		failures[what]++
		t.Errorf("%q: %s, refused:\n%s--- before:\n%s--- after:\n%s", world, what, sentences(report), text(old), text(updated))
	}
	for _, w := range worlds {
		var old, fixed []entry
		for i, fault := range w {
			old = append(old, entry{fault, fmt.Sprintf("r%d", i), false})
			fixed = append(fixed, entry{fault, fmt.Sprintf("r%d", i), true})
		}
		admitted(w, "all fixed", old, fixed)
		for i, fault := range w {
			better := slices.Clone(old)
			better[i].fixed = true
			admitted(w, "fixed "+fault, old, better)
			admitted(w, "removed "+fault, old, slices.Delete(slices.Clone(old), i, i+1))
		}
	}
}

// TestSlips is the other side of promise 4: an edit that fixes one entry of a value that EKS could not read, and brings a fault into
// another, is denied for that, also if a third entry had the same fault before.
func TestSlips(t *testing.T) {
	v := validator(t, "")
	allows := func(old, updated string) bool {
		return v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(old)), New: aconfigmap(roles0(updated))}).Allowed
	}
	named := func(entry, name string) string { return strings.ReplaceAll(entry, "NAME", name) }
	// Which entry these were in is not known of a value that EKS could not read.
	ofValue := map[string]bool{"an anchor": true, "a hidden character": true, "a group with a blank": true, "a misindented group": true}
	tried := 0
	for _, open := range []string{"a tab", "an open quote", "an open bracket", "a line indented further", "a missing colon", "an unquoted template", "a misindented group"} {
		broken, fixed := nodeRole+named(faults[open][0], "open"), nodeRole+named(sound, "open")
		if !allows(broken, fixed) {
			t.Fatalf("%s: the repair is denied", open)
		}
		for fault, texts := range faults {
			faulty, was := texts[0], cmp.Or(texts[1], sound)
			if awsauth.Read(nil, roles0(faulty)).Unread["mapRoles"] || allows(nodeRole+named(was, "slip"), nodeRole+named(faulty, "slip")) {
				continue // EKS reads as little as before, or it is no error
			}
			if allows(broken+named(was, "slip"), fixed+named(faulty, "slip")) {
				t.Errorf("%s is fixed, and %s comes: allowed", open, fault)
			}
			had := named(faulty, "had")
			if allows(broken+had+named(was, "slip"), fixed+had+named(faulty, "slip")) {
				t.Errorf("%s is fixed, and %s comes that another entry had: allowed", open, fault)
			}
			if allows(broken+named(was, "slip")+had, fixed+named(faulty, "slip")+had) {
				t.Errorf("%s is fixed, and %s comes in front of another entry that had it: allowed", open, fault)
			}
			if !ofValue[fault] && allows(broken+named(was, "slip")+had, fixed+named(faulty, "slip")+named(was, "had")) {
				t.Errorf("%s is fixed, and %s is in another entry than before: allowed", open, fault)
			}
			tried++
		}
	}
	if tried < 100 {
		t.Errorf("%d slips were tried", tried)
	}
}

// TestRepairsBesideNumbers is promise 4 inside one entry: EKS reads nothing of the value, and a field of the entry beside the one
// that is fixed is a number, a boolean or null without quotes. Any other such word in its place is denied.
func TestRepairsBesideNumbers(t *testing.T) {
	v := validator(t, "")
	words := [][2]string{
		{"012", "013"}, {"0x1f", "0x2f"}, {"1e3", "1e4"}, {"1.5", "2.5"}, {"yes", "no"}, {"true", "On"}, {"null", "012"}, {"2026-11-30", "012"},
	}
	unread := []string{"{{SessionName}}", "[{{SessionName}}]", "'open", "[open"}
	mapped := func(key string, of map[string]string) map[string]string {
		arn := awsauth.ARNField(key)
		data := roles0(nodeRole)
		data[key] += fmt.Sprintf("- %s: %s\n  username: %s\n  groups:\n  - %s\n  - %s\n",
			arn, of[arn], of["username"], of["first"], of["second"])
		return data
	}
	for _, key := range []string{awsauth.MapRoles, awsauth.MapUsers} {
		arn := awsauth.ARNField(key)
		sound := map[string]string{
			arn: "arn:aws:iam::111122223333:" + strings.TrimSuffix(arn, "arn") + "/ci", "username": "ci", "first": "viewers", "second": "deployers",
		}
		beside := func(stays, fixed string, word [2]string, fault string) {
			entry := maps.Clone(sound)
			entry[stays], entry[fixed] = word[0], fault
			old := mapped(key, entry)
			entry[fixed] = sound[fixed]
			if r := step(v, old, mapped(key, entry)); !r.Allowed {
				t.Errorf("%q: %s is fixed, and refused:\n%s", old[key], fixed, sentences(r))
			}
			entry[stays] = word[1]
			if r := step(v, old, mapped(key, entry)); r.Allowed {
				t.Errorf("%q: %s is fixed and %s becomes %s, and allowed", old[key], fixed, stays, word[1])
			}
		}
		for stays := range sound {
			for fixed := range sound {
				for i := range len(words) * len(unread) {
					if stays != fixed {
						beside(stays, fixed, words[i%len(words)], unread[i/len(words)])
					}
				}
			}
		}
	}
}

func roles0(text string) map[string]string { return map[string]string{"mapRoles": text} }

func sentences(r validate.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Severity == validate.Error {
			fmt.Fprintf(&b, "  %s: %s\n", f.Field, f.Sentence())
		}
	}
	return b.String()
}
