package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

func init() { logrus.SetOutput(io.Discard) } // the authenticator logs each complaint

// caller is somebody who may do everything by RBAC, so that only floor and guard are in the way.
type caller struct {
	name   string
	user   string
	groups []string
	// spared callers are denied nothing: the policy exempts them.
	spared bool
}

var callers = []caller{
	{name: "anyone", user: "somebody"},
	{name: "almost an exempt username", user: "eks:node-managerX"},
	{name: "an exempt username in capitals", user: "EKS:NODE-MANAGER"},
	{name: "almost the break-glass group", user: "somebody", groups: []string{breakGlass + "x", "eks:node-manager"}},
	{name: "a username like the break-glass group", user: breakGlass},
	{name: "an exempt username", user: "eks:node-manager", spared: true},
	{name: "the break-glass group", user: "somebody", groups: []string{breakGlass}, spared: true},
}

// hands are the API in the hands of one caller.
type hands struct {
	json, protobuf typedcorev1.ConfigMapInterface
	rest           rest.Interface // core/v1, as JSON
	namespaces     typedcorev1.NamespaceInterface
}

func (c caller) hands(t *testing.T) hands {
	t.Helper()
	of := func(contentType string) kubernetes.Interface {
		config := rest.CopyConfig(cluster.Config)
		config.Impersonate = rest.ImpersonationConfig{UserName: c.user, Groups: append([]string{"system:masters"}, c.groups...)}
		config.WarningHandler = rest.NoWarnings{}
		config.ContentType, config.AcceptContentTypes = contentType, contentType
		config.QPS, config.Burst = 1000, 1000
		k, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := of(runtime.ContentTypeJSON)
	return hands{json: k.CoreV1().ConfigMaps(metav1.NamespaceSystem), protobuf: of(runtime.ContentTypeProtobuf).CoreV1().ConfigMaps(metav1.NamespaceSystem),
		rest: k.CoreV1().RESTClient(), namespaces: k.CoreV1().Namespaces()}
}

const awsAuthPath = "/api/v1/namespaces/kube-system/configmaps/aws-auth"

// change is an update by protobuf, whose strings may hold any bytes.
func (h hands) change(ctx context.Context, with func(*corev1.ConfigMap)) error {
	cm, err := h.protobuf.Get(ctx, "aws-auth", metav1.GetOptions{})
	if err != nil {
		return err
	}
	with(cm)
	_, err = h.protobuf.Update(ctx, cm, metav1.UpdateOptions{})
	return err
}

func (h hands) roles(ctx context.Context, mapRoles string) error {
	return h.change(ctx, func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = mapRoles })
}

func (h hands) patch(ctx context.Context, kind types.PatchType, body string) error {
	_, err := h.json.Patch(ctx, "aws-auth", kind, []byte(body), metav1.PatchOptions{})
	return err
}

// apply is a server-side apply that takes over what others own.
func (h hands) apply(ctx context.Context, data string) error {
	body := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n" + data
	_, err := h.json.Patch(ctx, "aws-auth", types.ApplyPatchType, []byte(body), metav1.PatchOptions{FieldManager: "table", Force: new(true)})
	return err
}

// put sends a body as it is.
func (h hands) put(ctx context.Context, contentType string, body []byte) error {
	return h.rest.Put().AbsPath(awsAuthPath).SetHeader("Content-Type", contentType).Body(body).Do(ctx).Error()
}

// attempt is something that a caller tries. guard and floor are the rules by which each denies it, "" if it does not.
type attempt struct {
	absent       bool // there is no aws-auth before
	guard, floor string
	do           func(ctx context.Context, h hands) error
	// impossible says what the API server itself answers to everybody.
	impossible func(error) bool
	// once leaves out the callers who are almost somebody else: there are many attempts of the kind.
	once bool
}

func remove(o metav1.DeleteOptions) func(context.Context, hands) error {
	return func(ctx context.Context, h hands) error { return h.json.Delete(ctx, "aws-auth", o) }
}

