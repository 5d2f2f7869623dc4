package iam

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

const (
	// maxTrustPolicy bounds what is read of a trust policy: IAM lets one have a few thousand characters, blanks not counted (IAM
	// quotas), and each takes up to three when it is URL-encoded.
	maxTrustPolicy = 64 << 10
	// maxDepth bounds how deep a trust policy is nested: conditions, the deepest part, need six.
	maxDepth = 16
)

// nodeServices are the AWS services that give nodes, and nobody else, the credentials of their role. EC2 names the session for the instance; the
// others give it another name (Amazon EKS user guide, "Amazon EKS node IAM role", "Amazon EKS Pod execution IAM role", "Prepare
// credentials for hybrid nodes").
var nodeServices = map[string]func(*principal.Trust){
	"ec2":              func(t *principal.Trust) { t.Instances = true },
	"eks-fargate-pods": func(t *principal.Trust) { t.Sessions = true },
	"ssm":              func(t *principal.Trust) { t.Sessions = true },
	"rolesanywhere":    func(t *principal.Trust) { t.Sessions = true },
	// EKS itself gives a role's credentials to nobody. eksctl and many examples name it in the trust policies of pod execution roles and
	// of node roles, beside the service that does.
	"eks": func(*principal.Trust) {},
}

// serviceName takes the name of a service principal apart: the service, a region, and the partition's DNS suffix (botocore,
// partitions.json).
var serviceName = regexp.MustCompile(`^([a-z0-9-]+)(?:\.[a-z]{2,4}(?:-[a-z]+)+-[0-9]+)?\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$`)

const assumeRole = "sts:assumerole"

// assuming are the actions by which a principal gets a role's credentials, or that go with them (STS API reference).
var assuming = []string{assumeRole, "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:tagsession", "sts:setsourceidentity"}

// trustOf says who may assume a role by its trust policy, as GetRole and ListRoles return it: JSON, URL-encoded by RFC 3986. It
// takes more principals for able to assume the role than may be: no condition and no statement that denies makes a principal
// harmless.
func trustOf(encoded *string) principal.Trust {
	unreadable := principal.Trust{Known: principal.TrustUnreadable}
	if encoded == nil || len(*encoded) > maxTrustPolicy {
		return unreadable
	}
	text, err := url.PathUnescape(*encoded)
	if err != nil {
		return unreadable
	}
	statements, err := readTrustPolicy(text)
	if err != nil {
		return unreadable
	}
	t := principal.Trust{Known: principal.TrustKnown}
	for _, s := range statements {
		s.addTo(&t)
	}
	return t
}

// trustStatement is one statement of a trust policy.
type trustStatement struct {
	allow bool
	// actions are patterns in lower case; not says that the statement is about all others.
	actions []string
	not     bool
	// services and others are the principals that it names.
	services, others []string
}

func (s trustStatement) addTo(t *principal.Trust) {
	if !s.allow {
		return
	}
	if len(s.others) > 0 && t.Other == "" && (slices.ContainsFunc(assuming, s.covers) || s.unknown()) {
		t.Other = aws.OneLine(s.others[0])
	}
	for _, name := range s.services {
		m := serviceName.FindStringSubmatch(name)
		switch {
		case m != nil && nodeServices[m[1]] != nil:
			if s.covers(assumeRole) {
				nodeServices[m[1]](t)
			}
		case t.Service == "" && (slices.ContainsFunc(assuming, s.covers) || s.unknown()):
			t.Service = aws.OneLine(name)
		}
	}
}

// covers reports that the statement is about an action.
func (s trustStatement) covers(action string) bool {
	return slices.ContainsFunc(s.actions, func(pattern string) bool { return glob(pattern, action) }) != s.not
}

// unknown reports an action that looks like those that assume roles: STS may have more by now.
func (s trustStatement) unknown() bool {
	return !s.not && slices.ContainsFunc(s.actions, func(pattern string) bool { return strings.HasPrefix(pattern, "sts:assume") })
}

