package fake

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
)

// identity is who calls.
type identity struct {
	arn
	text  string // the ARN
	token string // session token; "" for a long-lived key
	deny  []string
	ends  time.Time
}

func (i identity) may(action string) bool { return !slices.Contains(i.deny, action) }

// canonical is what a trust policy names: the role of a session.
func (i identity) canonical() string {
	if i.kind != "assumed-role" {
		return i.text
	}
	role, _ := i.session()
	return "arn:" + i.partition + ":iam::" + i.account + ":role/" + role
}

// principal is a role or a user.
type principal struct {
	arn
	text    string
	id      string
	created time.Time
	visible time.Time
	trusts  []string
	secret  string // the external id
	policy  string // the trust policy, if it is not what trusts say
	deny    []string
}

// state is what there is. Names are unique in an account without regard to letter case, as in IAM.
type state struct {
	identities map[string]identity             // by access key id
	principals map[string]map[string]principal // "partition account kind" -> lower-case name
	profiles   map[string]string               // instance profile -> role, both ARNs
	instances  map[string]Instance             // by id
	clusters   map[string]Cluster              // by name
	started    time.Time
}

// old is when everything was created that does not say when.
func (s *state) old() time.Time { return s.started.AddDate(-1, 0, 0) }

func group(partition, account, kind string) string { return partition + " " + account + " " + kind }

func newState(s Seed, now time.Time) (*state, error) {
	st := &state{identities: map[string]identity{}, principals: map[string]map[string]principal{},
		profiles: map[string]string{}, instances: map[string]Instance{}, clusters: map[string]Cluster{}, started: now}
	for _, p := range s.InstanceProfiles {
		st.profiles[p.ARN] = p.Role
	}
	st.addInstances(now, s.Instances...)
	for _, c := range s.Credentials {
		a, err := parseARN(c.ARN)
		if err != nil {
			return nil, err
		}
		st.identities[c.AccessKeyID] = identity{arn: a, text: c.ARN, deny: c.Deny}
	}
	for _, r := range s.Roles {
		a, err := parseARN(r.ARN)
		if err == nil && a.kind != "role" {
			err = fmt.Errorf("%q is not a role", r.ARN)
		}
		if err == nil {
			err = st.create(principal{arn: a, text: r.ARN, trusts: r.Trusts, secret: r.ExternalID, policy: r.TrustPolicy, deny: r.Deny, created: since(r.Created, st.old())})
		}
		if err != nil {
			return nil, err
		}
	}
	for _, u := range s.Users {
		a, err := parseARN(u.ARN)
		if err == nil && a.kind != "user" {
			err = fmt.Errorf("%q is not a user", u.ARN)
		}
		if err == nil {
			err = st.create(principal{arn: a, text: u.ARN, created: since(u.Created, st.old())})
		}
		if err != nil {
			return nil, err
		}
	}
	for _, c := range s.Clusters {
		st.addCluster(c) // after the principals, whose ids access entries keep
	}
	return st, nil
}

// since is t, or another moment if t is zero.
func since(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}

func (s *state) create(p principal) error {
	g := group(p.partition, p.account, p.kind)
	if s.principals[g] == nil {
		s.principals[g] = map[string]principal{}
	}
	name := strings.ToLower(p.name)
	if old, ok := s.principals[g][name]; ok {
		return fmt.Errorf("%s is there already", old.text)
	}
	p.id = map[string]string{"role": "AROA", "user": "AIDA"}[p.kind] + strings.ToUpper(rand.Text()[:17])
	s.principals[g][name] = p
	return nil
}

// find returns a principal that has become visible.
func (s *state) find(partition, account, kind, name string, now time.Time) (principal, bool) {
	p, ok := s.principals[group(partition, account, kind)][strings.ToLower(name)]
	return p, ok && !now.Before(p.visible)
}

// all returns the visible principals of a kind, by name.
func (s *state) all(partition, account, kind string, now time.Time) []principal {
	var all []principal
	for _, p := range s.principals[group(partition, account, kind)] {
		if !now.Before(p.visible) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b principal) int { return cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	return all
}

// assume makes credentials for a session of a role.
func (s *state) assume(role principal, session string, now time.Time) (accessKeyID string, i identity) {
	text := "arn:" + role.partition + ":sts::" + role.account + ":assumed-role/" + role.name + "/" + session
	a, _ := parseARN(text) // the caller has checked the session's name
	i = identity{arn: a, text: text, deny: role.deny, token: rand.Text(), ends: now.Add(time.Hour)}
	accessKeyID = "session" + rand.Text()[:16]
	s.identities[accessKeyID] = i
	return accessKeyID, i
}