func removeAll(o metav1.DeleteOptions, l metav1.ListOptions) func(context.Context, hands) error {
	return func(ctx context.Context, h hands) error { return h.json.DeleteCollection(ctx, o, l) }
}

func write(mapRoles string) func(context.Context, hands) error {
	return func(ctx context.Context, h hands) error { return h.roles(ctx, mapRoles) }
}

func edited(with func(*corev1.ConfigMap)) func(context.Context, hands) error {
	return func(ctx context.Context, h hands) error { return h.change(ctx, with) }
}

func patched(kind types.PatchType, body string) func(context.Context, hands) error {
	return func(ctx context.Context, h hands) error { return h.patch(ctx, kind, body) }
}

func created(cm *corev1.ConfigMap) func(context.Context, hands) error {
	return func(ctx context.Context, h hands) error {
		_, err := h.protobuf.Create(ctx, cm, metav1.CreateOptions{})
		return err
	}
}

func object(mapRoles string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: metav1.NamespaceSystem}, Data: map[string]string{"mapRoles": mapRoles}}
}

func quoted(s string) string {
	text, _ := json.Marshal(s) // a string has no error
	return string(text)
}

var commented = "# " + strings.ReplaceAll(strings.TrimSuffix(nodes, "\n"), "\n", "\n# ") + "\n" + admin

