package validate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/memory"
)

// What a verdict may allocate: twice as much as any input of the fuzzers has been seen to ask for. The parsers give up
// on aliases only after some work, so even a short text may take the first of the two.
const (
	allocatedAtMost  = 256 << 20
	allocatedPerByte = 16 << 10
)

// checkReadings holds a document against both readings of the authenticator: what is admitted, they read without an error and
// exactly as we say; of everything else, we still say what the strict one keeps. It returns the verdict.
func checkReadings(t *testing.T, v *validate.Validator, data map[string]string) validate.Report {
	t.Helper()
	var report validate.Report
	size := len(data[awsauth.MapRoles]) + len(data[awsauth.MapUsers]) + len(data[awsauth.MapAccounts])
	if n := memory.Allocated(func() { report = create(v, data) }); n > uint64(allocatedAtMost+allocatedPerByte*size) {
		t.Errorf("%d bytes allocated for a verdict on %d", n, size)
	}
	if report.Allowed {
		checkAdmitted(t, data)
	}
	doc, _ := awsauth.Parse(data)
	theirRoles, theirUsers, _, _ := strict(data)
	if !slices.Equal(ours(doc.Roles), theirRoles) {
		t.Errorf("of %q EKS keeps %q, we say %q", data[awsauth.MapRoles], theirRoles, ours(doc.Roles))
	}
	if !slices.Equal(ours(doc.Users), theirUsers) {
		t.Errorf("of %q EKS keeps %q, we say %q", data[awsauth.MapUsers], theirUsers, ours(doc.Users))
	}
	return report
}

// checkAdmitted holds a document that was allowed against both readings of the authenticator.
func checkAdmitted(t *testing.T, data map[string]string) {
	t.Helper()
	for way, read := range map[string]reading{"strict": strict, "lenient": lenient} {
		if diff := agree(data, read); diff != "" {
			t.Errorf("admitted %q, but the %s reading differs: %s", data, way, diff)
		}
	}
}

// FuzzAgainstAuthenticator is promise 1 for any bytes.
func FuzzAgainstAuthenticator(f *testing.F) {
	for _, c := range readCases(f, "kept") {
		f.Add(c.new.Data[awsauth.MapRoles], c.new.Data[awsauth.MapUsers], c.new.Data[awsauth.MapAccounts])
	}
	v := textOnly(f)
	f.Fuzz(func(t *testing.T, roles, users, accounts string) {
		checkReadings(t, v, map[string]string{awsauth.MapRoles: roles, awsauth.MapUsers: users, awsauth.MapAccounts: accounts})
	})
}

// drafts are seeds for the targets that draw a document by dice: sound ones, and ones with faults all over. The environment
// asks for so many random ones beside them, and for the same ones again by their seed: without the bookkeeping of a fuzzer,
// thousands take no longer than its tens.
func drafts(f *testing.F) {
	f.Helper()
	for i := range 32 {
		draft := make([]byte, 256)
		for j := range draft {
			draft[j] = byte(i*j*7 + i + j)
		}
		f.Add(draft)
	}
	n, _ := strconv.Atoi(os.Getenv("AWS_AUTH_GUARD_DRAFTS")) // not set: none
	seed := rand.Uint64()
	if text := os.Getenv("AWS_AUTH_GUARD_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			f.Fatalf("AWS_AUTH_GUARD_SEED: %v", err)
		}
	}
	f.Logf("%d random drafts of the seed %d", n, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range n {
		draft := make([]byte, 40+random.IntN(400))
		few := random.IntN(2) == 0 // choices that are the first one for most parts, and so few faults
		for j := range draft {
			draft[j] = byte(random.Uint32())
			if few && random.IntN(3) > 0 {
				draft[j] %= 15
			}
		}
		f.Add(draft)
	}
}

// FuzzMutated is promise 1 near the border: sound maps spoilt in the ways people and editors do it.
func FuzzMutated(f *testing.F) {
	drafts(f)
	v := textOnly(f)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		d := &dice{bytes}
		data := map[string]string{awsauth.MapRoles: d.draft(awsauth.MapRoles, false).spoilt()}
		if d.roll(3) == 1 {
			data[awsauth.MapUsers] = d.draft(awsauth.MapUsers, false).spoilt()
		}
		checkReadings(t, v, data)
	})
}

