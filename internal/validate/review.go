package validate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// expiringSoon is how long before its end an approval or waiver is worth a word: time enough to ask for another.
const expiringSoon = 14 * 24 * time.Hour

// Permission is an approval or a waiver of the policy, as it stands towards one version of aws-auth.
type Permission struct {
	// Kind is approval or waiver.
	Kind string
	// What it permits: an ARN or pattern with names, or a rule with its subject.
	What string
	policy.Terms
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
	p := &pass{op: Create, policy: v.policy, now: now, oracle: newOracle(v.policy, v.ports.Privileges, now)}
	var findings []Finding
	access := &awsauth.Access{}
	if cm != nil {
		p.new = v.version(cm)
		p.partition = p.clusterPartition()
		findings, access = slices.Concat(p.run(p.new), p.edits()), p.new.restored
	}
	permission := func(kind, what string, t policy.Terms) Permission {
		return Permission{Kind: kind, What: what, Terms: t, Expired: t.Standing(now) == policy.Expired,
			Expiring: t.Standing(now) == policy.Valid && t.Standing(now.Add(expiringSoon)) == policy.Expired}
	}
	var all []Permission
	for _, a := range v.policy.Privileged.Approvals {
		one := permission("approval", a.ARN+" "+strings.Join(slices.Concat(a.Groups, a.Usernames), ", "), a.Terms)
		for _, key := range access.Keys() {
			if slices.ContainsFunc(access.Principals[key], func(id awsauth.Identity) bool { return has(id, a) }) {
				one.Used = append(one.Used, access.Principals[key][0].Canonical)
			}
		}
		for _, name := range a.Usernames {
			if _, ok := accountOf(access, name); ok && a.Matches(name) {
				one.Used = append(one.Used, name)
			}
		}
		all = append(all, one)
	}
	for _, w := range v.policy.Waivers {
		one := permission("waiver", fmt.Sprintf("%s %s", w.Rule, w.Subject), w.Terms)
		for _, f := range findings {
			if w.About(f.Rule, f.Name, f.subjects()) {
				one.Used = append(one.Used, f.Field)
			}
		}
		all = append(all, one)
	}
	return all
}

// has says that an identity has, or by a template can have, something that an approval names for it.
func has(id awsauth.Identity, a policy.Approval) bool {
	if !a.Matches(id.Canonical) {
		return false
	}
	arn, _ := awsauth.ParseARN(id.Canonical) // what EKS matches is one
	can := func(written, name string) bool {
		_, ok := awsauth.ParseTemplate(written, arn).CanBe(name)
		return ok
	}
	return slices.ContainsFunc(a.Usernames, func(name string) bool { return can(id.Username, name) }) ||
		slices.ContainsFunc(a.Groups, func(name string) bool {
			return slices.ContainsFunc(id.Groups, func(g string) bool { return can(g, name) })
		})
}
