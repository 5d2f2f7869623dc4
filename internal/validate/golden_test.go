package validate_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	yaml "go.yaml.in/yaml/v4"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// goldenCase is one file of testdata/<rule>; testdata/README.md describes the format.
type goldenCase struct {
	name    string // testdata/AA203/sso-role.yaml
	head    caseHead
	policy  *policy.Policy
	objects []*manifest.File // the old and the new object, or the only one
	rbac    string           // the documents of RBAC objects; without any, RBAC is not asked
}

// caseHead is the document of a case that is neither a policy nor a ConfigMap: who edits, and what the world answers.
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
	known *validate.Equivalents
	err   error
}

func (p privileges) Equivalents() (*validate.Equivalents, error) { return p.known, p.err }

// fromRBAC resolves RBAC objects for a guard that runs in the namespace guard.
func fromRBAC(t testing.TB, text string) validate.Privileges {
	t.Helper()
	o, err := rbac.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return privileges{known: rbac.Resolve(o, rbac.Guard{Namespace: "guard", PolicyName: "guard-policy", ConfigurationName: "aws-auth-guard", SecretName: "guard-tls",
		Groups: []string{"break-glass"}})}
}

type answer struct {
	Existence   string          `yaml:"existence"`
	ARN         string          `yaml:"arn"`
	Reason      validate.Reason `yaml:"reason"`
	Detail      string          `yaml:"detail"`
	Suggestions []string        `yaml:"suggestions"`
	// Trust is who may assume the role: nodes if it is not given.
	Trust *validate.Trust `yaml:"trust"`
}

var existences = map[string]validate.Existence{"exists": validate.Exists, "missing": validate.Missing,
	"unverified": validate.Unverified, "foreign": validate.Foreign, "trusted": validate.Trusted}

// trustedToNodes is the trust policy of a role that every kind of node can have, and nobody else.
var trustedToNodes = validate.Trust{Known: validate.TrustKnown, Instances: true, Sessions: true}

// Lookup makes the answers of a case a port.
func (h caseHead) Lookup(_ context.Context, _ validate.Asker, arns []awsauth.ARN) []validate.Principal {
	out := make([]validate.Principal, len(arns))
	for i, a := range arns {
		out[i] = validate.Principal{Existence: validate.Exists, ARN: a.String(), Trust: trustedToNodes}
		if w, ok := h.IAM[a.String()]; ok {
			out[i] = validate.Principal{Existence: existences[w.Existence], ARN: w.ARN, Reason: w.Reason, Detail: w.Detail, Suggestions: w.Suggestions, Trust: trustedToNodes}
			if w.Trust != nil {
				out[i].Trust = *w.Trust
			}
		}
	}
	return out
}

func (caseHead) Self() (validate.Self, bool) { return validate.Self{}, false }

func readCase(t *testing.T, name string) goldenCase {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c := goldenCase{name: name, policy: policy.Default()}
	for _, doc := range documents(string(data)) {
		var kind struct {
			Kind string `yaml:"kind"`
		}
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch kind.Kind {
		case "Policy":
			if c.policy, err = policy.Parse([]byte(doc)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		case "ConfigMap":
			f, err := manifest.Read(filepath.Base(name), []byte(doc))
			if err != nil || len(f.Findings) > 0 {
				t.Fatalf("%s: the manifest itself is wrong: %v %v", name, err, f)
			}
			c.objects = append(c.objects, f)
		case "":
			d, err := yaml.NewLoader(strings.NewReader(doc), yaml.WithKnownFields())
			if err == nil {
				err = d.Load(&c.head)
			}
			if err != nil && !errors.Is(err, io.EOF) {
				t.Fatalf("%s: %v", name, err)
			}
			for arn, a := range c.head.IAM {
				if _, ok := existences[a.Existence]; !ok {
					t.Fatalf("%s: iam: %s: existence %q is not known", name, arn, a.Existence)
				}
			}
		case "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding":
			c.rbac += "---\n" + doc
		default:
			t.Fatalf("%s: kind %q, want ConfigMap, Policy or one of RBAC", name, kind.Kind)
		}
	}
	if n := len(c.objects); n < 1 || n > 2 {
		t.Fatalf("%s: %d ConfigMaps, want the new one, or the old and the new one", name, n)
	}
	return c
}

// documents cuts a stream at the lines "---". Blank lines stand for what goes before a document, so that places in it
// are places in the file.
func documents(stream string) []string {
	var docs []string
	var doc strings.Builder
	lines := 0
	for line := range strings.Lines(stream) {
		lines++
		if strings.TrimRight(line, " \r\n") == "---" {
			docs = append(docs, doc.String())
			doc.Reset()
			doc.WriteString(strings.Repeat("\n", lines))
			continue
		}
		doc.WriteString(line)
	}
	return append(docs, doc.String())
}

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
	case c.rbac != "":
		ports.Privileges = fromRBAC(t, c.rbac)
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
	last := c.objects[len(c.objects)-1].ConfigMap
	switch {
	case req.Operation == validate.Delete:
		req.Old = last
	case len(c.objects) == 2:
		req.Operation, req.Old, req.New = validate.Update, c.objects[0].ConfigMap, last
	default:
		req.Operation, req.New = validate.Create, last
	}
	return req
}

// text is the report as `kubectl awsauth check` prints it, after the verdict.
func (c goldenCase) text(t *testing.T, rep validate.Report) string {
	t.Helper()
	verdict := "denied"
	if rep.Allowed {
		verdict = "admitted"
	}
	f := c.objects[len(c.objects)-1]
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\n\n", c.request().Operation, verdict)
	if err := report.Text(&b, rep, []report.Source{{Name: f.Name, Text: f.Text, Locate: f.Locate, Find: f.Find}}, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func goldenCases(t *testing.T) []goldenCase {
	t.Helper()
	var cases []goldenCase
	names, err := fs.Glob(os.DirFS("."), "testdata/AA*/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, name := range names {
		cases = append(cases, readCase(t, filepath.FromSlash(name)))
	}
	return cases
}

// compareGolden compares a report with the file that has it, or writes that file.
func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *updateGolden {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestGolden compares every case's report with the text beside it. `go test ./internal/validate -update` writes the
// texts anew.
func TestGolden(t *testing.T) {
	written := map[string]bool{}
	for _, c := range goldenCases(t) {
		text := strings.TrimSuffix(c.name, ".yaml") + ".txt"
		written[text] = true
		t.Run(strings.TrimPrefix(c.name, "testdata"+string(filepath.Separator)), func(t *testing.T) {
			compareGolden(t, text, c.text(t, c.run(t)))
		})
	}
	texts, _ := filepath.Glob("testdata/AA*/*.txt")
	for _, text := range texts {
		if !written[text] {
			t.Errorf("%s belongs to no case", text)
		}
	}
}
