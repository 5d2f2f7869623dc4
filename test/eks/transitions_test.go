package eks_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/eks"
	"github.com/aws-auth-guard/aws-auth-guard/test/transitions"
)

// TestTransitions makes the edits of the golden cases, and signs in everybody whom either version names. AWS_AUTH_GUARD_TRANSITIONS
// is another directory with such cases.
func TestTransitions(t *testing.T) {
	dir := "../../internal/validate/testdata"
	if other := os.Getenv("AWS_AUTH_GUARD_TRANSITIONS"); other != "" {
		dir = other
	}
	all, err := transitions.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, eks.Options{})
	n := &counts{}
	w := newWorld(t, e, 1, n)
	w.dice = dice{rand.New(rand.NewPCG(1, 0))}
	for _, tr := range all {
		if tr.After == nil || !small(tr.After) {
			continue
		}
		w.named = append(named(tr.Before), named(tr.After)...)
		n.edits++
		report := w.judge.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: object(tr.Before), New: object(tr.After)})
		if err := w.Put(t.Context(), tr.After); err != nil {
			t.Logf("%s: the API server does not take it: %v", tr.Name, err)
			continue
		}
		w.compare(t, tr.After)
		if report.Allowed {
			n.allowed++
		} else {
			n.denied++
			w.confirm(t, tr.After, report)
		}
		if t.Failed() {
			t.Fatalf("%s:\n%s", tr.Name, findings(report))
		}
	}
	t.Logf("%d edits: %d allowed, %d denied and written all the same; %d sign-ins compared, %d repeated; %d claims that EKS drops an entry confirmed",
		n.edits, n.allowed, n.denied, n.signIns, n.retried, n.claims)
	if n.allowed == 0 || n.denied == 0 {
		t.Error("want edits of both kinds: otherwise this tests nothing")
	}
}

// small leaves out those of a megabyte, of which each sign-in would take long.
func small(data map[string]string) bool {
	n := 0
	for _, v := range data {
		n += len(v)
	}
	return n < 64<<10
}

// named are the principals of a document that can exist.
func named(data map[string]string) []eks.Principal {
	doc, _ := awsauth.Parse(data)
	var all []eks.Principal
	for _, e := range doc.Entries() {
		arn, err := e.Principal()
		if err != nil || arn.Kind != awsauth.KindRole && arn.Kind != awsauth.KindUser || !principal.IsName(arn.Name) || !principal.IsAccountID(arn.Account) {
			continue
		}
		p := eks.Principal{ARN: strings.Join([]string{"arn:aws:iam:", arn.Account, arn.Kind.String()}, ":") + "/" + arn.Name}
		if arn.Kind == awsauth.KindRole {
			p.Session = instance
		}
		if !slices.Contains(all, p) && len(all) < 20 {
			all = append(all, p)
		}
	}
	return all
}
