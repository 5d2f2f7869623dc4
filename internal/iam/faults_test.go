package iam_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// outcome is what a fault must come to.
type outcome struct {
	rule    string // "" if nothing is found wrong
	says    string
	outcome string // of the calls, in the metrics
}

// edits are the edits of the matrix: what each brings, and the call that it takes.
var edits = map[string]struct{ key, entry, api, name string }{
	"new role":        {"mapRoles", "- rolearn: " + own + "role/ci\n  username: ci\n  groups: [deployers]\n", "GetRole", "role ci"},
	"new user":        {"mapUsers", "- userarn: " + own + "user/people/alice\n  username: alice\n  groups: [deployers]\n", "GetUser", "user alice"},
	"foreign account": {"mapRoles", "- rolearn: " + other + "role/auditor\n  username: auditor\n  groups: [deployers]\n", "AssumeRole", "another account"},
}

// Every switch of the fake AWS, for every kind of principal, under both policies: verdict, message and metric.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	malformed := outcome{"AA302", "malformed, the answer", "malformed"}
	for name, tt := range map[string]struct {
		faults  fake.Faults
		want    outcome
		foreign *outcome // where it differs for another account
		ownPace bool     // IAM is well, and all the calls that the guard makes are others'
	}{
		"none":        {},
		"own pace":    {ownPace: true, want: outcome{rule: "AA302", says: "throttled, the guard makes no more than 10 calls a second", outcome: "throttled"}},
		"latency":     {faults: fake.Faults{Latency: latency(40 * time.Millisecond)}},
		"slow":        {faults: fake.Faults{Latency: latency(time.Minute)}, want: outcome{"AA302", "timed out, AWS did not answer", "timed_out"}},
		"hang":        {faults: fake.Faults{Answer: fake.Hang}, want: outcome{"AA302", "timed out, AWS did not answer", "timed_out"}},
		"throttling":  {faults: fake.Faults{Answer: fake.Throttling}, want: outcome{"AA302", "throttled, AWS answered", "throttled"}},
		"error 500":   {faults: fake.Faults{Answer: fake.Error500}, want: outcome{"AA302", "unreachable, AWS answered", "unreachable"}},
		"error 503":   {faults: fake.Faults{Answer: fake.Error503}, want: outcome{"AA302", "with HTTP 503", "unreachable"}},
		"reset":       {faults: fake.Faults{Answer: fake.Reset}, want: outcome{"AA302", "unreachable, no connection", "unreachable"}},
		"empty 200":   {faults: fake.Faults{Answer: fake.Empty}, want: malformed},
		"portal 200":  {faults: fake.Faults{Answer: fake.HTML200}, want: malformed},
		"HTML 404":    {faults: fake.Faults{Answer: fake.HTML404}, want: malformed},
		"redirect":    {faults: fake.Faults{Answer: fake.Redirect}, want: malformed},
		"truncated":   {faults: fake.Faults{Answer: fake.Truncated}, want: malformed},
		"other's ARN": {faults: fake.Faults{Answer: fake.SomebodyElse}, want: outcome{"AA302", "malformed", "malformed"}},
		"mixed accounts": {faults: fake.Faults{Answer: fake.OtherAccount}, want: outcome{"AA302", "malformed, the answer is about account 777788889999 instead of 111122223333", "malformed"},
			foreign: &outcome{"AA302", "malformed, the answer to sts:AssumeRole on " + other + "role/aws-auth-guard is about something else", "malformed"}},
		"huge body": {faults: fake.Faults{Answer: fake.Huge, Latency: latency(distance)}, want: outcome{"AA302", "is larger than 1 MiB, more than AWS ever sends", "malformed"}},
		"denied": {faults: fake.Faults{Answer: fake.AccessDenied}, want: outcome{"AA302", "denied, " + guardRole + " lacks iam:", "denied"},
			foreign: &outcome{"AA303", guardRole + " lacks sts:AssumeRole on " + other + "role/aws-auth-guard", "foreign"}},
		"expired": {faults: fake.Faults{Answer: fake.ExpiredToken}, want: outcome{"AA302", "denied, AWS does not accept the credentials of " + guardRole + " (ExpiredToken)", "denied"}},
		"HTML 403": {faults: fake.Faults{Answer: fake.HTML403}, want: outcome{"AA302", "denied, HTTP 403", "denied"},
			foreign: &outcome{"AA303", "HTTP 403", "foreign"}},
	} {
		for editName, edit := range edits {
			for _, onUnverified := range []string{"deny", "warn"} {
				t.Run(name+"/"+editName+"/"+onUnverified, func(t *testing.T) {
					t.Parallel()
					want := tt.want
					if editName == "foreign account" && tt.foreign != nil {
						want = *tt.foreign
					}
					timeouts := "{call: 5s, total: 8s}"
					if want.outcome == "timed_out" { // where the time is to run out, less of it does
						timeouts = "{call: 300ms, total: 4s}"
					}
					w := newWorld(t, "guard", reading+"iam: {timeouts: "+timeouts+"}", seed())
					w.faults(tt.faults)
					if tt.ownPace {
						w.lookup(other + "role/aws-auth-guard") // has the other account's role assumed
						w.aws.Forget()
						restore := w.directory.Hold()
						w.expectHeld(w.judge(reading+"iam: {onUnverified: "+onUnverified+"}", nil, map[string]string{edit.key: edit.entry}), want, onUnverified == "warn")
						restore()
						w.verdict(w.judge(reading+"iam: {onUnverified: "+onUnverified+"}", nil, map[string]string{edit.key: edit.entry}), outcome{}, onUnverified == "warn")
						return
					}
					report := w.judge(reading+"iam: {onUnverified: "+onUnverified+"}", nil, map[string]string{edit.key: edit.entry})
					w.expect(report, want, onUnverified == "warn", edit.api)
				})
			}
		}
	}
}

