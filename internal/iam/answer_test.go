package iam_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// Accounts of the random worlds: the guard's own, one that a policy may let it read, and one more.
const (
	ownID, otherID, thirdID = "111122223333", "444455556666", "777788889999"
	// patience is for answers that have to come, on a machine that does much else.
	patience = "\niam: {timeouts: {call: 4s, total: 9s}}"
	// silent is a key that STS does not tell anything about.
	silent = "silent"
)

// randomSeed is a world in which every account, of two partitions, has some of the same few names, as roles and as users.
func randomSeed(r *rand.Rand) fake.Seed {
	s := seed()
	s.Credentials = append(s.Credentials, fake.Credential{AccessKeyID: silent, ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod",
		Deny: []string{"sts:GetCallerIdentity"}})
	s.Roles = []fake.Role{{ARN: other + "role/aws-auth-guard", Trusts: []string{ownID}}, {ARN: own + "role/aws-auth-guard"}}
	s.Users = nil
	for _, partition := range []string{"aws", "aws-cn"} {
		for _, account := range []string{ownID, otherID, thirdID} {
			for i := range 16 {
				name := fmt.Sprintf([]string{"app%d", "App%d", "team/app%d"}[r.IntN(3)], i)
				if r.IntN(2) == 0 {
					s.Roles = append(s.Roles, fake.Role{ARN: "arn:" + partition + ":iam::" + account + ":role/" + name})
				}
				if r.IntN(3) == 0 {
					s.Users = append(s.Users, fake.User{ARN: "arn:" + partition + ":iam::" + account + ":user/" + name})
				}
			}
		}
	}
	return s
}

// randomQuestions are ARNs as an edit may hold them, more of the guard's own account than of others.
func randomQuestions(r *rand.Rand) []string {
	arns := map[string]bool{}
	for range 1 + r.IntN(40) {
		partition := []string{"aws", "aws", "aws", "aws", "aws", "AWS", "aws-cn"}[r.IntN(7)]
		account := []string{ownID, ownID, otherID, thirdID}[r.IntN(4)]
		name := fmt.Sprintf([]string{"app%d", "APP%d", "team/app%d", "aap%d"}[r.IntN(4)], r.IntN(16))
		arns["arn:"+partition+":iam::"+account+":"+[]string{"role", "role", "user"}[r.IntN(3)]+"/"+name] = true
	}
	list := slices.Sorted(maps.Keys(arns))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// canonical is what EKS compares, in one letter case.
func canonical(t testing.TB, arn string) string {
	t.Helper()
	a, err := awsauth.ParseARN(arn)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ToLower(a.Canonical())
}

// No principal is ever confirmed by an answer about another, whatever identity the guard has, whatever goes wrong, and whatever another account answers.
func TestNoOthersAnswer(t *testing.T) {
	t.Parallel()
	policies := map[string]string{
		"none":      "",
		"readable":  reading,
		"unchecked": "accounts: [{id: '444455556666', trust: unchecked}]",
		"no role":   "accounts: [{id: '444455556666'}, {id: '777788889999', mapAccounts: true}]",
	}
	places := map[string]fake.Faults{
		"everywhere":            {},
		"names":                 {Actions: []string{"GetRole", "GetUser"}},
		"lists":                 {Actions: []string{"ListRoles", "ListUsers"}},
		"AssumeRole":            {Actions: []string{"AssumeRole"}},
		"the readable account":  {Accounts: []string{otherID}},
		"the guard's own":       {Accounts: []string{ownID}},
		"who the guard is, too": {Actions: []string{"GetCallerIdentity", "GetRole", "ListRoles"}},
	}
	const timeouts = "\niam: {timeouts: {call: 100ms, total: 250ms}}"
	names := slices.Sorted(maps.Keys(policies))
	number := uint64(0)
	for _, answer := range slices.Concat(fake.Answers, fake.Strange) {
		for _, where := range slices.Sorted(maps.Keys(places)) {
			for _, key := range []string{"guard", silent} {
				number++
				t.Run(fmt.Sprintf("%s/%s/%s", answer, where, key), func(t *testing.T) {
					t.Parallel()
					r := rand.New(rand.NewPCG(20, number)) //nolint:gosec // the same every time
					s := randomSeed(r)
					first := names[r.IntN(len(names))]
					w := strangeWorld(t, key, policies[first]+timeouts, s)
					faults := places[where]
					faults.Answer = answer
					w.faults(faults)
					arns := randomQuestions(r)
					w.judgeAnswers(s, first == "readable", arns, w.lookup(arns...))
					// And with what that has left in the caches.
					second := names[r.IntN(len(names))]
					w.directory.Configure(parsePolicy(t, policies[second]+timeouts))
					arns = append(arns, randomQuestions(r)...)
					w.judgeAnswers(s, second == "readable", arns, w.lookup(arns...))
				})
			}
		}
	}
}

// judgeAnswers holds answers against what there is.
func (w *world) judgeAnswers(s fake.Seed, readable bool, arns []string, answers []principal.Principal) {
	w.t.Helper()
	has := map[string]bool{}
	for _, role := range s.Roles {
		has[canonical(w.t, role.ARN)] = true
	}
	for _, user := range s.Users {
		has[canonical(w.t, user.ARN)] = true
	}
	self, _ := w.directory.Self()
	for i, p := range answers {
		asked := canonical(w.t, arns[i])
		if p.Existence != principal.Exists {
			continue
		}
		if canonical(w.t, p.ARN) != asked {
			w.t.Errorf("%s is confirmed by %s", arns[i], p.ARN)
		}
		// Whose credentials they are is what STS or an answer of IAM says: if each of them says another account's, in the same way, nothing
		// says otherwise.
		if self.Account != ownID {
			continue
		}
		if !has[asked] {
			w.t.Errorf("%s is confirmed, and does not exist", arns[i])
		}
		if account := strings.Split(asked, ":")[4]; account != ownID && (account != otherID || !readable) {
			w.t.Errorf("%s is confirmed, and nobody could look it up", arns[i])
		}
	}
}

// Without faults everything that can be looked up is answered rightly, whether or not STS says who the guard is.
func TestMixedQuestions(t *testing.T) {
	t.Parallel()
	for n := range uint64(24) {
		for _, key := range []string{"guard", silent} {
			t.Run(fmt.Sprint(key, n), func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(21, n)) //nolint:gosec // the same every time
				s := randomSeed(r)
				w := strangeWorld(t, key, reading+patience, s)
				has := map[string]bool{}
				for _, role := range s.Roles {
					has[canonical(t, role.ARN)] = true
				}
				for _, user := range s.Users {
					has[canonical(t, user.ARN)] = true
				}
				arns := randomQuestions(r)
				answers := w.lookup(arns...)
				self, _ := w.directory.Self()
				for i, p := range answers {
					account, asked := strings.Split(arns[i], ":")[4], canonical(t, arns[i])
					want := principal.Missing
					switch {
					case strings.HasPrefix(asked, "arn:aws-cn:"):
						want = principal.Unverified
					case account == thirdID:
						want = principal.Foreign
					case has[asked]:
						want = principal.Exists
					}
					if self.Account == "" && want != principal.Exists && account != otherID { // nothing that IAM has shown
						want = principal.Unverified
					}
					if p.Existence != want {
						t.Errorf("%s: %+v, want existence %d", arns[i], p, want)
					}
					for _, suggested := range p.Suggestions {
						if a := strings.Split(suggested, ":")[4]; !has[canonical(t, suggested)] || a != account && a != ownID {
							t.Errorf("%s: did you mean %s?", arns[i], suggested)
						}
					}
				}
			})
		}
	}
}

