package validate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// iamSays answers for every role alike, and remembers what it was asked.
type iamSays struct {
	answer principal.Principal
	asked  *[]string
}

func (i iamSays) Lookup(_ context.Context, _ principal.Asker, arns []awsauth.ARN) []principal.Principal {
	answers := make([]principal.Principal, len(arns))
	for n, a := range arns {
		*i.asked = append(*i.asked, a.Name)
		answers[n] = i.answer
		if i.answer.Existence == principal.Exists {
			answers[n].ARN = a.String()
		}
	}
	return answers
}

func (iamSays) Self() (principal.Self, bool) { return principal.Self{}, false }

// mapped is an entry for the role x.
func mapped(username string, groups ...string) string {
	return "- rolearn: arn:aws:iam::111122223333:role/x\n  username: '" + username + "'\n  groups: [" + strings.Join(groups, ", ") + "]\n"
}

const (
	onEC2     = "system:node:{{EC2PrivateDNSName}}"
	bySession = "system:node:{{SessionName}}"
	byRaw     = "system:node:{{SessionNameRaw}}"
)

var (
	asEC2     = mapped(onEC2, "system:bootstrappers", "system:nodes")
	asSession = mapped(bySession, "system:bootstrappers", "system:nodes")
	asFargate = mapped(bySession, "system:bootstrappers", "system:nodes", "system:node-proxier")
	asPerson  = mapped("x", "viewers")
)

// nodeEdits are edits of the entry for the role x, and what it becomes that it was not: a node on EC2, one by its session's name,
// or nothing.
var nodeEdits = map[string]struct {
	old, new, becomes string
	// fresh says that the ARN is new, so that IAM is asked whether there is such a role.
	fresh bool
}{
	"a new mapping for EC2":                {"", asEC2, onEC2, true},
	"a new mapping for hybrid nodes":       {"", asSession, bySession, true},
	"a new mapping for Fargate":            {"", asFargate, bySession, true},
	"a person's mapping becomes EC2's":     {asPerson, asEC2, onEC2, false},
	"a person's becomes a session's":       {asPerson, asSession, bySession, false},
	"EC2's becomes a session's":            {asEC2, asSession, bySession, false},
	"a session's becomes EC2's":            {asSession, asEC2, "", false},
	"a session's becomes a raw session's":  {asSession, mapped(byRaw, "system:bootstrappers", "system:nodes"), "", false},
	"a raw session's becomes a session's":  {mapped(byRaw, "system:bootstrappers", "system:nodes"), asSession, "", false},
	"a new mapping by the raw session":     {"", mapped(byRaw, "system:bootstrappers", "system:nodes"), bySession, true},
	"bootstrappers alone become nodes":     {mapped(onEC2, "system:bootstrappers"), asEC2, onEC2, false},
	"nodes get bootstrappers":              {mapped(onEC2, "system:nodes"), asEC2, "", false},
	"nodes get another group":              {asEC2, mapped(onEC2, "system:bootstrappers", "system:nodes", "eks:kube-proxy-windows"), "", false},
	"the groups change places":             {asEC2, mapped(onEC2, "system:nodes", "system:bootstrappers"), "", false},
	"a node's name without its group":      {mapped(onEC2, "viewers"), asEC2, onEC2, false},
	"a node's groups without its name":     {mapped("x", "system:bootstrappers", "system:nodes"), asEC2, onEC2, false},
	"the mapping stays":                    {asEC2, asEC2, "", false},
	"the mapping goes":                     {asEC2, "", "", false},
	"a node becomes a person":              {asEC2, asPerson, "", false},
	"the ARN had a path":                   {strings.Replace(asEC2, "role/x", "role/eks/x", 1), asEC2, onEC2, true},
	"the ARN had a typo":                   {strings.Replace(asEC2, "role/x", "role/y", 1), asEC2, onEC2, true},
	"the letter case of the ARN":           {strings.Replace(asEC2, "role/x", "role/X", 1), asEC2, "", false},
	"the text could not be read":           {strings.Replace(asEC2, "  groups:", "\tgroups:", 1), asEC2, "", false},
	"another entry for it won":             {asEC2 + asPerson, asEC2, onEC2, false},
	"the first of two alike goes":          {asEC2 + asEC2, asEC2, "", false},
	"it stands in mapRoles under its name": {mapped("{{SessionName}}", "viewers"), mapped(bySession, "system:nodes", "system:bootstrappers"), bySession, false},
}

