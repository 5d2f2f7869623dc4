package helm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/sets"
)

// calls are the values that make the guard call somebody, or that say how, each with its settings. Nothing of one is in another.
var calls = [][]string{
	{"iam: {enabled: false}", "iam: {enabled: auto}", "iam: {enabled: true}"},
	{"fleet: {enabled: false}", "fleet: {enabled: auto}", "fleet: {enabled: true, clusterName: demo, region: eu-west-1}"},
	{"metrics: {enabled: false}", "metrics: {authentication: false}", "metrics: {authentication: true}"},
	{"policy: {privileged: {fromRBAC: false}}", "policy: {privileged: {subjectAccessReview: true}}",
		`policy: {accounts: [{id: "444455556666", roleARN: "arn:aws:iam::444455556666:role/aws-auth-guard"}]}`},
	{"tls: {mode: self}", "tls: {mode: certManager}"},
	{"serviceAccount: {annotations: {}}", `serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/guard"}}`},
}

// TestNetworkPolicyFitsTheCalls goes through every combination of calls: the network policy has the ports that the flags and
// the ports of the rendered pod ask for, and no other.
func TestNetworkPolicyFitsTheCalls(t *testing.T) {
	t.Parallel()
	combinations := [][]string{nil}
	for _, settings := range calls {
		var longer [][]string
		for _, c := range combinations {
			for _, s := range settings {
				longer = append(longer, append(slices.Clone(c), s))
			}
		}
		combinations = longer
	}
	for _, c := range combinations {
		o := objects(t, template(t, "networkPolicy: {enabled: true}\n"+strings.Join(c, "\n")))
		pod := as[appsv1.Deployment](t, o["Deployment aws-auth-guard"]).Spec.Template.Spec.Containers[0]
		np := as[networkingv1.NetworkPolicy](t, o["NetworkPolicy aws-auth-guard"])

		// The name server, and the API server behind its Service or at its own port.
		out := sets.New("UDP 53", "TCP 53", "TCP 443", "TCP 6443")
		if slices.ContainsFunc(pod.Args, func(arg string) bool {
			return slices.Contains([]string{"--iam=aws", "--iam=auto", "--fleet=on", "--fleet=auto"}, arg)
		}) {
			out.Insert("TCP 80") // credentials; AWS itself is at 443
		}
		in := sets.New[string]()
		for _, p := range pod.Ports {
			in.Insert(fmt.Sprintf("%s %s", p.Protocol, p.Name))
		}

		gotOut, gotIn := sets.New[string](), sets.New[string]()
		for _, rule := range np.Spec.Egress {
			for _, p := range rule.Ports {
				gotOut.Insert(fmt.Sprintf("%s %s", *p.Protocol, p.Port))
			}
		}
		for _, rule := range np.Spec.Ingress {
			for _, p := range rule.Ports {
				gotIn.Insert(fmt.Sprintf("%s %s", *p.Protocol, p.Port))
			}
		}
		if diff := cmp.Diff(sets.List(out), sets.List(gotOut)); diff != "" {
			t.Errorf("%s: egress (-needed +allowed):\n%s", strings.Join(c, ", "), diff)
		}
		if diff := cmp.Diff(sets.List(in), sets.List(gotIn)); diff != "" {
			t.Errorf("%s: ingress (-needed +allowed):\n%s", strings.Join(c, ", "), diff)
		}
	}
}

// TestNetworkPolicyForAProxy: the policy can name the port of a proxy in front of AWS.
func TestNetworkPolicyForAProxy(t *testing.T) {
	t.Parallel()
	o := objects(t, template(t, `
iam: {enabled: true}
extraEnv: [{name: HTTPS_PROXY, value: "http://proxy.example.com:3128"}]
networkPolicy: {enabled: true, egress: [{ports: [{port: 3128, protocol: TCP}]}]}
`))
	rules := as[networkingv1.NetworkPolicy](t, o["NetworkPolicy aws-auth-guard"]).Spec.Egress
	if len(rules) != 2 || rules[1].Ports[0].Port.IntValue() != 3128 {
		t.Errorf("egress %+v, want a second rule with the proxy's port", rules)
	}
}
