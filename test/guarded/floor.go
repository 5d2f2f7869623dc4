package guarded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// FloorName is the name of the floor's policy and binding, as messages show it.
const FloorName = "aws-auth-guard-floor"

// InstallFloor installs the ValidatingAdmissionPolicy that the chart renders as the floor, for those whom the policy exempts, and waits
// until it holds. Helm is beside the control plane's programs, or in PATH.
func (c *Cluster) InstallFloor(ctx context.Context, p *policy.Policy) error {
	objects, err := c.floor(ctx, p)
	if err != nil {
		return err
	}
	admin, err := client.New(c.Config, client.Options{})
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := admin.Create(ctx, o); err != nil {
			return err
		}
	}
	return Poll(ctx, func(ctx context.Context) error {
		if err := c.freeze(ctx); err == nil || !strings.Contains(err.Error(), FloorName) {
			return fmt.Errorf("the floor does not deny a frozen aws-auth: %w", err)
		}
		return nil
	})
}

// RemoveFloor takes the floor away, and waits until it holds no more.
func (c *Cluster) RemoveFloor(ctx context.Context) error {
	admin, err := client.New(c.Config, client.Options{})
	if err != nil {
		return err
	}
	for _, kind := range []string{"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"} {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion("admissionregistration.k8s.io/v1")
		o.SetKind(kind)
		o.SetName(FloorName)
		if err := admin.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return Poll(ctx, func(ctx context.Context) error {
		if err := c.freeze(ctx); err != nil && strings.Contains(err.Error(), FloorName) {
			return err
		}
		return nil
	})
}

// freeze asks for an aws-auth that the floor denies, without making it.
func (c *Cluster) freeze(ctx context.Context) error {
	config := rest.CopyConfig(c.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "somebody", Groups: []string{"system:masters"}}
	config.WarningHandler = rest.NoWarnings{}
	somebody, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	// An aws-auth that exists already: the API server asks admission before it looks whether the name is free.
	frozen := empty()
	frozen.Immutable = new(true)
	return somebody.Create(ctx, frozen, client.DryRunAll)
}

// floor are the objects of templates/floor.yaml.
func (c *Cluster) floor(ctx context.Context, p *policy.Policy) ([]*unstructured.Unstructured, error) {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m: %w", err)
	}
	values, err := json.Marshal(map[string]any{"policy": map[string]any{
		"exempt": map[string]any{"usernames": p.Exempt.Usernames}, "breakGlass": map[string]any{"groups": p.BreakGlass.Groups}}})
	if err != nil {
		return nil, err
	}
	helm := filepath.Join(c.Bin, "helm")
	if _, err := os.Stat(helm); err != nil {
		if helm, err = exec.LookPath("helm"); err != nil {
			return nil, fmt.Errorf("%w: test/cluster/build.sh helm builds it", err)
		}
	}
	home := filepath.Join(c.dir, "helm")
	chart := filepath.Join(strings.TrimSpace(string(module)), "deploy", "helm", "aws-auth-guard")
	cmd := exec.CommandContext(ctx, helm, "template", "aws-auth-guard", chart, "--namespace", metav1.NamespacePublic,
		"--kube-version", "v1.30.0", "--show-only", "templates/floor.yaml", "--values", "-")
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	cmd.Stdin = bytes.NewReader(values)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("helm template: %w: %s", err, stderr.String())
	}
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(out), 4096); ; {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(o); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}