// trusts are what IAM may say of the role x, fleets what may be known of the nodes, nodePolicies what the policy may say.
var trusts = map[string]struct {
	answer principal.Principal
	fits   []string // the usernames of the nodes that alone may assume the role
	denies bool     // somebody else may, or no node
	weak   bool     // no node may: then nodes that run with it count for more
	doubt  bool     // could not check
}{
	"off":                {},
	"EC2":                {answer: trusting(principal.Trust{Instances: true}), fits: []string{onEC2}},
	"Fargate, hybrid":    {answer: trusting(principal.Trust{Sessions: true}), fits: []string{bySession}},
	"nodes of all kinds": {answer: trusting(principal.Trust{Instances: true, Sessions: true}), fits: []string{onEC2, bySession}},
	"the account":        {answer: trusting(principal.Trust{Other: "arn:aws:iam::111122223333:root"}), denies: true},
	"nodes and account":  {answer: trusting(principal.Trust{Instances: true, Sessions: true, Other: "111122223333"}), denies: true},
	"nodes and Lambda":   {answer: trusting(principal.Trust{Instances: true, Sessions: true, Service: "lambda.amazonaws.com"})},
	"Lambda":             {answer: trusting(principal.Trust{Service: "lambda.amazonaws.com"}), denies: true, weak: true},
	"nobody":             {answer: trusting(principal.Trust{}), denies: true, weak: true},
	"unreadable":         {answer: principal.Principal{Existence: principal.Exists, Trust: principal.Trust{Known: principal.TrustUnreadable}}, doubt: true},
	"unverified":         {answer: principal.Principal{Existence: principal.Unverified, Reason: principal.ReasonThrottled, Detail: "AWS answered iam:GetRole with Throttling"}, doubt: true},
	"taken on trust":     {answer: principal.Principal{Existence: principal.Trusted}},
}

func trusting(t principal.Trust) principal.Principal {
	t.Known = principal.TrustKnown
	return principal.Principal{Existence: principal.Exists, Trust: t}
}

var fleets = map[string]struct {
	view *nodes.View
	uses []string
	// unjoined says that nobody has seen them as nodes yet: then they do not outweigh that IAM should have said something.
	unjoined bool
}{
	"off":                 {},
	"not known":           {view: &nodes.View{}},
	"no node of the role": {view: view()},
	"EC2 nodes":           {view: view(with("x", someNodes)), uses: []string{onEC2}},
	"nodes starting":      {view: view(with("x", startingSet)), uses: []string{onEC2}, unjoined: true},
	"unproven nodes":      {view: view(with("x", nodes.Set{Kind: nodes.EC2, Names: []string{"a", "b"}, Unproven: 2}))},
	"an unproven node":    {view: view(with("x", nodes.Set{Kind: nodes.EC2, Names: []string{"a", "b"}, Unproven: 1})), uses: []string{onEC2}},
	"unproven, starting":  {view: view(with("x", nodes.Set{Kind: nodes.EC2, Names: []string{"a", "i-1"}, Unproven: 1, Joining: 1})), uses: []string{onEC2}, unjoined: true},
	"starting, by its id": {view: view(with("x", nodes.Set{Kind: nodes.EC2, ByInstanceID: true, Names: []string{"i-1"}, Joining: 1}))},
	"doubtful nodes":      {view: view(doubtful("x", someNodes))},
	"named by instance":   {view: view(with("x", byIDSet)), uses: []string{bySession}},
	"Fargate nodes":       {view: view(with("x", maybeFargate)), uses: []string{bySession}},
	"an entry for EC2":    {view: view(accessEntry("x", "EC2_LINUX")), uses: []string{onEC2}},
	"an entry for hybrid": {view: view(accessEntry("x", "HYBRID_LINUX")), uses: []string{bySession}},
	"a node group":        {view: view(assigned("x", nodes.EC2)), uses: []string{onEC2}},
	"a Fargate profile":   {view: view(assigned("x", nodes.Fargate)), uses: []string{bySession}},
	"another node group":  {view: view(assigned("z", nodes.EC2))},
	"an entry for people": {view: view(accessEntry("x", "STANDARD"))},
}

// assigned gives a role to the nodes of a node group or Fargate profile.
func assigned(role string, kind nodes.Kind) func(*nodes.View) {
	return func(v *nodes.View) { v.Assigned = map[string][]nodes.Kind{roleKey(role): {kind}} }
}

var nodePolicies = map[string]struct {
	text                  string
	listed, deny, lenient bool
}{
	"the default":       {},
	"unknown is denied": {text: "nodes: {onUnknown: deny}", deny: true},
	"the role listed":   {text: "nodes: {roles: ['arn:aws:iam::111122223333:role/x']}", listed: true, deny: true},
	"a pattern":         {text: "nodes: {roles: ['arn:aws:iam::111122223333:role/x*'], onUnknown: warn}", listed: true},
	"others listed":     {text: "nodes: {roles: ['arn:aws:iam::111122223333:role/y*', 'arn:aws:iam::444455556666:role/x']}", deny: true},
	"a doubt warns":     {text: "iam: {onUnverified: warn}", lenient: true},
}