var attempts = map[string]attempt{
	"delete":                          {guard: "AA501", floor: "AA501", do: remove(metav1.DeleteOptions{})},
	"delete at once":                  {guard: "AA501", floor: "AA501", do: remove(metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})},
	"delete, orphaning":               {guard: "AA501", floor: "AA501", do: remove(metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationOrphan)})},
	"delete in the foreground":        {guard: "AA501", floor: "AA501", do: remove(metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationForeground)})},
	"delete in the background":        {guard: "AA501", floor: "AA501", do: remove(metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)})},
	"delete, dry run":                 {guard: "AA501", floor: "AA501", do: remove(metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})},
	"delete all":                      {guard: "AA501", floor: "AA501", do: removeAll(metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=aws-auth"})},
	"delete all with a label missing": {guard: "AA501", floor: "AA501", do: removeAll(metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "!none"})},
	"delete all, dry run":             {guard: "AA501", floor: "AA501", do: removeAll(metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}, metav1.ListOptions{})},
	"delete what a finalizer holds": {guard: "AA501", floor: "AA501", do: func(ctx context.Context, h hands) error {
		if err := h.change(ctx, func(cm *corev1.ConfigMap) { cm.Finalizers = []string{"example.com/hold"} }); err != nil {
			return err
		}
		return h.json.Delete(ctx, "aws-auth", metav1.DeleteOptions{})
	}},
	"delete behind a changed namespace label": {guard: "AA501", floor: "AA501", do: func(ctx context.Context, h hands) error {
		if _, err := h.namespaces.Patch(ctx, "kube-system", types.MergePatchType, []byte(`{"metadata":{"labels":{"kubernetes.io/metadata.name":null}}}`), metav1.PatchOptions{}); err != nil {
			return err
		}
		return h.json.Delete(ctx, "aws-auth", metav1.DeleteOptions{})
	}},
	"delete the namespace": {impossible: apierrors.IsForbidden, do: func(ctx context.Context, h hands) error {
		return h.namespaces.Delete(ctx, "kube-system", metav1.DeleteOptions{})
	}},

	"mapRoles empty":              {guard: "AA502", floor: "AA502", do: write("")},
	"mapRoles null":               {guard: "AA502", floor: "AA502", do: write("null\n")},
	"no data":                     {guard: "AA502", floor: "AA502", do: edited(func(cm *corev1.ConfigMap) { cm.Data = nil })},
	"without nodes":               {guard: "AA503", floor: "AA503", do: write(admin)},
	"nodes commented out":         {guard: "AA503", floor: "AA503", do: write(commented)},
	"the key misspelt":            {guard: "AA103", floor: "AA103", do: edited(func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"maproles": base} })},
	"the key in mapUsers":         {guard: "AA502", floor: "AA502", do: edited(func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"mapUsers": base} })},
	"moved to binaryData":         {guard: "AA103", floor: "AA103", do: edited(func(cm *corev1.ConfigMap) { cm.Data, cm.BinaryData = nil, map[string][]byte{"mapRoles": []byte(base)} })},
	"frozen":                      {guard: "AA109", floor: "AA109", do: edited(func(cm *corev1.ConfigMap) { cm.Immutable = new(true) })},
	"owned by a stranger":         {guard: "AA111", floor: "AA111", do: edited(func(cm *corev1.ConfigMap) { cm.OwnerReferences = stranger })},
	"owned, by a patch":           {guard: "AA111", floor: "AA111", do: patched(types.MergePatchType, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"none","uid":"00000000-0000-0000-0000-000000000001"}]}}`)},
	"a tab":                       {guard: "AA101", do: write(base + "\tx\n")},
	"a tab, dry run":              {guard: "AA101", do: dry(base + "\tx\n")},
	"a tab, as YAML":              {guard: "AA101", do: asYAML(base + "\tx\n")},
	"a path":                      {guard: "AA203", do: write(bad)},
	"a path, applied":             {guard: "AA203", do: func(ctx context.Context, h hands) error { return h.apply(ctx, indented("mapRoles", bad)) }},
	"nodes gone, applied":         {guard: "AA503", floor: "AA503", do: func(ctx context.Context, h hands) error { return h.apply(ctx, indented("mapRoles", admin)) }},
	"system:masters":              {guard: "AA401", do: write(base + strings.Replace(ci, "deployers", "system:masters", 1))},
	"an exempt username":          {guard: "AA404", do: write(base + strings.Replace(ci, "username: ci", "username: eks:node-manager", 1))},
	"the break-glass group":       {guard: "AA401", do: write(base + strings.Replace(ci, "deployers", breakGlass, 1))},
	"nested placeholders":         {guard: "AA", do: write(base + strings.Replace(ci, "[deployers]", "['aws-auth-break-gla{{Se{{SessionName}}ionNameRaw}}']", 1))},
	"JSON patch: remove data":     {guard: "AA502", floor: "AA502", do: patched(types.JSONPatchType, `[{"op":"remove","path":"/data"}]`)},
	"JSON patch: remove mapRoles": {guard: "AA502", floor: "AA502", do: patched(types.JSONPatchType, `[{"op":"test","path":"/kind","value":"ConfigMap"},{"op":"remove","path":"/data/mapRoles"}]`)},
	"JSON patch: move mapRoles":   {guard: "AA103", floor: "AA103", do: patched(types.JSONPatchType, `[{"op":"move","from":"/data/mapRoles","path":"/data/mapRole"}]`)},
	"JSON patch: to an annotation": {guard: "AA502", floor: "AA502",
		do: patched(types.JSONPatchType, `[{"op":"add","path":"/metadata/annotations","value":{}},{"op":"move","from":"/data/mapRoles","path":"/metadata/annotations/x"}]`)},
	"merge patch: data null":      {guard: "AA502", floor: "AA502", do: patched(types.MergePatchType, `{"data":null}`)},
	"merge patch: mapRoles null":  {guard: "AA502", floor: "AA502", do: patched(types.MergePatchType, `{"data":{"mapRoles":null}}`)},
	"strategic patch: delete":     {guard: "AA502", floor: "AA502", do: patched(types.StrategicMergePatchType, `{"data":{"$patch":"delete"}}`)},
	"strategic patch: replace":    {guard: "AA502", floor: "AA502", do: patched(types.StrategicMergePatchType, `{"data":{"$patch":"replace","mapRoles":""}}`)},
	"strategic patch: retainKeys": {guard: "AA502", floor: "AA502", do: patched(types.StrategicMergePatchType, `{"$retainKeys":["metadata","kind","apiVersion","data"],"data":{"mapRoles":null}}`)},
	"binaryData, by a patch": {guard: "AA103", floor: "AA103",
		do: patched(types.JSONPatchType, `[{"op":"remove","path":"/data"},{"op":"add","path":"/binaryData","value":{"mapRoles":"`+base64.StdEncoding.EncodeToString([]byte(base))+`"}}]`)},

	"create, frozen":         {absent: true, guard: "AA109", floor: "AA109", do: created(func() *corev1.ConfigMap { cm := object(base); cm.Immutable = new(true); return cm }())},
	"create, owned":          {absent: true, guard: "AA111", floor: "AA111", do: created(func() *corev1.ConfigMap { cm := object(base); cm.OwnerReferences = stranger; return cm }())},
	"create with a path":     {absent: true, guard: "AA203", do: created(object(bad))},
	"create with a raw byte": {absent: true, guard: "AA101", floor: "AA101", do: created(object("# \xff\n" + base))},
	"create, empty":          {absent: true, guard: "AA502", do: created(object(""))},
	"apply that creates":     {absent: true, guard: "AA203", do: func(ctx context.Context, h hands) error { return h.apply(ctx, indented("mapRoles", bad)) }},
	"create, sound":          {absent: true, do: created(object(base))},
	"generateName":           {do: created(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "aws-auth", Namespace: metav1.NamespaceSystem}, Data: map[string]string{"mapRoles": "\t"}})},
	"another of kube-system": {do: created(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "other-", Namespace: metav1.NamespaceSystem}, Data: map[string]string{"mapRoles": "\xff"}, Immutable: new(true)})},
	"rename":                 {impossible: apierrors.IsBadRequest, do: patched(types.MergePatchType, `{"metadata":{"name":"aws-auth2"}}`)},
	"another namespace":      {impossible: apierrors.IsBadRequest, do: patched(types.MergePatchType, `{"metadata":{"namespace":"default"}}`)},
	"the status": {impossible: apierrors.IsNotFound, do: func(ctx context.Context, h hands) error {
		return h.rest.Put().AbsPath(awsAuthPath + "/status").Body([]byte(`{}`)).Do(ctx).Error()
	}},
	"a number for a value":    {impossible: apierrors.IsInvalid, do: patched(types.MergePatchType, `{"data":{"mapRoles":1}}`)},
	"a deletionTimestamp":     {impossible: apierrors.IsInvalid, do: patched(types.MergePatchType, `{"metadata":{"deletionTimestamp":"2001-01-01T00:00:00Z"}}`)},
	"a label":                 {do: patched(types.MergePatchType, `{"metadata":{"labels":{"team":"platform"}}}`)},
	"a finalizer":             {do: patched(types.MergePatchType, `{"metadata":{"finalizers":["example.com/hold"]}}`)},
	"a good edit":             {do: write(good)},
	"a good edit, applied":    {do: func(ctx context.Context, h hands) error { return h.apply(ctx, indented("mapRoles", good)) }},
	"a good edit, as YAML":    {do: asYAML(good)},
	"a comment in any script": {do: write("# équipe 平台 ⚠️ می\u200cخواهم\n" + base)},
	"no change":               {do: write(base)},
	"mapUsers beside mapRoles": {do: edited(func(cm *corev1.ConfigMap) {
		cm.Data["mapUsers"] = "- userarn: arn:aws:iam::111122223333:user/alice\n  username: alice\n  groups: [viewers]\n"
	})},
}

var stranger = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "none", UID: "00000000-0000-0000-0000-000000000001"}}

func dry(mapRoles string) func(context.Context, hands) error {
	return func(ctx context.Context, h hands) error {
		_, err := h.json.Update(ctx, object(mapRoles), metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
}

func asYAML(mapRoles string) func(context.Context, hands) error {
	return func(ctx context.Context, h hands) error {
		return h.put(ctx, runtime.ContentTypeYAML, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata: {mapRoles: "+quoted(mapRoles)+"}\n"))
	}
}

func indented(key, value string) string {
	return "  " + key + ": " + quoted(value) + "\n"
}

// invalid are the kinds of bytes that are not UTF-8: protobuf carries them, and the API server stores them.
var invalid = map[string]string{
	"a lone byte": "\xff", "a lone continuation": "\x80", "a cut sequence": "\xe2\x82", "an overlong slash": "\xc0\xaf", "an overlong NUL": "\xe0\x80\x80",
	"a surrogate": "\xed\xa0\x80", "a pair of surrogates": "\xed\xa0\xbd\xed\xb8\x80", "beyond Unicode": "\xf4\x90\x80\x80", "Latin-1": "caf\xe9",
}

func init() {
	for name, b := range invalid {
		for place, text := range map[string]string{
			"a comment":          "# our " + b + " cluster\n" + base,
			"a trailing comment": base + "#" + b,
			"a key":              base + strings.Replace(ci, "  username", "  user"+b+"name", 1),
			"a group":            base + strings.Replace(ci, "deployers", "deploy"+b, 1),
			"an ARN":             base + strings.Replace(ci, "role/ci", "role/ci"+b, 1),
		} {
			attempts["protobuf: "+name+" in "+place] = attempt{once: true, guard: "AA101", floor: "AA101", do: write(text)}
		}
		attempts["protobuf: "+name+" in mapUsers"] = attempt{once: true, guard: "AA101", floor: "AA101", do: edited(func(cm *corev1.ConfigMap) { cm.Data["mapUsers"] = "# " + b + "\n" })}
		attempts["protobuf: "+name+" in mapAccounts"] = attempt{once: true, guard: "AA101", floor: "AA101", do: edited(func(cm *corev1.ConfigMap) { cm.Data["mapAccounts"] = "# " + b + "\n[]" })}
		attempts["JSON: "+name+" in a comment"] = attempt{once: true, guard: "AA101", floor: "AA101", do: func(ctx context.Context, h hands) error {
			body := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth","namespace":"kube-system"},"data":{"mapRoles":"# ` + b + `\n` + strings.Trim(quoted(base), `"`) + `"}}`
			return h.put(ctx, runtime.ContentTypeJSON, []byte(body))
		}}
	}
	for name, escape := range map[string]string{"U+FFFD": `\ufffd`, "a lone surrogate": `\ud800`} {
		attempts["JSON: "+name+", escaped"] = attempt{once: true, guard: "AA101", floor: "AA101", do: patched(types.MergePatchType, `{"data":{"mapRoles":"# `+escape+`\n`+strings.Trim(quoted(base), `"`)+`"}}`)}
	}
}

