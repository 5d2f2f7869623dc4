package validate_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// caseHead is the section setting of a case: who edits, and what the world answers.
type caseHead struct {
	Operation validate.Operation `yaml:"operation"`
	User      struct {
		Username string              `yaml:"username"`
		Groups   []string            `yaml:"groups"`
		Extra    map[string][]string `yaml:"extra"`
	} `yaml:"user"`
	// IAM is what IAM answers, by ARN; every other principal exists as written. Without it IAM is not asked.
	IAM map[string]answer `yaml:"iam"`
	// Fleet is what is known of the live nodes. Without it nobody looks at them.
	Fleet *fleetHead `yaml:"fleet"`
	// RBACError is why RBAC cannot be read.
	RBACError string `yaml:"rbacError"`
	// RBACUnreadable says of kinds of RBAC objects why they cannot be read; the case then has no objects of them.
	RBACUnreadable map[string]string `yaml:"rbacUnreadable"`
	// Grants is what the cluster's authorizer lets the user grant, such as privilegedgroups/system:masters. Without it no
	// cluster is connected.
	Grants []string `yaml:"grants"`
	// GrantsError is why the authorizer cannot be asked.
	GrantsError string `yaml:"grantsError"`
}

// MayGrant makes the grants of a case a port.
func (h caseHead) MayGrant(_ context.Context, _ authenticationv1.UserInfo, resource, name string) (bool, string, error) {
	if h.GrantsError != "" {
		return false, "", errors.New(h.GrantsError)
	}
	return slices.Contains(h.Grants, resource+"/"+name), "", nil
}

// privileges makes RBAC objects a port, or an error.
type privileges struct {
	known *privilege.Equivalents
	err   error
}

func (p privileges) Equivalents() (*privilege.Equivalents, error) { return p.known, p.err }

// fromRBAC resolves RBAC objects for a guard that runs in the namespace guard.
func fromRBAC(t testing.TB, text string, unreadable map[string]string) privilege.Source {
	t.Helper()
	o, err := rbac.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for kind, why := range unreadable {
		if !slices.Contains(rbac.Resources[:], kind) {
			t.Fatalf("rbacUnreadable: %q, want one of %q", kind, rbac.Resources)
		}
		if o.Unreadable == nil {
			o.Unreadable = map[string]error{}
		}
		o.Unreadable[kind] = errors.New(why)
	}
	return privileges{known: rbac.Resolve(o, rbac.Guard{Namespace: "guard", PolicyName: "guard-policy", ConfigurationName: "aws-auth-guard", SecretName: "guard-tls",
		Groups: []string{"break-glass"}})}
}

type answer struct {
	Existence   string           `yaml:"existence"`
	ARN         string           `yaml:"arn"`
	Reason      principal.Reason `yaml:"reason"`
	Detail      string           `yaml:"detail"`
	Suggestions []string         `yaml:"suggestions"`
	// Trust is who may assume the role: nodes if it is not given.
	Trust *principal.Trust `yaml:"trust"`
}

var existences = map[string]principal.Existence{"exists": principal.Exists, "missing": principal.Missing,
	"unverified": principal.Unverified, "foreign": principal.Foreign, "trusted": principal.Trusted}

// trustedToNodes is the trust policy of a role that every kind of node can have, and nobody else.
var trustedToNodes = principal.Trust{Known: principal.TrustKnown, Instances: true, Sessions: true}

// Lookup makes the answers of a case a port.
func (h caseHead) Lookup(_ context.Context, _ principal.Asker, arns []awsauth.ARN) []principal.Principal {
	out := make([]principal.Principal, len(arns))
	for i, a := range arns {
		out[i] = principal.Principal{Existence: principal.Exists, ARN: a.String(), Trust: trustedToNodes}
		if w, ok := h.IAM[a.String()]; ok {
			out[i] = principal.Principal{Existence: existences[w.Existence], ARN: w.ARN, Reason: w.Reason, Detail: w.Detail, Suggestions: w.Suggestions, Trust: trustedToNodes}
			if w.Trust != nil {
				out[i].Trust = *w.Trust
			}
		}
	}
	return out
}

func (caseHead) Self() (principal.Self, bool) { return principal.Self{Account: "111122223333"}, true }

func (c goldenCase) ports(t *testing.T) (ports validate.Ports) {
	t.Helper()
	if c.head.IAM != nil {
		ports.Principals = c.head
	}
	if c.head.Fleet != nil {
		ports.Fleet = fleetPort{c.head.Fleet.view()}
	}
	switch {
	case c.head.RBACError != "":
		ports.Privileges = privileges{err: errors.New(c.head.RBACError)}
	case c.rbac != "" || c.head.RBACUnreadable != nil:
		ports.Privileges = fromRBAC(t, c.rbac, c.head.RBACUnreadable)
	}
	if c.head.Grants != nil || c.head.GrantsError != "" {
		ports.Grants = c.head
	}
	return ports
}

