package validate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// Operation is what is done to the object.
type Operation string

// The operations, as admission spells them.
const (
	Create Operation = "CREATE"
	Update Operation = "UPDATE"
	Delete Operation = "DELETE"
)

// Request is one edit. Old is nil on CREATE, New is nil on DELETE.
type Request struct {
	Operation Operation
	Old, New  *corev1.ConfigMap
	User      authenticationv1.UserInfo
	// DryRun says that the edit will not be stored. The verdict is the same; what has to be asked may have to wait longer.
	DryRun bool
}

// Validator judges requests by one policy. It is safe for concurrent use.
type Validator struct {
	policy *policy.Policy
	// severities are those that the policy gives, by rule id.
	severities map[string]Severity
	ports      Ports
	now        func() time.Time
	read       versions
}

// maxFindings bounds a report, and so what a hostile megabyte makes of the answer, the log and the metrics. The errors
// come first, so that the verdict does not depend on it.
const maxFindings = 1_000

// Option changes a Validator under construction.
type Option func(*Validator)

// WithPorts connects the world; the ports left nil are not asked.
func WithPorts(p Ports) Option { return func(v *Validator) { v.ports = p } }

// WithClock sets what time it is, for approvals and waivers.
func WithClock(now func() time.Time) Option { return func(v *Validator) { v.now = now } }

// New checks that the policy speaks of rules that exist.
func New(p *policy.Policy, options ...Option) (*Validator, error) {
	v := &Validator{policy: p, severities: map[string]Severity{}, now: time.Now}
	for _, o := range p.Rules {
		r, err := known(o.Rule)
		if err != nil {
			return nil, fmt.Errorf("policy line %d: rules: %w", o.Line, err)
		}
		if _, ok := v.severities[r.ID]; ok {
			return nil, fmt.Errorf("policy line %d: rules: %q is there twice, as %s and as %s", o.Line, o.Rule, r.ID, r.Name)
		}
		v.severities[r.ID] = Severity(o.Severity)
	}
	for _, w := range p.Waivers {
		if _, err := known(w.Rule); err != nil {
			return nil, fmt.Errorf("policy line %d: waivers: %w", w.Line, err)
		}
	}
	for _, o := range options {
		o(v)
	}
	return v, nil
}

// Validate judges one edit. It never fails: what cannot be found out is a finding.
func (v *Validator) Validate(ctx context.Context, req Request) Report {
	finalized := finalizes(req)
	switch {
	case finalized:
		req.Operation, req.New = Delete, nil
	case ends(req), unchanged(req):
		return Report{Allowed: true, Findings: []Finding{}}
	}
	now := v.now()
	p := &pass{ctx: ctx, op: req.Operation, user: req.User, dryRun: req.DryRun, policy: v.policy, ports: v.ports, now: now, finalized: finalized,
		settle: func(f *Finding) { v.settle(f, now) },
		oracle: newOracle(v.policy, v.ports.Privileges, now)}
	if v.ports.Fleet != nil {
		p.fleet = cmp.Or(v.ports.Fleet.View(), &FleetView{}) // no view yet is not the same as no fleet
	}
	if req.Old != nil {
		p.old = v.version(req.Old)
	}
	if req.New != nil {
		p.new = v.version(req.New)
	}
	p.partition = p.clusterPartition()
	report := Report{Findings: v.weigh(p), Lost: p.lost()}
	if len(report.Findings) > maxFindings {
		report.Omitted = len(report.Findings) - maxFindings
		report.Findings = slices.Clone(report.Findings[:maxFindings])
	}
	report.Allowed = !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Severity == Error })
	if !report.Allowed {
		if why, ok := v.Excuse(req.User); ok {
			report.Allowed, report.Excuse = true, why
		}
	}
	return report
}

// Excuse says why nothing is refused to somebody, if nothing is: exempt, break-glass or audit.
func (v *Validator) Excuse(user authenticationv1.UserInfo) (why string, ok bool) {
	if why, ok := v.policy.Exempt(user.Username, user.Groups); ok {
		return why, true
	}
	if v.policy.Mode == policy.Audit {
		return "audit", true
	}
	return "", false
}