// glob matches a pattern of IAM: * matches any characters, ? one.
func glob(pattern, s string) bool {
	star, from := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, from = i, j
			i++
		case i < len(pattern) && (pattern[i] == '?' || pattern[i] == s[j]):
			i++
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[i:], "*") == ""
}

var errTrustPolicy = errors.New("not a trust policy")

// readTrustPolicy decodes a policy document strictly (IAM user guide, "Grammar of the IAM JSON policy language"): what it does not
// know is an error, and so is a key that is there twice, which parsers take differently.
func readTrustPolicy(text string) ([]trustStatement, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrustPolicy
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, errTrustPolicy
	}
	var list []any
	switch s := doc["statement"].(type) {
	case []any:
		list = s
	case map[string]any:
		list = []any{s}
	default:
		return nil, errTrustPolicy
	}
	statements := make([]trustStatement, 0, len(list))
	for _, one := range list {
		fields, ok := one.(map[string]any)
		if !ok {
			return nil, errTrustPolicy
		}
		s, err := readStatement(fields)
		if err != nil {
			return nil, err
		}
		statements = append(statements, s)
	}
	return statements, nil
}

func readStatement(fields map[string]any) (s trustStatement, err error) {
	for name := range fields {
		switch name {
		case "sid", "effect", "principal", "notprincipal", "action", "notaction", "condition":
		default:
			return s, errTrustPolicy
		}
	}
	switch fields["effect"] {
	case "Allow":
		s.allow = true
	case "Deny":
	default:
		return s, errTrustPolicy
	}
	action, hasAction := fields["action"]
	notAction, hasNot := fields["notaction"]
	principal, hasPrincipal := fields["principal"]
	_, hasNotPrincipal := fields["notprincipal"]
	if hasAction == hasNot || hasPrincipal == hasNotPrincipal {
		return s, errTrustPolicy
	}
	if s.not = hasNot; hasNot {
		action = notAction
	}
	names, ok := words(action)
	if !ok {
		return s, errTrustPolicy
	}
	for _, n := range names {
		s.actions = append(s.actions, strings.ToLower(n))
	}
	if hasNotPrincipal {
		s.others = []string{"everybody but NotPrincipal"}
		return s, nil
	}
	switch p := principal.(type) {
	case string:
		if p != "*" {
			return s, errTrustPolicy
		}
		s.others = []string{p}
	case map[string]any:
		err = s.readPrincipals(p)
	default:
		err = errTrustPolicy
	}
	return s, err
}

func (s *trustStatement) readPrincipals(byKind map[string]any) error {
	for _, kind := range []string{"aws", "federated", "canonicaluser", "service"} { // in this order, so that the message is the same every time
		v, ok := byKind[kind]
		if !ok {
			continue
		}
		names, ok := words(v)
		if !ok {
			return errTrustPolicy
		}
		for _, n := range names {
			if kind == "service" && !strings.ContainsAny(n, "*?") {
				s.services = append(s.services, n)
			} else {
				s.others = append(s.others, n)
			}
		}
		delete(byKind, kind)
	}
	if len(byKind) > 0 || len(s.services)+len(s.others) == 0 {
		return errTrustPolicy
	}
	return nil
}

// words are a string or a list of strings, none of them empty.
func words(v any) (list []string, ok bool) {
	switch v := v.(type) {
	case string:
		list = []string{v}
	case []any:
		for _, one := range v {
			s, isString := one.(string)
			if !isString {
				return nil, false
			}
			list = append(list, s)
		}
	}
	return list, len(list) > 0 && !slices.Contains(list, "")
}

// readJSON reads one value. The keys of objects are in lower case: IAM ignores letter case in them.
func readJSON(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == maxDepth {
		return nil, errTrustPolicy
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := readJSON(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	object := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := strings.ToLower(key.(string)) // an object's key is nothing else
		if _, twice := object[name]; twice {
			return nil, errTrustPolicy
		}
		if object[name], err = readJSON(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err = d.Token()
	return object, err
}