// One edit with the names of two accounts, of which the second has none of them: the first edit after a start without STS.
func TestMixedAccountsBeforeSTSAnswers(t *testing.T) {
	t.Parallel()
	for name, count := range map[string]int{"one by one": 4, "in a list": 12} {
		for _, ownFirst := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", the own first: ", ownFirst), func(t *testing.T) {
				t.Parallel()
				s := seed()
				mine := many(&s, count, count)
				w := strangeWorld(t, "guard", patience, s)
				w.faults(fake.Faults{Answer: fake.Error503, Actions: []string{"GetCallerIdentity"}})
				var theirs []string
				for _, arn := range mine {
					theirs = append(theirs, strings.Replace(arn, ownID, thirdID, 1))
				}
				asked := slices.Concat(theirs, mine)
				if ownFirst {
					asked = slices.Concat(mine, theirs)
				}
				for i, p := range w.lookup(asked...) {
					want := principal.Exists
					if strings.Contains(asked[i], thirdID) {
						want = principal.Foreign
					}
					if p.Existence != want {
						t.Errorf("%s: %+v, want existence %d", asked[i], p, want)
					}
				}
				if calls := w.aws.Count("ListRoles"); count > 10 && calls != 1 {
					t.Errorf("%d lists, want 1 for both accounts", calls)
				}
			})
		}
	}
}

// What was found in an account that the policy no longer names is not taken for an answer about the guard's own, while that is not known.
func TestNothingKeptOfOthers(t *testing.T) {
	t.Parallel()
	s := randomSeed(rand.New(rand.NewPCG(1, 1))) //nolint:gosec // any world
	s.Roles = append(s.Roles, fake.Role{ARN: other + "role/auditor"})
	w := strangeWorld(t, silent, reading, s)
	all(t, principal.Exists, w.lookup(other+"role/auditor"))
	w.directory.Configure(parsePolicy(t, ""))
	if got := w.lookup(other + "role/auditor")[0]; got.Existence != principal.Unverified {
		t.Errorf("%+v, want it unverified", got)
	}
}