// FuzzConsistent holds the validator against itself: one document has one verdict and one step has one, whatever was judged
// before; a re-apply is allowed; and neither a comment nor the order of the entries changes what is said.
func FuzzConsistent(f *testing.F) {
	drafts(f)
	v := validator(f, "")
	f.Fuzz(func(t *testing.T, bytes []byte) {
		d := &dice{bytes}
		g := d.draft(awsauth.MapRoles, false)
		data := roles0(g.spoilt())
		report := create(v, data)
		if diff := cmp.Diff(asJSON(t, create(validator(t, ""), data)), asJSON(t, report)); diff != "" {
			t.Errorf("two verdicts on %q:\n%s", data, diff)
		}
		fixed := roles0(g.fixed())
		if diff := cmp.Diff(asJSON(t, step(validator(t, ""), data, fixed)), asJSON(t, step(v, data, fixed))); diff != "" {
			t.Errorf("two verdicts on %q, fixed to %q:\n%s", data, fixed, diff)
		}
		if r := step(v, data, data); !r.Allowed || len(r.Findings) > 0 {
			t.Errorf("a re-apply of %q has findings:\n%s", data, sentences(r))
		}
		if commented := roles0(g.spoilt() + "# a comment\n"); readable(data) && strings.HasSuffix(g.spoilt(), "\n") {
			if r := step(v, data, commented); !r.Allowed {
				t.Errorf("a comment after %q is refused:\n%s", data, sentences(r))
			}
		}
		if diff := cmp.Diff(keys(report), keys(create(v, roles0(g.turned().spoilt())))); diff != "" && orderIsFree(g) {
			t.Errorf("%q, turned round to %q:\n%s", data, g.turned().spoilt(), diff)
		}
	})
}

// FuzzRepairs is promise 4: out of a document with faults, whichever is fixed, the edit is allowed. So is removing an
// entry that has one, and fixing all of them at once.
func FuzzRepairs(f *testing.F) {
	drafts(f)
	v := validator(f, "")
	f.Fuzz(func(t *testing.T, bytes []byte) {
		d := &dice{bytes}
		g := d.draft(awsauth.MapRoles, true)
		old := roles0(g.spoilt())
		admitted := func(text, what string, args ...any) {
			updated := roles0(text)
			if r := step(v, old, updated); !r.Allowed && !(readable(old) && !readable(updated)) && !(keeps(old) && !keeps(updated)) {
				t.Errorf("%s of %q, to %q, refused:\n%s", fmt.Sprintf(what, args...), old[awsauth.MapRoles], text, sentences(r))
			}
		}
		admitted(g.fixed(), "fixing all")
		for i, p := range g.parts {
			if p.isSpoilt() && !g.refersTo(p.spoilt) {
				admitted(g.text(func(k int) bool { return k != i }), "fixing %q to %q", p.spoilt, p.sound)
			}
		}
		for i := range g.items() {
			if g.faulty(i) && !strings.Contains(g.spoilt(), "*a") { // else others may refer to it
				admitted(g.without(i), "removing %q", g.only(i))
			}
		}
	})
}

// FuzzSteps is promises 1, 2 and 4 for edits, from one mangled text to another: what EKS reads before, it reads after, as we
// say; nobody gets into system:masters; and the way back to the sound text is open.
func FuzzSteps(f *testing.F) {
	drafts(f)
	v := validator(f, "partition: aws\n")
	f.Fuzz(func(t *testing.T, bytes []byte) {
		d := &dice{bytes}
		sound := d.draft(awsauth.MapRoles, true).fixed()
		old := sound
		if d.roll(2) == 1 {
			old = d.mangle(sound)
		}
		updated := d.mangle(d.pick(sound, old))
		before, _, _, complaint := strict(roles0(old))
		if r := step(v, roles0(old), roles0(updated)); r.Allowed && complaint == nil {
			if diff := agree(roles0(updated), strict); diff != "" {
				t.Errorf("from %q to %q allowed, but the authenticator reads it otherwise: %s", old, updated, diff)
			}
			after, _, _, _ := strict(roles0(updated))
			for _, id := range after {
				if id.admin() && !slices.ContainsFunc(before, func(o identity) bool { return awsauth.Key(o.arn) == awsauth.Key(id.arn) && o.admin() }) {
					t.Errorf("from %q to %q allowed, which makes %q an admin", old, updated, id.arn)
				}
			}
		}
		checkBothReadings(t, v, old, updated)
		if r := step(v, roles0(updated), roles0(sound)); !r.Allowed && !moreNodes(roles0(updated), roles0(sound)) {
			t.Errorf("from %q back to the sound %q refused:\n%s", updated, sound, sentences(r))
		}
	})
}