// expect holds a verdict, its message and the metrics against what a fault must come to.
func (w *world) expect(report validate.Report, want outcome, warn bool, api string) {
	w.t.Helper()
	wantOutcome := want.outcome
	if wantOutcome == "" {
		wantOutcome = "ok"
	}
	if n := w.metric("aws_auth_guard_iam_calls_total", map[string]string{"api": api, "outcome": wantOutcome}); n == 0 {
		w.t.Errorf("no call %s counted as %s", api, wantOutcome)
	} else if all := w.metric("aws_auth_guard_iam_calls_total", map[string]string{"api": api}); n != all {
		w.t.Errorf("%v of %v calls %s counted as %s, want all", n, all, api, wantOutcome)
	} else if seconds := w.metric("aws_auth_guard_iam_call_seconds", map[string]string{"api": api}); seconds < all {
		w.t.Errorf("%v calls %s timed, want %v", seconds, api, all)
	}
	if throttled := w.metric("aws_auth_guard_iam_throttled_total", nil); (throttled > 0) != (want.outcome == "throttled") {
		w.t.Errorf("%v throttles", throttled)
	}
	w.verdict(report, want, warn)
}

// verdict holds a verdict and its message against what they must be.
func (w *world) verdict(report validate.Report, want outcome, warn bool) {
	w.t.Helper()
	if want.rule == "" {
		if !report.Allowed || len(report.Findings) > 0 {
			w.t.Errorf("want it allowed without a finding, got %+v", report)
		}
		return
	}
	if report.Allowed != warn {
		w.t.Errorf("allowed %t, want %t", report.Allowed, warn)
	}
	severity := validate.Error
	if warn {
		severity = validate.Warning
	}
	if len(report.Findings) != 1 || report.Findings[0].Rule != want.rule || report.Findings[0].Severity != severity ||
		!strings.Contains(report.Findings[0].Message+", "+report.Findings[0].Why, want.says) {
		w.t.Errorf("want one %s %s that says %q, got %+v", severity, want.rule, want.says, report.Findings)
	}
	for _, f := range report.Findings {
		if s := f.Sentence(); strings.ContainsAny(s, "\n\r\t<>") || strings.Contains(s, "RequestID") || f.Fix == "" {
			w.t.Errorf("a message that holds what is no use to an operator: %s", s)
		}
	}
}

// expectHeld holds a verdict against what comes of calls that the guard does not make: no word of AWS, and no outage.
func (w *world) expectHeld(report validate.Report, want outcome, warn bool) {
	w.t.Helper()
	w.spent("", 0)
	if n := w.metric("aws_auth_guard_iam_throttled_total", nil); n == 0 {
		w.t.Error("not counted as held back")
	}
	if n := w.metric("aws_auth_guard_iam_breaker_open", nil); n > 0 {
		w.t.Error("taken for an outage of AWS")
	}
	w.verdict(report, want, warn)
}

const nodeRole = "- rolearn: " + own + "role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"