// TestFloorAndGuard tries everything as everybody, with floor and guard, and with the floor alone. A spared caller is denied
// nothing. Whatever the others get allowed while the guard is there, the authenticator still reads both mappings of base
// afterwards: it reads what the API server has stored, by protobuf.
func TestFloorAndGuard(t *testing.T) {
	all := map[string]hands{}
	for _, c := range callers {
		all[c.name] = c.hands(t)
	}
	try := func(t *testing.T, guarded bool) {
		for name, a := range attempts {
			for i, c := range callers {
				if a.once && i > 0 && !c.spared {
					continue
				}
				t.Run(name+"/"+c.name, func(t *testing.T) {
					reset(t, a.absent)
					err := a.do(t.Context(), all[c.name])
					rule := a.floor
					if guarded && rule == "" {
						rule = a.guard
					}
					switch {
					case a.impossible != nil:
						if !a.impossible(err) {
							t.Errorf("the API server answers %v (%s)", err, apierrors.ReasonForError(err))
						}
						return
					case c.spared || rule == "":
						if err != nil {
							t.Errorf("denied: %v", err)
						}
					case err == nil:
						t.Errorf("allowed, want %s", rule)
					case !strings.Contains(err.Error(), rule) || !apierrors.IsInvalid(err):
						t.Errorf("%v (%s), want %s with the reason Invalid", err, apierrors.ReasonForError(err), rule)
					}
					if guarded && !c.spared && !a.absent {
						keeps(t)
					}
				})
			}
		}
	}
	t.Run("with the webhook", func(t *testing.T) { try(t, true) })
	t.Run("without the webhook", func(t *testing.T) {
		uninstallWebhooks(t)
		try(t, false)
	})
	t.Run("the stored bytes are what the authenticator cannot read", func(t *testing.T) {
		for name, b := range invalid {
			reset(t, false)
			if err := all["the break-glass group"].roles(t.Context(), "# "+b+"\n"+base); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			stored := stored(t)
			if !strings.Contains(stored.Data["mapRoles"], b) {
				t.Errorf("%s is stored as %q", name, stored.Data["mapRoles"])
			}
			if _, roles, _, err := configmap.ParseMap(stored.Data); err == nil || len(roles) > 0 {
				t.Errorf("%s: the authenticator reads %d roles, error %v", name, len(roles), err)
			}
			// The comment comes back as U+FFFD: whoever saves it again unchanged is told, and taking it out is a repair.
			if err := all["anyone"].change(t.Context(), func(cm *corev1.ConfigMap) { cm.Labels = map[string]string{"a": "b"} }); err == nil || !strings.Contains(err.Error(), "AA101") {
				t.Errorf("%s: a label beside it: %v, want AA101", name, err)
			}
			if err := all["anyone"].roles(t.Context(), base); err != nil {
				t.Errorf("%s: the repair is denied: %v", name, err)
			}
		}
	})
}