// unchanged reports an update that leaves alone all that EKS reads and all that we judge: a label, a re-apply, EKS's
// storage migrator.
func unchanged(req Request) bool {
	if req.Operation != Update || req.Old == nil || req.New == nil {
		return false
	}
	sameOwner := func(a, b metav1.OwnerReference) bool { return ownerKey(a) == ownerKey(b) }
	frozen := func(c *corev1.ConfigMap) bool { return c.Immutable != nil && *c.Immutable }
	return !slices.ContainsFunc(awsauth.Keys, func(key string) bool { return awsauth.MayHideBytes(req.New.Data[key]) }) && maps.Equal(req.Old.Data, req.New.Data) && frozen(req.Old) == frozen(req.New) &&
		maps.EqualFunc(req.Old.BinaryData, req.New.BinaryData, slices.Equal) &&
		slices.EqualFunc(req.Old.OwnerReferences, req.New.OwnerReferences, sameOwner)
}

// pass is one request on its way through the rules.
type pass struct {
	ctx    context.Context
	op     Operation
	user   authenticationv1.UserInfo
	dryRun bool
	policy *policy.Policy
	ports  Ports
	now    time.Time
	// fleet is what is known of the live nodes, the same for all rules; nil if nothing is.
	fleet  *FleetView
	oracle oracle
	// settle makes a finding count as it will in the end.
	settle func(*Finding)
	// replies are those of the cluster's authorizer.
	replies map[string]reply

	old, new *state
	// partition is the cluster's own, or "" if nothing tells.
	partition string
	// at is the version that a state rule looks at: old or new.
	at       *state
	findings []Finding
	// claims are the node identities that the edit gives, with what IAM says of their roles.
	claims []*nodeClaim
	// deleted are the node roles that go and that IAM does not know any more, by the keys of a table.
	deleted map[string]bool
	// stated are the findings of the state rules on the new version, for the edit rules not to say again.
	stated []Finding
	// finalized says that the deletion is the update that removes the last finalizer.
	finalized bool
}

// table is the access that a loss is measured by. Old: what EKS really gives, for nothing can be lost that was not
// there. New: what the text means, so that one syntax error is not also told as the loss of everybody; but what EKS could not
// read before either makes up for no loss.
func (p *pass) table(s *state) *awsauth.Access {
	switch {
	case s == nil:
		return &awsauth.Access{}
	case s == p.old || p.old != nil && len(s.doc.Unreadable) > 0 && !p.readLess():
		return s.inForce
	}
	return s.restored
}

// readLess reports that EKS could read a value before the edit of which it reads nothing after it.
func (p *pass) readLess() bool {
	for key := range p.new.doc.Unreadable {
		if !p.old.doc.Unreadable[key] || p.new.doc.Unread[key] && !p.old.doc.Unread[key] {
			return true
		}
	}
	return false
}

// report adds a finding of a rule; name and, if it is empty, severity come from the catalogue.
func (p *pass) report(rule string, f Finding) {
	r := byID[rule]
	f.Rule, f.Name = r.ID, r.Name
	if f.Severity == "" {
		f.Severity = r.Severity
	}
	p.findings = append(p.findings, f)
}

// run lets every family look at one version of the object.
func (p *pass) run(s *state) []Finding {
	p.at, p.findings = s, nil
	s.special = nil
	for _, e := range s.doc.Entries() {
		n := len(p.findings)
		for _, f := range families {
			if f.entry != nil {
				f.entry(p, e)
			}
		}
		if len(p.findings) > n || e.Templated() || len(p.oracle.ways(e.ARN.Value, e.Username.Value, e.GroupNames())) > 0 {
			s.special = append(s.special, e)
		}
	}
	for _, f := range families {
		if f.state != nil {
			f.state(p)
		}
	}
	return p.findings
}

// edits lets every family compare the two versions.
func (p *pass) edits() []Finding {
	p.at, p.findings = p.new, nil
	for _, f := range families {
		if f.edit != nil {
			f.edit(p)
		}
	}
	return p.findings
}