// judge is an edit of an object that maps the nodes; added is put behind that, by data key.
func (w *world) judge(policyText string, old, added map[string]string) validate.Report {
	w.t.Helper()
	v, err := validate.New(parsePolicy(w.t, policyText), validate.WithPorts(validate.Ports{Principals: w.directory}))
	if err != nil {
		w.t.Fatal(err)
	}
	object := func(data map[string]string) *corev1.ConfigMap {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"}, Data: map[string]string{"mapRoles": nodeRole}}
		for k, text := range data {
			cm.Data[k] += text
		}
		return cm
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	report := v.Validate(ctx, validate.Request{Operation: validate.Update, Old: object(old), New: object(added), User: authenticationv1.UserInfo{Username: "operator"}})
	if ctx.Err() != nil {
		w.t.Error("judged after the deadline")
	}
	return report
}

// What the operator reads, word for word.
func TestMessages(t *testing.T) {
	t.Parallel()
	role := func(arn string) map[string]string {
		return map[string]string{"mapRoles": "- rolearn: " + arn + "\n  username: ci\n  groups: [deployers]\n"}
	}
	user := func(arn string) map[string]string {
		return map[string]string{"mapUsers": "- userarn: " + arn + "\n  username: ci\n  groups: [deployers]\n"}
	}
	for name, tt := range map[string]struct {
		as, policy string
		old, added map[string]string
		want       []string
		calls      int // -1: any number
	}{
		"nothing new":              {old: role(own + "role/gone"), added: role(own + "role/gone"), calls: 0},
		"the same in other words":  {old: role(own + "role/gone"), added: role("'" + own + "role/gone'"), calls: 0},
		"an entry removed":         {old: role(own + "role/gone"), calls: 0},
		"the groups of an old one": {old: role(own + "role/gone"), added: map[string]string{"mapRoles": "- rolearn: " + own + "role/gone\n  username: ci\n  groups: [viewers]\n"}, calls: 0},
		"a new one beside an old": {old: role(own + "role/gone"), calls: 1,
			added: map[string]string{"mapRoles": role(own + "role/gone")["mapRoles"] + strings.ReplaceAll(role(own + "role/deployer")["mapRoles"], "username: ci", "username: d")}},
		"misspelt": {added: role(own + "role/deplyoer"), calls: -1, want: []string{
			`AA301 principal-not-found: IAM has no role arn:aws:iam::111122223333:role/deplyoer; fix: write an ARN that exists: did you mean arn:aws:iam::111122223333:role/deployer?`}},
		"a suggestion with a path is written without": {added: role(own + "role/cii"), calls: -1, want: []string{
			`AA301 principal-not-found: IAM has no role arn:aws:iam::111122223333:role/cii; fix: write an ARN that exists: did you mean arn:aws:iam::111122223333:role/ci?`}},
		"a user in the place of a role": {added: role(own + "role/alice"), calls: -1, want: []string{
			`AA301 principal-not-found: IAM has no role arn:aws:iam::111122223333:role/alice; fix: write an ARN that exists: did you mean the user arn:aws:iam::111122223333:user/people/alice?`}},
		"a user without the path": {added: user(own + "user/alice"), calls: 1, want: []string{
			`AA301 principal-not-found: arn:aws:iam::111122223333:user/alice is not the ARN of user "alice"; fix: write arn:aws:iam::111122223333:user/people/alice`}},
		"another letter case": {added: role(own + "role/CI"), calls: 1, want: []string{
			`AA301 principal-not-found: arn:aws:iam::111122223333:role/CI differs in letter case from IAM's ARN; fix: write arn:aws:iam::111122223333:role/ci`}},
		"an unknown account": {added: role(other + "role/auditor"), calls: -1, want: []string{
			`AA303 foreign-account: arn:aws:iam::444455556666:role/auditor is in account 444455556666, which the policy does not list; fix: get account 444455556666 added to the policy: ask a cluster admin; accounts are in the Helm value policy.accounts`}},
		"an account that may not be read": {added: role(other + "role/auditor"), policy: strings.ReplaceAll(reading, "role/aws-auth-guard", "role/closed"), calls: 1, want: []string{
			`AA303 foreign-account: could not check arn:aws:iam::444455556666:role/auditor: IAM in account 444455556666 could not be asked; fix: get a roleARN that the guard may assume, or trust: unchecked, added for the account: ask a cluster admin; accounts are in the Helm value policy.accounts`}},
		"another partition": {added: role("arn:aws-cn:iam::111122223333:role/ci"), calls: 0, want: []string{
			`AA204 wrong-partition: arn:aws-cn:iam::111122223333:role/ci is in the partition aws-cn, and this cluster is in the partition aws; fix: write arn:aws:iam::111122223333:role/ci, or the ARN of another principal in the partition aws`}},
		"no permission": {added: role(own + "role/ci"), as: "nothing", calls: 1, want: []string{
			`AA302 principal-unverified: could not check whether arn:aws:iam::111122223333:role/ci exists: denied; fix: give the role that asks IAM the permissions that ` + "`kubectl awsauth iam-policy`" + ` prints, and try again`}},
		"an sso block": {calls: -1,
			added: map[string]string{"mapRoles": "- sso:\n    permissionSetName: Admin\n    accountID: \"111122223333\"\n  username: admin\n  groups: [deployers]\n"}, want: []string{
				`AA205 sso-block: the entry for permission set "Admin" has an sso block; fix: write rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef instead of the block`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				as := tt.as
				if as == "" {
					as = "guard"
				}
				w := memoryWorld(t, as, tt.policy, seed())
				report := w.judge(tt.policy, tt.old, tt.added)
				var got []string
				for _, f := range report.Findings {
					if !f.Preexisting {
						got = append(got, f.Sentence())
					}
				}
				if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
				}
				if calls := w.aws.Count(""); tt.calls >= 0 && calls != tt.calls {
					t.Errorf("%d calls, want %d: %v", calls, tt.calls, w.aws.Calls())
				}
			})
		})
	}
}