// reset makes base the aws-auth of the cluster, or takes it away, whatever was left there and whatever holds that.
func reset(t *testing.T, absent bool) {
	t.Helper()
	held := []byte(`{"metadata":{"finalizers":null}}`)
	if _, err := configMaps.Patch(t.Context(), "aws-auth", types.MergePatchType, held, metav1.PatchOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	if absent {
		given(t, nil)
	} else {
		givenRoles(t, base)
	}
}

var protobufConfigMaps typedcorev1.ConfigMapInterface

// stored is aws-auth as the authenticator gets it.
func stored(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	if protobufConfigMaps == nil {
		protobufConfigMaps = caller{user: "reader"}.hands(t).protobuf
	}
	cm, err := protobufConfigMaps.Get(t.Context(), "aws-auth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return cm
}

// keeps checks that the authenticator reads the two mappings of base from what is stored.
func keeps(t *testing.T) {
	t.Helper()
	cm := stored(t)
	_, roles, _, err := configmap.ParseMap(cm.Data)
	if err != nil {
		t.Errorf("the authenticator complains: %v", err)
	}
	want := map[string][]string{
		"arn:aws:iam::111122223333:role/nodes": {"system:bootstrappers", "system:nodes"},
		"arn:aws:iam::111122223333:role/admin": {"system:masters"},
	}
	for _, r := range roles {
		if slices.Equal(r.Groups, want[r.RoleARN]) {
			delete(want, r.RoleARN)
		}
	}
	if len(want) > 0 {
		t.Errorf("lost: %v in\n%s", want, cm.Data["mapRoles"])
	}
}

// uninstallWebhooks takes the webhooks away until the test ends.
func uninstallWebhooks(t *testing.T) {
	t.Helper()
	admin, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(t.Context(), "aws-auth-guard", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Install(context.Background(), guard); err != nil {
			t.Error(err)
		}
	})
	anyone := callers[0].hands(t)
	pollUntil(t, func() error { return dry(bad)(t.Context(), anyone) })
}

// pollUntil calls f until it has no error.
func pollUntil(t *testing.T, f func() error) {
	t.Helper()
	if err := guarded.Poll(t.Context(), func(context.Context) error { return f() }); err != nil {
		t.Fatal(err)
	}
}