// TestNodeRoleEvidence runs every edit with everything that may be known, and holds the findings against the order of the sources: the
// policy, IAM's no, the nodes, IAM's yes.
func TestNodeRoleEvidence(t *testing.T) {
	verdicts := map[string]int{}
	combinations := 0
	for edit, e := range nodeEdits {
		for pname, p := range nodePolicies {
			for tname, iam := range trusts {
				for fname, f := range fleets {
					if combinations++; testing.Short() && combinations%29 != 0 { // the race detector needs no more
						continue
					}
					var asked []string
					var ports validate.Ports
					if tname != "off" {
						ports.Principals = iamSays{iam.answer, &asked}
					}
					if f.view != nil {
						ports.Fleet = fleetPort{f.view}
					}
					rep := update(nodeRole+e.old, nodeRole+e.new, "", "", "").with(p.text).by(authenticationv1.UserInfo{Username: "mallory"}).run(t, validate.WithPorts(ports))
					got := clean
					for _, finding := range rep.Findings {
						if finding.Rule == "AA408" {
							got = map[validate.Severity]string{validate.Error: deny, validate.Warning: warn}[finding.Severity]
						}
					}
					want := clean
					switch {
					case e.becomes == "" || p.listed:
					case iam.denies && !iam.weak:
						want = deny
					case slices.Contains(f.uses, e.becomes) && !(f.unjoined && iam.doubt), slices.Contains(iam.fits, e.becomes):
					case iam.denies:
						want = deny
					case iam.doubt && p.lenient:
						want = warn
					case iam.doubt:
						want = deny
					case p.deny:
						want = deny
					default:
						want = warn
					}
					says := func(rule string) bool {
						return slices.ContainsFunc(rep.Findings, func(f validate.Finding) bool { return f.Rule == rule && f.Severity == validate.Error })
					}
					// Whatever else is denied is said by its own rule.
					if e.fresh && tname == "unverified" && want == deny && says("AA302") {
						want = clean
					}
					ofEntry := func(f validate.Finding) bool { return f.Severity == validate.Error && strings.Contains(f.Field, "[") }
					if want == warn && !iam.doubt && slices.ContainsFunc(rep.Findings, ofEntry) {
						want = clean
					}
					verdicts[want]++
					if got != want {
						t.Errorf("%s; policy: %s; IAM: %s; nodes: %s: AA408 is %s, want %s%s", edit, pname, tname, fname, got, want, findingsOf(rep))
					}
					if want == deny && rep.Allowed {
						t.Errorf("%s; policy: %s; IAM: %s; nodes: %s: it is allowed", edit, pname, tname, fname)
					}
					asks := 0
					if tname != "off" && (e.fresh || e.becomes != "" && !p.listed) {
						asks = 1
					}
					if n := len(asked); n != asks {
						t.Errorf("%s; policy: %s; IAM: %s; nodes: %s: IAM is asked about %v, want %d questions", edit, pname, tname, fname, asked, asks)
					}
					if t.Failed() { // of tens of thousands, the first will do
						t.FailNow()
					}
				}
			}
		}
	}
	if len(verdicts) < 3 {
		t.Errorf("not every verdict came up: %v", verdicts)
	}
}

// Created, nothing was there before.
func TestNodeRolesCreated(t *testing.T) {
	var asked []string
	for name, test := range map[string]struct {
		ports  validate.Ports
		user   string
		policy string
		want   string
	}{
		"by somebody, and nobody to ask":     {user: "mallory", want: warn},
		"a file by itself":                   {want: clean},
		"a file, and the policy lists roles": {policy: "nodes: {roles: ['arn:aws:iam::111122223333:role/nodes']}", want: deny},
		"a file, and the policy lists it":    {policy: "nodes: {roles: ['arn:aws:iam::111122223333:role/*n*', 'arn:aws:iam::111122223333:role/x']}", want: clean},
		"people may assume it":               {user: "mallory", ports: validate.Ports{Principals: iamSays{trusting(principal.Trust{Other: "*"}), &asked}}, want: deny},
		"nodes alone may assume it":          {user: "mallory", ports: validate.Ports{Principals: iamSays{trusting(principal.Trust{Instances: true}), &asked}}, want: clean},
		"EKS itself":                         {user: "eks:node-manager", ports: validate.Ports{Principals: iamSays{trusting(principal.Trust{Other: "*"}), &asked}}, want: warn},
	} {
		t.Run(name, func(t *testing.T) {
			transition{op: validate.Create, new: map[string]string{"mapRoles": nodeRole + asEC2}, policy: test.policy, want: test.want,
				user: authenticationv1.UserInfo{Username: test.user}}.check(t, validate.WithPorts(test.ports))
		})
	}
}