// weigh runs the rules and settles how every finding counts.
func (v *Validator) weigh(p *pass) []Finding {
	var findings []Finding
	if p.new != nil {
		findings = slices.DeleteFunc(p.run(p.new), func(f Finding) bool { return f.lenient.ToCome })
		if p.old != nil {
			old := p.run(p.old)
			if len(findings) > 0 {
				markPreexisting(findings, old, continuity(p.old.doc, p.new.doc))
			}
			p.markStanding(findings)
			p.blameAwoken(findings)
			p.blameUnread(findings)
			p.markReadBefore(findings)
		}
		findings = settleReadings(findings)
	}
	p.stated = findings
	findings = append(findings, p.edits()...)
	settled := make([]Finding, 0, len(findings))
	for _, f := range findings {
		if p.settle(&f); f.Severity != Off {
			settled = append(settled, f)
		}
	}
	all := slices.Clone(settled)
	settled = slices.DeleteFunc(settled, func(f Finding) bool {
		return f.unless != "" && slices.ContainsFunc(all, func(g Finding) bool {
			return g.Rule == f.unless && g.Severity == Error && g.entry == f.entry && g.Field == f.Field
		})
	})
	slices.SortStableFunc(settled, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(slices.Index(awsauth.Keys, a.DataKey), slices.Index(awsauth.Keys, b.DataKey)),
			cmp.Compare(a.unplaced(), b.unplaced()), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.key(), b.key()))
	})
	return settled
}

// unplaced is 1 for what stands at no line of the value, such as that a role is gone: the lines that are wrong, and may
// be why, come first.
func (f Finding) unplaced() int {
	if f.Line == 0 {
		return 1
	}
	return 0
}

// rank puts errors before warnings, and what the edit brought before what was there.
func rank(f Finding) int {
	switch {
	case f.Severity == Error:
		return 0
	case !f.Preexisting:
		return 1
	}
	return 2
}

// settle gives a finding the severity of the policy, and makes an error a warning if it was there before, or is waived.
func (v *Validator) settle(f *Finding, now time.Time) {
	if s, ok := v.severities[f.Rule]; ok {
		f.Severity = s
	}
	if f.Severity != Error {
		return
	}
	if f.Preexisting && !v.policy.DenyPreexisting {
		f.Severity = Warning
		return
	}
	w, standing := v.policy.Waived(f.Rule, f.Name, f.subjects(), now)
	switch standing {
	case policy.Valid:
		f.Severity = Warning
		f.Message += fmt.Sprintf(" (waived in the policy, line %d: %s)", w.Line, w.Reason)
	case policy.Expired:
		f.Message += fmt.Sprintf(" (the waiver in the policy, line %d, expired on %s)", w.Line, w.Expires.Format(time.DateOnly))
	}
}

// markPreexisting marks what the old version had as well. The same thing twice where it was once is new the second
// time: worse than before is new.
func markPreexisting(findings, old []Finding, continues map[string]string) {
	had := map[string]int{}
	for _, f := range old {
		had[f.key()]++
	}
	for i := range findings {
		f := &findings[i]
		if f.inNew {
			continue
		}
		keys := []string{f.key()}
		if before, ok := continues[f.entry]; ok && f.entry != "" && byID[f.Rule].ofText {
			renamed := *f // a difference that grants something names its principal, and so stays new
			renamed.entry = before
			keys = append(keys, renamed.key())
		}
		for _, k := range keys {
			if had[k] > 0 {
				had[k]--
				f.Preexisting = true
				break
			}
		}
	}
}

// continuity pairs the entries of which only the ARN has changed: while an ARN is being repaired, what else was wrong
// with its entry is not new. An entry goes on as another if the rest of it is the same, or if it stands in its place.
func continuity(old, updated *awsauth.Document) map[string]string {
	subjects := func(d *awsauth.Document) map[string]int {
		m := map[string]int{}
		for _, e := range d.Entries() {
			m[e.Name()]++
		}
		return m
	}
	before, after := subjects(old), subjects(updated)
	rest := func(e *awsauth.Entry) string {
		return strings.Join(slices.Concat([]string{e.DataKey, e.Username.Value}, e.GroupNames()), "\x00")
	}
	gone := map[string]string{}
	for _, e := range old.Entries() {
		if s := e.Name(); after[s] < before[s] { // of two for one principal, one
			gone[rest(e)] = s
			gone[e.Path("")] = s
		}
	}
	pairs := map[string]string{}
	for _, e := range updated.Entries() {
		s := e.Name()
		if before[s] > 0 {
			continue
		}
		for _, k := range []string{rest(e), e.Path("")} {
			if o, ok := gone[k]; ok {
				pairs[s] = o
				break
			}
		}
	}
	return pairs
}