func (c goldenCase) run(t *testing.T) validate.Report {
	t.Helper()
	v, err := validate.New(c.policy, validate.WithClock(func() time.Time { return clock }), validate.WithPorts(c.ports(t)))
	if err != nil {
		t.Fatal(err)
	}
	return v.Validate(context.Background(), c.request())
}

func (c goldenCase) request() validate.Request {
	req := validate.Request{Operation: c.head.Operation, User: authenticationv1.UserInfo{Username: c.head.User.Username, Groups: c.head.User.Groups}}
	for key, values := range c.head.User.Extra {
		if req.User.Extra == nil {
			req.User.Extra = map[string]authenticationv1.ExtraValue{}
		}
		req.User.Extra[key] = values
	}
	if c.old != nil {
		req.Old = c.old.ConfigMap
	}
	if c.new != nil {
		req.New = c.new.ConfigMap
	}
	return req
}

// judged is the object that the report is about: the new one, or the one that is deleted.
func (c goldenCase) judged() *caseObject {
	if c.new == nil {
		return c.old
	}
	return c.new
}

// text is the report as `kubectl awsauth check` prints it, after the verdict. Places are lines and columns of the values, as in
// the findings; where the case has the whole manifest, of that.
func (c goldenCase) text(t *testing.T, op validate.Operation, rep validate.Report) string {
	t.Helper()
	verdict := "denied"
	if rep.Allowed {
		verdict = "allowed"
	}
	o := c.judged()
	var sources []report.Source
	if o.file != nil {
		sources = append(sources, report.Source{Name: o.file.Name, Text: o.file.Text, Locate: o.file.Locate, Find: o.file.Find})
	} else {
		sources = append(sources, report.Source{Name: o.Name})
		for _, key := range slices.Sorted(maps.Keys(o.Data)) {
			sources = append(sources, report.Source{Name: key, Text: o.Data[key], Locate: func(of string, line, column int) (int, int, bool) { return line, column, of == key }})
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\n\n", op, verdict)
	if err := report.Text(&b, rep, sources, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// goldenCases are all cases that are an edit: those of the rules, those that no rule has a finding for, and those that show what EKS keeps.
func goldenCases(t testing.TB) []goldenCase {
	t.Helper()
	return slices.Concat(readCases(t, "AA*"), readCases(t, "allowed"), readCases(t, "kept"))
}

// TestGolden compares every case's report with its section want. `go test ./internal/validate -update` writes the sections.
func TestGolden(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(strings.TrimPrefix(c.name, "testdata"+string(filepath.Separator)), func(t *testing.T) {
			rep := c.run(t)
			c.compareSection(t, "want", c.text(t, c.head.Operation, rep))
			if filepath.Base(filepath.Dir(c.name)) == "allowed" && (!rep.Allowed || len(rep.Findings) > 0) {
				t.Errorf("it belongs to another directory: allowed is %v, with %d findings", rep.Allowed, len(rep.Findings))
			}
		})
	}
}

// TestPlacesInAManifest: in a manifest that holds a case's values as blocks, the place of every finding is that line and column of the
// value, behind the indentation; of one without a place, the key.
func TestPlacesInAManifest(t *testing.T) {
	const head, indent = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n", "    "
	tried := 0
	for _, c := range goldenCases(t) {
		o := c.judged()
		if o.file != nil {
			continue
		}
		text, before := head, map[string]int{} // the lines before a value
		for key, value := range o.Data {
			if quote(value).quoted || strings.TrimSpace(value) == "" || strings.HasPrefix(value, " ") || strings.HasSuffix(value, "\n\n") {
				continue // no block holds it as it is
			}
			text += "  " + key + ": |\n"
			before[key] = strings.Count(text, "\n")
			for line := range strings.Lines(value) {
				text += indent + line
			}
		}
		if len(before) == 0 {
			continue
		}
		f, err := manifest.Read("manifest", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, finding := range c.run(t).Findings {
			var line, column, wantLine, wantColumn int
			var ok bool
			if key, _, _ := strings.Cut(strings.TrimPrefix(finding.Field, "data."), "["); finding.Line == 0 && before[key] > 0 {
				wantLine, wantColumn = before[key], 3 // the key itself
				line, column, ok = f.Find(finding.Field)
			} else if lines := before[finding.DataKey]; finding.Line > 0 && lines > 0 {
				wantLine, wantColumn = lines+finding.Line, len(indent)+max(finding.Column, 1)
				line, column, ok = f.Locate(finding.DataKey, finding.Line, max(finding.Column, 1))
			} else {
				continue
			}
			tried++
			if !ok || line != wantLine || column != wantColumn {
				t.Errorf("%s: %s: line %d, column %d, want %d and %d in\n%s", c.name, finding.Sentence(), line, column, wantLine, wantColumn, text)
			}
		}
	}
	if tried < 700 {
		t.Errorf("%d places, want 700 and more", tried)
	}
	t.Logf("%d places", tried)
}