// A node identity in the hands of people may not grow, however long it has been there.
func TestNodeMisuseGrows(t *testing.T) {
	sso := func(s string) string {
		return strings.ReplaceAll(s, "role/x", "role/AWSReservedSSO_Dev_0123456789abcdef")
	}
	user := func(s string) map[string]string {
		return map[string]string{"mapRoles": nodeRole, "mapUsers": strings.NewReplacer("rolearn", "userarn", "role/x", "user/x").Replace(s)}
	}
	steps := []string{asPerson, mapped("x", "system:bootstrappers"), mapped("x", "system:bootstrappers", "system:nodes"), asEC2, asSession}
	for i, from := range steps {
		for j, to := range steps {
			want := warn
			if j > i {
				want = deny
			}
			name := fmt.Sprintf("from %d to %d", i, j)
			if j == 0 && i > 0 {
				want = clean
			}
			if i == j {
				want = clean // nothing changed
			}
			known := validate.WithPorts(validate.Ports{Fleet: fleetPort{view()}}) // no node is lost
			t.Run("SSO role "+name, func(t *testing.T) { update(nodeRole+sso(from), nodeRole+sso(to), want, "", "").check(t, known) })
			if max(i, j) < 3 { // a user's templates have findings of their own
				t.Run("user "+name, func(t *testing.T) { transition{old: user(from), new: user(to), want: want}.check(t, known) })
			}
		}
	}
}

// One edit asks IAM once about a role, however many findings it may make, and says it once.
func TestNodeRoleAskedOnce(t *testing.T) {
	var asked []string
	ports := validate.Ports{Principals: iamSays{trusting(principal.Trust{Other: "*"}), &asked}}
	rep := update(nodeRole, nodeRole+asSession+item(), "", "", "").run(t, validate.WithPorts(ports))
	slices.Sort(asked)
	if !slices.Equal(asked, []string{"ci", "x"}) {
		t.Errorf("asked about %v", asked)
	}
	if len(rep.Findings) != 1 || rep.Findings[0].Rule != "AA408" {
		t.Errorf("want one finding, got %s", findingsOf(rep))
	}
	asked = nil
	if rep := update(nodeRole+asSession, nodeRole+asSession+item(), clean, "", "").run(t, validate.WithPorts(ports)); len(rep.Findings) > 0 || !slices.Equal(asked, []string{"ci"}) {
		t.Errorf("asked about %v, found %s", asked, findingsOf(rep))
	}
}

// A finding that the policy makes harmless is none that spares the other.
func TestNodeRoleBehindOtherRules(t *testing.T) {
	var asked []string
	missing := validate.Ports{Principals: iamSays{principal.Principal{Existence: principal.Missing}, &asked}}
	people := validate.Ports{Principals: iamSays{trusting(principal.Trust{Other: "*"}), &asked}}
	literal := mapped("system:node:ip-10-0-0-1", "system:bootstrappers", "system:nodes")
	for name, test := range map[string]struct {
		new, policy string
		ports       validate.Ports
		want        string
	}{
		"AA301 denies":                 {asSession, "", missing, "AA301"},
		"AA301 off":                    {asSession, "rules: {AA301: off}\nnodes: {onUnknown: deny}", missing, "AA408"},
		"AA301 waived":                 {asSession, "nodes: {onUnknown: deny}\nwaivers: [{rule: AA301, subject: 'arn:aws:iam::111122223333:role/x', reason: later}]", missing, "AA301 AA408"},
		"AA404 denies":                 {literal, "", people, "AA404"},
		"AA404 is a warning":           {literal, "rules: {reserved-username: warning}", people, "AA404 AA408"},
		"AA405 denies":                 {mapped("x", "system:nodes"), "", people, "AA405"},
		"AA405 off":                    {mapped("x", "system:nodes"), "rules: {AA405: off}", people, "AA408"},
		"AA408 waived":                 {asSession, "waivers: [{rule: AA408, subject: 'arn:aws:iam::111122223333:role/x', reason: a trial}]", people, "AA408"},
		"a group that is not readable": {mapped(bySession, "system:bootstrappers", "'system:{{AccountID}}nodes'"), "", people, "AA408 AA505"},
	} {
		t.Run(name, func(t *testing.T) {
			rep := update(nodeRole, nodeRole+test.new, "", "", "").with(test.policy).run(t, validate.WithPorts(test.ports))
			var rules []string
			for _, f := range rep.Findings {
				rules = append(rules, f.Rule)
			}
			slices.Sort(rules)
			if got := strings.Join(rules, " "); got != test.want {
				t.Errorf("found %s, want %s%s", got, test.want, findingsOf(rep))
			}
			if rep.Allowed != (name == "AA408 waived") {
				t.Errorf("allowed is %v", rep.Allowed)
			}
		})
	}
}