// An account that the guard may read answers for itself alone.
func TestHostileAccount(t *testing.T) {
	t.Parallel()
	for _, answer := range slices.Concat(fake.Answers[1:], fake.Strange) {
		for _, count := range []int{1, 12} {
			t.Run(fmt.Sprint(answer, count), func(t *testing.T) {
				t.Parallel()
				s := seed()
				arns := many(&s, count, count)
				var theirs []string
				for i, arn := range arns {
					theirs = append(theirs, strings.Replace(arn, ownID, otherID, 1))
					if i%2 == 1 {
						s.Roles = append(s.Roles, fake.Role{ARN: theirs[i]})
					}
				}
				w := newWorld(t, "guard", reading+patience, s)
				w.faults(fake.Faults{Answer: answer, Accounts: []string{otherID}})
				if answer == fake.StrangeCredentials {
					w.faults(fake.Faults{Answer: answer})
				}
				asked := slices.Concat(arns, theirs)
				for i, p := range w.lookup(asked...) {
					if i < count {
						if p.Existence != principal.Exists { // nothing that another account says takes it back
							t.Errorf("%s: %+v, want it to exist", asked[i], p)
						}
						continue
					}
					if p.Existence == principal.Exists && (i-count)%2 == 0 {
						t.Errorf("%s: %+v, and there is no such role", asked[i], p)
					}
					for _, suggested := range p.Suggestions {
						if a, err := awsauth.ParseARN(suggested); err != nil || a.Account != ownID && a.Account != otherID || a.Partition != "aws" {
							t.Errorf("%s: did you mean %q?", asked[i], suggested)
						}
					}
				}
				if self, _ := w.directory.Self(); self.Account != ownID {
					t.Errorf("the guard takes itself for %+v", self)
				}
			})
		}
	}
}

// A list that has another account's members says that the credentials are another account's: then IAM's "no such entity" says nothing.
func TestMissingByStrangeCredentials(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		w := memoryWorld(t, "guard", reading, seed())
		w.faults(fake.Faults{Answer: fake.StrangeCredentials})
		got := w.lookup(other + "role/auditor")[0]
		if got.Existence != principal.Unverified || got.Reason != principal.ReasonMalformed || !strings.Contains(got.Detail, "about account") {
			t.Errorf("%+v, want it unverified", got)
		}
	})
}

// However an edit writes an ARN, IAM's correct answer about it is no outage of AWS: else two such edits keep everybody's from being checked.
// Unicode has characters that strings.EqualFold takes for ASCII letters.
func TestNoOutageByEdit(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		variants := func(r rune) []string {
			s := string(r)
			all := []string{strings.ToUpper(s), strings.ToLower(s), s + "\u200b", "\u00a0" + s, "\uff11"}
			switch r {
			case 's':
				all = append(all, "\u017f")
			case 'k':
				all = append(all, "\u212a")
			}
			return all
		}
		w := memoryWorld(t, "guard", reading, seed())
		open := func() bool { return w.metric("aws_auth_guard_iam_breaker_open", nil) > 0 }
		all(t, principal.Exists, w.lookup(own+"role/deployer", own+"user/people/alice", other+"role/auditor"))
		for _, arn := range []string{own + "role/desks/ci", own + "role/Mixed-Case", own + "user/people/alice", own + "user/desks/alice", other + "role/auditor", other + "user/bob"} {
			for i, r := range arn {
				for _, v := range variants(r) {
					written := arn[:i] + v + arn[i+len(string(r)):]
					key, field := "mapRoles", "rolearn"
					if strings.Contains(arn, ":user/") {
						key, field = "mapUsers", "userarn"
					}
					edit := map[string]string{key: fmt.Sprintf("- %s: %q\n  username: ci\n  groups: [deployers]\n", field, written)}
					for range 2 {
						w.judge(reading, nil, edit)
					}
					if open() {
						t.Fatalf("%q: taken for an outage", written)
					}
				}
			}
		}
		for _, partition := range []string{"aw\u017f", "AWS", "aws-cn", "aw\u017f-cn", ""} {
			edit := map[string]string{"mapRoles": fmt.Sprintf("- sso: {permissionSetName: Admin, accountID: '111122223333', partition: %q}\n  username: ci\n  groups: [deployers]\n", partition)}
			for range 2 {
				w.judge(reading, nil, edit)
			}
			if open() {
				t.Fatalf("sso block in %q: taken for an outage", partition)
			}
		}
		got := w.lookup(strings.Replace(own, "aws", "aw\u017f", 1) + "role/ci")[0]
		if got.Existence != principal.Unverified || got.Reason != principal.ReasonForeign {
			t.Errorf("%+v, want it to be another partition's", got)
		}
		all(t, principal.Exists, w.lookup(own+"role/nodes", own+"user/operator"))
	})
}
