// Package trial edits aws-auth as a server-side dry run, once well and once badly, and says whether the guard was
// asked.
package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

// The edits do not depend on what is in aws-auth. EKS's own webhook has nothing against the bad one, so that it is the
// guard's answer that is seen.
const (
	good = `{"metadata": {"annotations": {"aws-auth-guard.io/tried": "true"}}}`
	bad  = `{"data": {"mapRole": "[]"}}`
	rule = "AA103"
)

// Mode is what the policy in force should be.
type Mode string

// The modes of a policy.
const (
	Enforce Mode = "enforce"
	Audit   Mode = "audit"
)

// said are the warnings of one answer.
type said []string

// HandleWarningHeader implements rest.WarningHandler.
func (s *said) HandleWarningHeader(_ int, _, text string) { *s = append(*s, text) }

// Try makes both edits and says what became of them; the error is what is wrong about that. The caller needs the verb
// patch on aws-auth, and nothing is changed.
func Try(ctx context.Context, config *rest.Config, mode Mode) (string, error) {
	var warnings said
	config = rest.CopyConfig(config)
	config.WarningHandler = &warnings
	client, err := corev1client.NewForConfig(config)
	if err != nil {
		return "", err
	}
	edit := func(patch string) error {
		warnings = nil
		_, err := client.ConfigMaps(metav1.NamespaceSystem).Patch(ctx, "aws-auth", types.MergePatchType, []byte(patch),
			metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	err = edit(good)
	if apierrors.IsNotFound(err) {
		return "", errors.New("there is no aws-auth in kube-system, so no edit of it can be tried: create it, or let EKS do so")
	}
	if err != nil {
		return "", fmt.Errorf("a good edit is not allowed: %w", err)
	}
	answer := edit(bad)
	return judge(mode, answer, warnings)
}

// judge says what became of the bad edit, or what is wrong about that.
func judge(mode Mode, answer error, warnings said) (string, error) {
	warned := slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, rule) })
	switch denied := apierrors.IsInvalid(answer) && strings.Contains(answer.Error(), rule); {
	case denied && mode == Enforce:
		return "a good edit is allowed, and a bad one is denied (" + rule + ")", nil
	case warned && answer == nil && mode == Audit:
		return "a good edit is allowed, and a bad one with a warning (" + rule + "), since the mode is audit", nil
	case denied:
		return "", errors.New("a bad edit is denied, and the mode of the values is audit: the policy in force is another one")
	case answer != nil:
		return "", fmt.Errorf("a bad edit is denied, but not by the guard: %w", answer)
	case warned:
		return "", fmt.Errorf("a bad edit is allowed with a warning, and the mode of the values is enforce: "+
			"the policy in force is another one, or its rules or waivers change %s", rule)
	}
	return "", errors.New("a bad edit is allowed without a warning: the API server does not call the guard; " +
		"the line coverage of a pod's readiness detail (GET /readyz on its health port) says why")
}
