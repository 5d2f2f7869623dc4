package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// counter stands in an input where every request has another number. It is as long as the number, and no text that JSON
// escapes.
const counter = "@@@@@@@@@@"

// input is a kind of request. Its body is an AdmissionReview of one update, in which the request's number stands at places.
type input struct {
	name    string
	about   string
	allowed bool
	// large is that the guard has no room for many such reviews at once, and refuses the rest of one user's.
	large bool
	// says is in every right answer but the ceiling's.
	says   string
	body   []byte
	places []int
}

// policyFile is what the guard enforces; aws_auth.rego approves the same.
const policyFile = `apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
privileged:
  approvals:
  - arn: ` + admin + `
    groups: [system:masters]
    reason: the platform team's role
`

const (
	account = "arn:aws:iam::111122223333:"
	admin   = account + "role/admin"

	// count is how many roles there are in the small inputs; changed is the one that the edit changes.
	count   = 100
	changed = 50
	// limit is what a ConfigMap can hold: 1 MiB in all its keys and values.
	limit = 1<<20 - len(awsauth.MapRoles)
)

// inputs are those that are measured. All but the first hold the request's number in a value, in the old text and in the
// new one alike, so that neither is ever seen twice.
func inputs() []input {
	hundred := roles(count, 0)
	numbered := strings.Replace(hundred, "username: team-00001\n", "username: team-"+counter+"\n", 1)
	edit := func(text, from, to string) string {
		return strings.Replace(text, fmt.Sprintf(from, changed), fmt.Sprintf(to, changed), 1)
	}
	const username, group = "username: team-%05d\n", "  - team-%05d\n"
	full := strings.Replace(roles(0, limit-len(counter)), "username: team-00001\n", "username: team-"+counter+"\n", 1)
	largest := newInput("full", fmt.Sprintf("%d bytes of roles, one with another username", len(full)), full, edit(full, username, "username: team-%05d-b\n"), true, "")
	largest.large = true
	return []input{
		newInput("unchanged", "100 roles re-applied as they are", hundred, hundred, true, ""),
		newInput("changed", "100 roles, one with another username", numbered, edit(numbered, username, "username: team-%05d-b\n"), true, ""),
		newInput("denied", "100 roles, one given system:masters", numbered, edit(numbered, group, "  - system:masters # %05d\n"), false, "AA401"),
		largest,
	}
}

// roles is a mapRoles in block style: the nodes' role, an admin's, and teams', up to that many roles or bytes.
func roles(count, size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- rolearn: %srole/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n  - system:bootstrappers\n  - system:nodes\n", account)
	fmt.Fprintf(&b, "- rolearn: %s\n  username: admin\n  groups:\n  - system:masters\n", admin)
	for i := 0; ; i++ {
		entry := fmt.Sprintf("- rolearn: %[1]srole/team-%05[2]d\n  username: team-%05[2]d\n  groups:\n  - viewers\n  - team-%05[2]d\n", account, i)
		if size == 0 && i == count-2 || size > 0 && b.Len()+len(entry) > size-len("-b") {
			return b.String()
		}
		b.WriteString(entry)
	}
}

func newInput(name, about, old, updated string, allowed bool, says string) input {
	kind := metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	resource := metav1.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	body := marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: counter, Kind: kind, RequestKind: &kind, Resource: resource, RequestResource: &resource,
			Namespace: admission.Namespace, Name: admission.Name, Operation: admissionv1.Update, DryRun: new(false),
			UserInfo: authenticationv1.UserInfo{Username: "admin", Groups: []string{"system:masters", "system:authenticated"},
				Extra: map[string]authenticationv1.ExtraValue{"canonicalArn": {admin}}},
			Object: runtime.RawExtension{Raw: configMap(updated)}, OldObject: runtime.RawExtension{Raw: configMap(old)},
			Options: runtime.RawExtension{Raw: []byte(`{"kind":"UpdateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"kubectl-client-side-apply"}`)},
		},
	})
	in := input{name: name, about: about, allowed: allowed, says: says, body: body}
	for at := 0; ; at += len(counter) {
		i := bytes.Index(body[at:], []byte(counter))
		if i < 0 {
			return in
		}
		at += i
		in.places = append(in.places, at)
	}
}

func configMap(mapRoles string) []byte {
	return marshal(corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: admission.Name, Namespace: admission.Namespace, UID: "8d3f4f7e-8f2e-4f0e-9d58-0a7c0a6c9f10", ResourceVersion: "1"},
		Data:       map[string]string{awsauth.MapRoles: mapRoles},
	})
}

func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // of constants
	}
	return data
}

// number writes a request's number into a copy of the body, and returns it as it stands in the answer.
func (in *input) number(body []byte, n uint64) string {
	uid := fmt.Sprintf("%0*d", len(counter), n)
	for _, at := range in.places {
		copy(body[at:], uid)
	}
	return uid
}

// concurrencies are over how many connections at once it is sent.
func (in *input) concurrencies() []int {
	if in.large {
		return []int{1}
	}
	return []int{1, 16}
}