// checkBothReadings holds an edit that is allowed against the lenient reading alone: nobody gets into system:masters in it, and
// no node role falls out of it that both readings had and the strict one keeps.
func checkBothReadings(t *testing.T, v *validate.Validator, old, updated string) {
	t.Helper()
	before, _, _, _ := lenient(roles0(old))
	after, _, _, err := lenient(roles0(updated))
	now, _, _, complaint := strict(roles0(updated))
	if !step(v, roles0(old), roles0(updated)).Allowed || err != nil || complaint != nil {
		return
	}
	was, _, _, _ := strict(roles0(old))
	has := func(ids []identity, arn, group string) bool {
		return slices.ContainsFunc(ids, func(id identity) bool {
			return awsauth.Key(id.arn) == awsauth.Key(arn) && slices.Contains(strings.Split(id.groups, "\x00"), group)
		})
	}
	for _, id := range after {
		if id.arn != "" && id.admin() && !has(before, id.arn, "system:masters") && !has(was, id.arn, "system:masters") {
			t.Errorf("from %q to %q allowed, which makes %q an admin in the lenient reading", old, updated, id.arn)
		}
	}
	for _, id := range before {
		const group = "system:nodes"
		if id.arn != "" && has(before, id.arn, group) && has(was, id.arn, group) && has(now, id.arn, group) && !has(after, id.arn, group) {
			t.Errorf("from %q to %q allowed, which takes the nodes of %q out of the lenient reading", old, updated, id.arn)
		}
	}
}

// FuzzStoredBytes is promise 1 for what the API server stores and its JSON does not show: a webhook judges U+FFFD where the
// authenticator reads the bytes.
func FuzzStoredBytes(f *testing.F) {
	for _, text := range bytePlaces {
		for _, bytes := range invalidBytes {
			f.Add(strings.Replace(text, "X", bytes, 1), strings.Replace(text, "X", "\ufffd", 1))
		}
	}
	v := textOnly(f)
	f.Fuzz(func(t *testing.T, stored, before string) {
		shown := roles0(seen(t, stored))
		for what, allowed := range map[string]bool{"created": create(v, shown).Allowed, "written over what looks the same": step(v, shown, shown).Allowed && create(v, shown).Allowed,
			"changed": !utf8.ValidString(stored) && step(v, roles0(seen(t, before)), shown).Allowed} {
			if !allowed {
				continue
			}
			for way, read := range map[string]reading{"strict": strict, "lenient": lenient} {
				doc, _ := awsauth.Parse(shown)
				if roles, _, _, err := read(roles0(stored)); err != nil || !slices.Equal(ours(doc.Roles), roles) {
					t.Errorf("%q is shown as %q and may be %s, but the %s reading has %q, %v", stored, shown, what, way, roles, err)
				}
			}
		}
	})
}

// moreNodes reports that one version maps a node role that the other does not: not to map it any more is no fix.
func moreNodes(data, than map[string]string) bool {
	nodeRoles := func(data map[string]string) map[string]bool {
		keys := map[string]bool{}
		doc, _ := awsauth.Parse(data)
		for key, ids := range doc.Restored().Principals {
			keys[key] = ids[0].Has("system:nodes")
		}
		return keys
	}
	known := nodeRoles(than)
	for key, is := range nodeRoles(data) {
		if is && !known[key] {
			return true
		}
	}
	return false
}

// step is the verdict on an edit.
func step(v *validate.Validator, old, updated map[string]string) validate.Report {
	return v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: aconfigmap(old), New: aconfigmap(updated)})
}

// asJSON is a report as the command line writes it.
func asJSON(t *testing.T, r validate.Report) string {
	t.Helper()
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// keys are what the findings are known again by, in the order of the alphabet.
func keys(r validate.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, strings.ReplaceAll(f.Key(), "\x00", " | "))
	}
	slices.Sort(all)
	return all
}

// readable reports a document that is YAML. Of two faults one may hide the other so that it is: there, fixing the first
// locks everybody out.
func readable(data map[string]string) bool {
	_, problems := awsauth.Parse(data)
	return !slices.ContainsFunc(problems, func(p awsauth.Problem) bool { return p.Code == awsauth.Syntax || p.Code == awsauth.NotUTF8 })
}

// keeps reports that EKS reads something of the document. It reads some that are not quite YAML.
func keeps(data map[string]string) bool {
	doc, _ := awsauth.Parse(data)
	return len(doc.Unreadable) == 0
}

// orderIsFree reports that nothing ties an entry to its place: no fault makes one of two lines, or hides those behind it;
// an alias needs its anchor before it; text outside of the entries touches the first or the last of them; and of
// two entries for one principal EKS takes the last.
func orderIsFree(g draft) bool {
	text := g.spoilt()
	if g.tied || !readable(roles0(text)) || !readable(roles0(g.turned().spoilt())) || strings.ContainsAny(text, "&*") ||
		g.parts[0].isSpoilt() || g.parts[len(g.parts)-1].isSpoilt() {
		return false
	}
	doc, _ := awsauth.Parse(roles0(text))
	seen := map[string]bool{}
	for _, e := range doc.Entries() {
		key := awsauth.Key(e.ARN.Value)
		if e.ARN.Value != "" && seen[key] {
			return false
		}
		seen[key] = true
	}
	return true
}
