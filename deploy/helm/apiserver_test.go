package helm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// apiServer is a real one, for all tests of the package; nil if there are no binaries.
var apiServer *rest.Config

func TestMain(m *testing.M) { guarded.Main(m, &apiServer) }

// user talks to the API server as somebody who may do everything, since the tests are about what comes after RBAC.
func user(t *testing.T, name string, groups ...string) client.Client {
	t.Helper()
	return userIn(t, "", name, groups...) // protobuf for all that is not unstructured
}

// userIn is user with the encoding in which objects are sent: in JSON a string is text, in protobuf it is any bytes.
func userIn(t *testing.T, contentType, name string, groups ...string) client.Client {
	t.Helper()
	if apiServer == nil {
		t.Skip("needs kube-apiserver and etcd: set KUBEBUILDER_ASSETS to the directory that holds them")
	}
	config := rest.CopyConfig(apiServer)
	config.ContentType, config.AcceptContentTypes = contentType, contentType
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:masters")}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func namespace(t *testing.T, c client.Client, labels map[string]string) string {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "chart-", Labels: labels}}
	if err := c.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return n.Name
}

// TestAppliedStrictly: the API server knows every field of every object.
func TestAppliedStrictly(t *testing.T) {
	admin := user(t, "admin")
	for name, values := range variants {
		t.Run(name, func(t *testing.T) {
			ns := namespace(t, admin, nil)
			for key, o := range objects(t, template(t, values)) {
				if strings.Contains(o.GetAPIVersion(), "coreos.com") || strings.Contains(o.GetAPIVersion(), "cert-manager.io") {
					continue // kubeconform's, in make lint
				}
				if o.GetNamespace() == "guard" {
					o.SetNamespace(ns)
				}
				err := admin.Create(t.Context(), o, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
				if err != nil {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
}

// TestPodSecurity: the pods of the defaults run where the restricted level is enforced.
func TestPodSecurity(t *testing.T) {
	admin := user(t, "admin")
	for name, c := range map[string]struct{ values, refused string }{
		"defaults":       {"{}", ""},
		"everything":     {everything, ""},
		"cert-manager":   {"tls: {mode: certManager}", ""},
		"host's network": {"hostNetwork: true", "hostNetwork"}, // as README says; and the test sees what it should see
	} {
		t.Run(name, func(t *testing.T) {
			ns := namespace(t, admin, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
			d := as[appsv1.Deployment](t, objects(t, template(t, c.values))["Deployment aws-auth-guard"])
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "guard-", Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
			err := admin.Create(t.Context(), pod, client.DryRunAll)
			if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
				t.Errorf("Create() = %v, want %q", err, c.refused)
			}
		})
	}
}

const (
	nodesEntry = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	ciEntry    = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"
	userEntry  = "- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice\n  groups: [viewers]\n"
)

func awsAuth(mapRoles string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}, Data: map[string]string{"mapRoles": mapRoles}}
}

// installFloor makes an aws-auth with this mapRoles and puts the floor alone before it, as if no guard pod were alive. The
// members of the group break-glass are exempt. Both are gone when the test ends; remove takes the floor away sooner.
func installFloor(t *testing.T, mapRoles string) (remove func()) {
	t.Helper()
	admin, rescuer := user(t, "admin"), user(t, "oncall", "break-glass")
	floor := map[string]*unstructured.Unstructured{}
	for key, o := range objects(t, template(t, "policy: {breakGlass: {groups: [break-glass]}}")) {
		if strings.HasPrefix(o.GetKind(), "ValidatingAdmissionPolicy") && strings.HasSuffix(o.GetName(), "-floor") {
			floor[key] = o
		}
	}
	if len(floor) != 2 {
		t.Fatalf("the floor is made of %d objects, want a policy and a binding", len(floor))
	}
	remove = func() {
		t.Helper()
		for _, o := range floor {
			if err := admin.Delete(context.Background(), o.DeepCopy()); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() { // the API server may go on for a moment, and the next test begins with a floor of the same name
		remove()
		frozen := awsAuth("")
		frozen.Immutable = new(true)
		waitUntil(t, "the floor is gone", func() bool {
			return !apierrors.IsInvalid(admin.Create(context.Background(), frozen.DeepCopy(), client.DryRunAll))
		})
	})
	for _, o := range floor {
		if err := admin.Create(t.Context(), o.DeepCopy()); err != nil {
			t.Fatal(err)
		}
	}
	if err := rescuer.Create(t.Context(), awsAuth(mapRoles)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rescuer.Delete(context.Background(), awsAuth("")); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	waitUntil(t, "the floor holds", func() bool { return admin.Delete(t.Context(), awsAuth(""), client.DryRunAll) != nil })
	return remove
}

// TestFloor installs the floor alone, as if no guard pod were alive, and tries what it is there for.
func TestFloor(t *testing.T) {
	admin, manager, rescuer := user(t, "admin"), user(t, "eks:node-manager"), user(t, "oncall", "break-glass")
	ctx := t.Context()
	remove := installFloor(t, nodesEntry+ciEntry)
	edit := func(change func(*corev1.ConfigMap)) func(client.Client) error {
		return func(c client.Client) error {
			cm := &corev1.ConfigMap{}
			if err := c.Get(ctx, client.ObjectKeyFromObject(awsAuth("")), cm); err != nil {
				return err
			}
			change(cm)
			return c.Update(ctx, cm, client.DryRunAll)
		}
	}
	mapRoles := func(text string) func(client.Client) error {
		return edit(func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = text })
	}
	remnant := func(c client.Client) error { return c.Delete(ctx, awsAuth(""), client.DryRunAll) }
	collection := func(c client.Client) error {
		return c.DeleteAllOf(ctx, &corev1.ConfigMap{}, client.InNamespace("kube-system"), client.DryRunAll)
	}

	const (
		add     = "write groups: [system:bootstrappers, system:nodes]"
		lacks   = "data.mapRoles: AA505 breaks-node-mapping: arn:aws:iam::111122223333:role/nodes lacks the group system:nodes"
		gone    = "data.mapRoles: AA503 cuts-live-nodes: arn:aws:iam::111122223333:role/nodes is no longer mapped"
		entry   = `- {rolearn: arn:aws:iam::111122223333:role/nodes, username: "system:node:{{EC2PrivateDNSName}}", groups: [system:bootstrappers, system:nodes]}`
		allBack = `write mapRoles: | and put both entries back below it, among them ` + entry
		putBack = `put this entry back, in line with the other dashes: ` + entry
	)
	for name, c := range map[string]struct {
		do   func(client.Client) error
		rule string // "" is allowed; else all that comes before the fix
		fix  string
	}{
		"delete":                      {remnant, "AA501 deletes-aws-auth: aws-auth is being deleted", "kubectl edit configmap aws-auth -n kube-system"},
		"delete with all ConfigMaps":  {collection, "AA501 deletes-aws-auth: aws-auth is being deleted", "kubectl edit configmap aws-auth -n kube-system"},
		"mapRoles emptied":            {mapRoles(""), "data: AA502 empties-mappings: aws-auth has no mappings", allBack},
		"mapRoles without nodes":      {mapRoles(ciEntry), gone, putBack},
		"mapRoles taken out":          {edit(func(cm *corev1.ConfigMap) { cm.Data = nil }), "AA502 empties-mappings: aws-auth has no mappings", allBack},
		"mapUsers alone":              {edit(func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"mapUsers": userEntry} }), "data.mapRoles: AA502 empties-mappings: mapRoles has no mappings", allBack},
		"nodes commented out":         {mapRoles(ciEntry + "#" + strings.ReplaceAll(strings.TrimSpace(nodesEntry), "\n", "\n#")), gone, putBack},
		"nodes in a trailing comment": {mapRoles(ciEntry + "  # no system:nodes here\n"), gone, putBack},
		"key in the wrong case":       {edit(func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"maproles": nodesEntry} }), `data.maproles: AA103 unknown-data-key: data key "maproles" is unknown to EKS`, "write mapRoles"},
		"key in the singular":         {edit(func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"mapRole": nodesEntry, "mapUsers": ""} }), `data.mapRole: AA103 unknown-data-key: data key "mapRole" is unknown to EKS`, "write mapRoles"},
		"another key":                 {edit(func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"notes": nodesEntry} }), "AA502 empties-mappings: aws-auth has no mappings", allBack},
		"group misspelt":              {mapRoles(ciEntry + strings.Replace(nodesEntry, "system:nodes", "system:node", 1)), `AA107 suspicious-group: there is no group "system:node" (did you mean system:nodes?), in the entry for arn:aws:iam::111122223333:role/nodes`, "write system:nodes"},
		"group with an escape in it":  {mapRoles(strings.Replace(nodesEntry, "system:nodes", "system:n\x1bodes", 1)), lacks, add},
		"group left out":              {mapRoles(strings.Replace(nodesEntry, ", system:nodes", "", 1)), lacks, add},
		"frozen":                      {edit(func(cm *corev1.ConfigMap) { cm.Immutable = new(true) }), "AA109 frozen: nobody can edit aws-auth any more", "remove immutable: true"},
		"another entry goes":          {mapRoles(nodesEntry), "", ""},
		"nodes listed one a line":     {mapRoles(strings.Replace(nodesEntry, "[system:bootstrappers, system:nodes]", "\n  - system:bootstrappers\n  - \"system:nodes\" # workers", 1)), "", ""},
		"nodes as JSON":               {mapRoles(`[{"rolearn":"arn:aws:iam::111122223333:role/n#1","groups":["system:nodes"]}]`), "", ""},
		"a label":                     {edit(func(cm *corev1.ConfigMap) { cm.Labels = map[string]string{"a": "b"} }), "", ""},
		"immutable: false":            {edit(func(cm *corev1.ConfigMap) { cm.Immutable = new(false) }), "", ""},
		"an aws-auth somewhere else": {func(c client.Client) error {
			cm := awsAuth("")
			cm.Namespace = "default"
			return c.Create(ctx, cm, client.DryRunAll)
		}, "", ""},
		"another ConfigMap of kube-system": {func(c client.Client) error {
			cm := awsAuth("")
			cm.Name, cm.Immutable = "other", new(true)
			return c.Create(ctx, cm, client.DryRunAll)
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.do(admin)
			switch {
			case c.rule == "" && err != nil:
				t.Errorf("denied: %v", err)
			case c.rule != "" && err == nil:
				t.Error("allowed")
			case c.rule != "":
				if want := c.rule + "; fix: "; !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.fix) {
					t.Errorf("%q, want %q and %q", err, want, c.fix)
				}
				if said := err.Error(); strings.ContainsAny(said, "\n\x1b") || strings.Contains(said, "break-glass") || strings.Contains(said, "Binding aws") {
					t.Errorf("%q says how to bypass the floor, or is no line for a terminal", said)
				}
				if !apierrors.IsInvalid(err) {
					t.Errorf("the reason is %s, want Invalid, with which kubectl edit opens again", apierrors.ReasonForError(err))
				}
			}
			for who, other := range map[string]client.Client{"EKS's writer": manager, "the break-glass group": rescuer} {
				if err := c.do(other); err != nil {
					t.Errorf("%s is denied: %v", who, err)
				}
			}
		})
	}

	t.Run("what was there before is allowed", func(t *testing.T) {
		frozen := awsAuth(ciEntry)
		frozen.Immutable = new(true)
		if err := rescuer.Delete(ctx, awsAuth("")); err != nil {
			t.Fatal(err)
		}
		if err := admin.Create(ctx, frozen.DeepCopy()); err == nil || !strings.Contains(err.Error(), "AA109") {
			t.Errorf("a frozen one is created: %v", err)
		}
		if err := rescuer.Create(ctx, frozen.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		if err := edit(func(cm *corev1.ConfigMap) { cm.Labels = map[string]string{"a": "b"} })(admin); err != nil {
			t.Errorf("a label on a frozen aws-auth without nodes: %v", err)
		}
	})

	t.Run("nothing blocks after it is uninstalled", func(t *testing.T) {
		remove()
		waitUntil(t, "the floor is gone", func() bool { return admin.Delete(ctx, awsAuth(""), client.DryRunAll) == nil })
	})
}

func waitUntil(t *testing.T, what string, ask func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ask() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
