package iam_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

func exists(arn string) principal.Principal {
	p := principal.Principal{Existence: principal.Exists, ARN: arn}
	if strings.Contains(arn, ":role/") {
		p.Trust = principal.Trust{Known: principal.TrustKnown, Instances: true} // as the fake has it for a role of which nothing else is said
	}
	return p
}

func missing(suggestions ...string) principal.Principal {
	return principal.Principal{Existence: principal.Missing, Suggestions: suggestions}
}

func unverified(r principal.Reason, detail string) principal.Principal {
	return principal.Principal{Existence: principal.Unverified, Reason: r, Detail: detail}
}

const guardRole = own + "role/aws-auth-guard"

// What the guard says of one ARN, and what that costs.
func TestLookup(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		arn    string
		as     string // access key id, guard if empty
		policy string
		want   principal.Principal
		calls  string // in order, without the accounts
	}{
		"a role": {arn: own + "role/nodes", want: exists(own + "role/nodes"), calls: "GetRole"},
		"a role that IAM keeps under a path": {
			arn: own + "role/ci", want: exists(own + "role/team/ci"), calls: "GetRole"},
		"a role with another path": {
			arn: own + "role/other/ci", want: exists(own + "role/team/ci"), calls: "GetRole"},
		"a role in another letter case": {
			arn: own + "role/mixed-case", want: exists(own + "role/Mixed-Case"), calls: "GetRole"},
		"a role of IAM Identity Center": {
			arn:   own + "role/AWSReservedSSO_Admin_0123456789abcdef",
			want:  exists(own + "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"),
			calls: "GetRole"},
		"a misspelt role": {
			arn: own + "role/deplyoer", want: missing(own + "role/deployer"), calls: "GetRole GetRole ListRoles GetUser"},
		"a role of IAM Identity Center with another account's suffix": {
			arn:  own + "role/AWSReservedSSO_Admin_ffffffffffffffff",
			want: missing(own + "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef")},
		"a role that is nothing like any": {arn: own + "role/something-else-entirely", want: missing()},
		"a role, and there is a user of that name": {
			arn: own + "role/alice", want: missing(own + "user/people/alice")},
		"a user, and there is a role of that name": {
			arn: own + "user/deployer", want: missing(own + "role/deployer"), calls: "GetUser GetUser ListUsers GetRole"},
		"a user": {arn: own + "user/people/alice", want: exists(own + "user/people/alice"), calls: "GetUser"},
		"a user without its path": {
			arn: own + "user/alice", want: principal.Principal{Existence: principal.Missing, ARN: own + "user/people/alice"}, calls: "GetUser"},
		"a user in another letter case": {
			arn: own + "user/PEOPLE/Alice", want: exists(own + "user/people/alice"), calls: "GetUser"},
		"a misspelt user": {arn: own + "user/people/alicia", want: missing(own + "user/people/alice")},

		"lists are not allowed": {
			arn: own + "role/deplyoer", as: "no-lists", want: missing(), calls: "GetRole GetRole ListRoles GetUser"},
		"nothing is allowed": {
			arn: own + "role/nodes", as: "nothing", calls: "GetRole",
			want: unverified(principal.ReasonDenied, guardRole+" lacks iam:GetRole on role nodes")},
		"no user is allowed": {
			arn: own + "user/people/alice", as: "nothing", calls: "GetUser",
			want: unverified(principal.ReasonDenied, guardRole+" lacks iam:GetUser on user alice")},

		"an account that the policy does not know": {
			arn: other + "role/auditor", want: principal.Principal{Existence: principal.Foreign}, calls: "GetRole"},
		"an account that the policy does not know, and a role of that name here": {
			arn: other + "role/ci", want: principal.Principal{Existence: principal.Foreign, Suggestions: []string{own + "role/team/ci"}}, calls: "GetRole"},
		"the root user of an account that the policy does not know": {
			arn: other + "root", want: principal.Principal{Existence: principal.Foreign}},
		"the root user here":               {arn: own + "root", want: principal.Principal{}},
		"the root user of a known account": {arn: other + "root", policy: reading, want: principal.Principal{}},
		"a federated user here":            {arn: "arn:aws:sts::111122223333:federated-user/alice", want: principal.Principal{}},
		"a role in a known account": {
			arn: other + "role/auditor", policy: reading, want: exists(other + "role/auditor"), calls: "AssumeRole GetRole"},
		"a user in a known account": {
			arn: other + "user/bob", policy: reading, want: exists(other + "user/bob"), calls: "AssumeRole GetUser"},
		"a role that is here and not there": {
			arn: other + "role/ci", policy: reading, want: missing(own + "role/team/ci")},
		"an account taken on trust": {
			arn: other + "role/whatever", policy: "accounts: [{id: '444455556666', trust: unchecked}]", want: principal.Principal{Existence: principal.Trusted}},
		"an account whose role may not be assumed": {
			arn: other + "role/auditor", policy: strings.ReplaceAll(reading, "role/aws-auth-guard", "role/closed"), calls: "AssumeRole",
			want: unverified(principal.ReasonForeign, guardRole+" lacks sts:AssumeRole on "+other+"role/closed")},
		"an account without a role to assume": {
			arn: other + "role/auditor", policy: "accounts: [{id: '444455556666', mapAccounts: true}]",
			want: unverified(principal.ReasonForeign, "the policy names account 444455556666, but no roleARN to look its principals up")},
		"the own account, named in the policy": {
			arn: own + "role/nodes", policy: "accounts: [{id: '111122223333', mapAccounts: true}]", want: exists(own + "role/nodes"), calls: "GetRole"},

		"China": {arn: "arn:aws-cn:iam::111122223333:role/ci", as: "guard-cn", policy: "partition: aws-cn",
			want: exists("arn:aws-cn:iam::111122223333:role/ci"), calls: "GetRole"},
		"GovCloud by region": {arn: "arn:aws-us-gov:iam::111122223333:role/ci", as: "guard-gov", policy: "iam: {region: us-gov-east-1}",
			want: exists("arn:aws-us-gov:iam::111122223333:role/ci"), calls: "GetRole"},
		"another partition, the same account id": {arn: "arn:aws-cn:iam::111122223333:role/ci",
			want: unverified(principal.ReasonForeign, "principals of the partition aws-cn cannot be looked up from aws")},
		"another partition, taken on trust": {arn: "arn:aws-cn:iam::444455556666:role/ci",
			policy: "accounts: [{id: '444455556666', trust: unchecked}]", want: principal.Principal{Existence: principal.Trusted}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				as := tt.as
				if as == "" {
					as = "guard"
				}
				w := memoryWorld(t, as, tt.policy, seed())
				got := w.lookup(tt.arn)
				if d := cmp.Diff([]principal.Principal{tt.want}, got); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				var calls []string
				for _, c := range w.aws.Calls() {
					calls = append(calls, c.Action)
				}
				if got := strings.Join(calls, " "); tt.calls != "" && got != tt.calls {
					t.Errorf("calls %q, want %q", got, tt.calls)
				}
			})
		})
	}
}

