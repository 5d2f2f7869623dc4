package validate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rules"
)

// expiringSoon is how long before its end an approval or waiver is reported as expiring: time enough to ask for another.
const expiringSoon = 14 * 24 * time.Hour

// Permission is an approval or a waiver of the policy, with what it permits in one version of aws-auth.
type Permission struct {
	// Kind is approval or waiver.
	Kind string
	// What it permits: an ARN or pattern with names, or a rule with its subject.
	What string
	// Line is where the policy has it, and Expires from when it no longer counts.
	Line    int
	Expires policy.Date
	// Expired and Expiring: it no longer counts, or will not within two weeks.
	Expired, Expiring bool
	// Used are the principals that have what it approves, or the subjects of the findings that it waives, whether or not
	// it has expired.
	Used []string
}

// State is one word for it: expired, unused, expiring or used.
func (p Permission) State() string {
	switch {
	case p.Expired:
		return "expired"
	case len(p.Used) == 0:
		return "unused"
	case p.Expiring:
		return "expiring"
	}
	return "used"
}

// Review says of every approval and waiver of the policy whether it has expired or soon will, and who needs it. cm is nil
// if there is no aws-auth.
func (v *Validator) Review(cm *corev1.ConfigMap) []Permission {
	now := v.now()
	found, access := v.inForce(cm, now)
	permission := func(kind, what string, line int, until policy.Date) Permission {
		expired := until.Standing(now) == policy.Expired
		return Permission{Kind: kind, What: what, Line: line, Expires: until, Expired: expired,
			Expiring: !expired && until.Standing(now.Add(expiringSoon)) == policy.Expired}
	}
	var all []Permission
	for _, a := range v.policy.Privileged.Approvals {
		names := strings.Join(slices.Concat(a.Groups, a.Usernames), ", ")
		one := permission("approval", a.Principals()+" "+names, a.Line, a.Expires)
		for _, key := range access.Keys() {
			if slices.ContainsFunc(access.Principals[key], func(id awsauth.Identity) bool { return privilege.Holds(id, a) }) {
				one.Used = append(one.Used, access.Principals[key][0].Canonical)
			}
		}
		for _, name := range a.Usernames {
			if _, ok := privilege.AccountOf(access, name); ok && a.Matches(name) {
				one.Used = append(one.Used, name)
			}
		}
		all = append(all, one)
	}
	for _, w := range v.policy.Waivers {
		one := permission("waiver", fmt.Sprintf("%s %s", w.Rule, w.Subject), w.Line, w.Expires)
		for _, f := range found {
			if w.About(f.Rule, f.Name, f.WaivableBy()) {
				one.Used = append(one.Used, f.Field)
			}
		}
		all = append(all, one)
	}
	return all
}

// inForce is what the rules find in the aws-auth of a cluster, taken for one that is created, and whom it maps. IAM and the
// fleet are not asked.
func (v *Validator) inForce(cm *corev1.ConfigMap, now time.Time) ([]Finding, *awsauth.Access) {
	if cm == nil {
		return nil, &awsauth.Access{}
	}
	alone := &Validator{policy: v.policy, ports: Ports{Privileges: v.ports.Privileges}, now: func() time.Time { return now }}
	edit := alone.gather(context.Background(), Request{Operation: Create, New: cm})
	return append(runOn(edit.New, edit), rule.RunOnEdit(rules.All(), edit, nil)...), edit.New.Restored
}

// Way is a way to cluster-admin, with the rule about it.
type Way struct {
	privilege.Way
	Rule string
}

// Ways lists how an identity is, or can become, equivalent to cluster-admin, at this moment.
func (v *Validator) Ways(id awsauth.Identity) []Way {
	r := privilege.NewResolver(v.policy, v.ports.Privileges, v.now())
	var ways []Way
	for _, w := range slices.Concat(r.Ways(id.Canonical, id.Username, id.Groups), r.TemplateWays(id.Canonical, id.Username, id.Groups)) {
		ways = append(ways, Way{w, rules.AboutWay(w)})
	}
	return ways
}