// Answers come in the order of the questions, whatever they are about.
func TestLookupOrder(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		w := memoryWorld(t, "guard", reading, seed())
		arns := []string{own + "user/people/alice", other + "role/auditor", own + "role/nope", own + "role/NODES", other + "role/nope", own + "role/nodes", own + "root"}
		want := []principal.Existence{principal.Exists, principal.Exists, principal.Missing, principal.Exists, principal.Missing, principal.Exists, principal.NotAsked}
		for i, p := range w.lookup(arns...) {
			if p.Existence != want[i] {
				t.Errorf("%s: %+v, want existence %d", arns[i], p, want[i])
			}
		}
		if got := w.lookup(); len(got) != 0 {
			t.Errorf("no questions: %v", got)
		}
	})
}

// While STS is out of reach, nothing is said of accounts that may or may not be the guard's own but what IAM itself shows.
func TestUnknownIdentity(t *testing.T) {
	t.Parallel()
	noSTS := fake.Faults{Answer: fake.Error503, Actions: []string{"GetCallerIdentity"}}
	for name, tt := range map[string]struct {
		arn  string
		want principal.Principal
	}{
		"a role that IAM has":         {own + "role/ci", exists(own + "role/team/ci")},
		"a role that IAM has not":     {own + "role/nope", unverified(principal.ReasonUnreachable, "the guard could not find out which account is its own: AWS answered sts:GetCallerIdentity with HTTP 503")},
		"a role of another account":   {other + "role/auditor", unverified(principal.ReasonUnreachable, "the guard could not find out which account is its own: AWS answered sts:GetCallerIdentity with HTTP 503")},
		"a name of both accounts":     {other + "role/ci", principal.Principal{Existence: principal.Foreign}},
		"a role of another partition": {"arn:aws-cn:iam::111122223333:role/ci", unverified(principal.ReasonForeign, "principals of the partition aws-cn cannot be looked up from aws")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := strangeWorld(t, "guard", "", seed())
			w.faults(noSTS)
			if d := cmp.Diff([]principal.Principal{tt.want}, w.lookup(tt.arn)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}

	t.Run("what IAM shows is remembered", func(t *testing.T) {
		t.Parallel()
		w := strangeWorld(t, "guard", "", seed())
		w.faults(noSTS)
		w.lookup(own + "role/ci")
		self, ok := w.directory.Self()
		if want := (principal.Self{Account: "111122223333", Partition: "aws"}); !ok || self != want {
			t.Errorf("self %+v %t, want %+v", self, ok, want)
		}
		if got := w.lookup(own + "role/nope")[0]; got.Existence != principal.Missing {
			t.Errorf("%+v, want it missing", got)
		}
		if got := w.lookup(other + "role/auditor")[0]; got.Existence != principal.Foreign {
			t.Errorf("%+v, want it foreign", got)
		}
	})
}
