package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The one object that is guarded.
const (
	Namespace = "kube-system"
	Name      = "aws-auth"
	// Path is where the webhook is served; the ValidatingWebhookConfiguration names it.
	Path = "/validate-aws-auth"
)

// Room that is left of the API server's timeout for the answer to travel.
const answerMargin = 500 * time.Millisecond

// defaultBudget is the time for a verdict where the request names no timeout: the API server's own default.
const defaultBudget = 10 * time.Second

// Validator judges a request; the one in force is asked for anew each time, since the policy may be reloaded.
type Validator func() *validate.Validator

// Handler answers AdmissionReviews.
type Handler struct {
	Validator Validator
	Log       logr.Logger
	Metrics   *Metrics
	// Excused is told of edits that were let in though they would be refused otherwise, dry runs apart. It may be nil,
	// and must not wait for anything.
	Excused func(Excused)

	// bounds are set by Webhook; nil: there are none.
	bounds *bounds
}

// Excused is an edit that was let in for its author's or the policy's sake.
type Excused struct {
	Operation admissionv1.Operation
	Username  string
	UID       types.UID // of the object, if it existed
	Why       string    // exempt, break-glass or audit
	Rules     string    // ids, with commas
	// Nodes are the live nodes that the edit costs, as far as they are known.
	Nodes []string
}

// Webhook wraps h in controller-runtime's server side: body limit, decoding, panic recovery.
func Webhook(h *Handler) http.Handler {
	bounded := *h
	bounded.bounds = newBounds()
	hook := &admission.Webhook{Handler: &bounded, WithContextFunc: withHost,
		LogConstructor: func(logr.Logger, *admission.Request) logr.Logger { return logr.Discard() }} // it would repeat what anybody sends
	return reading{server{hook, bounded.bounds}, bounded.bounds}
}

type hostKey struct{}

// withHost notes who asks.
func withHost(ctx context.Context, r *http.Request) context.Context {
	return context.WithValue(ctx, hostKey{}, listen.Host(r))
}

// budget is how long a request may take: the API server's timeout is in the request's URL.
func budget(r *http.Request) time.Duration {
	allowed := defaultBudget
	if d, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil && d > 0 && d < allowed {
		allowed = d
	}
	return allowed - min(answerMargin, allowed/4)
}

// Handle judges one request. Requests for other objects are let in without a word: the match conditions keep them
// away, and a guard that is called for them by mistake must not be in the way.
func (h *Handler) Handle(ctx context.Context, req admission.Request) admission.Response {
	started := time.Now()
	edit, guarded, err := decode(req)
	switch {
	case err != nil:
		h.Metrics.observe(req.Operation, "error", nil, started)
		h.Log.Info("cannot read the request", "error", clip(err.Error(), maxLogged), "operation", clip(string(req.Operation), maxLogged), "user", clip(req.UserInfo.Username, maxLogged))
		code := int32(http.StatusBadRequest)
		if errors.Is(err, errTooLarge) {
			code = http.StatusRequestEntityTooLarge
		}
		return admission.Errored(code, errors.New(clip(err.Error(), maxCause)))
	case !guarded:
		h.Metrics.observe(req.Operation, "not guarded", nil, started)
		return admission.Allowed("not " + Namespace + "/" + Name)
	}
	ctx, cancel := context.WithTimeout(ctx, defaultBudget-answerMargin) // what Webhook serves has a deadline no later than this
	defer cancel()
	host, _ := ctx.Value(hostKey{}).(string)
	report, err := h.judge(ctx, host, edit)
	if err != nil {
		h.Metrics.observe(req.Operation, "error", nil, started)
		code := int32(http.StatusServiceUnavailable)
		if errors.Is(err, errTooLarge) {
			code = http.StatusRequestEntityTooLarge
		}
		return admission.Errored(code, err)
	}
	decision := decide(report)
	if h.Excused != nil && report.Excuse != "" && !edit.DryRun {
		x := Excused{Operation: req.Operation, Username: req.UserInfo.Username, Why: report.Excuse, Rules: rules(report.Findings), Nodes: report.Lost}
		if edit.Old != nil {
			x.UID = edit.Old.UID
		}
		h.Excused(x)
	}
	h.Metrics.observe(req.Operation, decision, report.Findings, started)
	if report.Allowed && !edit.DryRun {
		h.Metrics.lost(report.Excuse, report.Lost)
	}
	h.Log.Info(decision, "operation", req.Operation, "user", clip(req.UserInfo.Username, maxLogged), "dryRun", edit.DryRun,
		"uid", clip(string(req.UID), maxLogged), "rules", rules(report.Findings))
	return respond(report, decision)
}

// judge asks the validator when there is room for it.
func (h *Handler) judge(ctx context.Context, from string, edit validate.Request) (validate.Report, error) {
	v := h.Validator()
	if tooMany := tooManyMarks(&edit); tooMany != nil {
		if why, ok := v.Excuse(edit.User); ok {
			return validate.Report{Allowed: true, Excuse: why}, nil
		}
		return validate.Report{}, tooMany
	}
	done, err := h.bounds.judge(ctx, from, edit)
	if err != nil {
		return validate.Report{}, err
	}
	defer done()
	return v.Validate(ctx, edit), nil
}

// decode reads the two objects. guarded is false for requests that concern other objects.
func decode(req admission.Request) (edit validate.Request, guarded bool, err error) {
	edit = validate.Request{Operation: validate.Operation(req.Operation), User: req.UserInfo, DryRun: req.DryRun != nil && *req.DryRun}
	if req.Operation == "" && empty(req.Object) && empty(req.OldObject) {
		return edit, false, fmt.Errorf("not an AdmissionReview with a request: send one of admission.k8s.io/v1 for ConfigMap %s/%s", Namespace, Name)
	}
	if req.Resource.Resource != "" && (req.Resource.Resource != "configmaps" || req.Resource.Group != "") || req.SubResource != "" ||
		req.Namespace != "" && req.Namespace != Namespace || req.Name != "" && req.Name != Name {
		return edit, false, nil
	}
	if size := userSize(req.UserInfo); size > maxUser {
		return edit, true, fmt.Errorf("userInfo is %w: %d bytes, %d at most", errTooLarge, size, maxUser)
	}
	if edit.New, err = configMap(req.Object); err != nil {
		return edit, false, fmt.Errorf("object: %w", err)
	}
	if edit.Old, err = configMap(req.OldObject); err != nil {
		return edit, false, fmt.Errorf("oldObject: %w", err)
	}
	// A deletecollection comes without a name, a CREATE by generateName as well: the objects tell.
	named := edit.Old
	if named == nil {
		named = edit.New
	}
	name, namespace := req.Name, req.Namespace
	if named != nil {
		name, namespace = cmp.Or(named.Name, name), cmp.Or(named.Namespace, namespace)
	}
	if name != Name || namespace != Namespace && namespace != "" {
		if req.Name == Name {
			// The API server never says two names: whoever does is not let past the guard by it.
			return edit, true, fmt.Errorf("the request is for %q, its object is %q: want one and the same", Name, clip(namespace+"/"+name, maxLogged))
		}
		return edit, false, nil
	}
	switch req.Operation {
	case admissionv1.Create, admissionv1.Update:
		if edit.New == nil {
			return edit, true, fmt.Errorf("%s without an object", req.Operation)
		}
		if req.Operation == admissionv1.Create {
			edit.Old = nil
		} else if edit.Old == nil {
			return edit, true, fmt.Errorf("%s without an oldObject", req.Operation)
		}
	case admissionv1.Delete:
		edit.New = nil
		return edit, true, nil
	default:
		return edit, false, nil
	}
	return edit, true, nil
}

func empty(o runtime.RawExtension) bool { return len(o.Raw) == 0 && o.Object == nil }

// configMap is one object, decoded; nil if there is none.
func configMap(o runtime.RawExtension) (*corev1.ConfigMap, error) {
	cm, decoded := o.Object.(*corev1.ConfigMap)
	if !decoded {
		if len(o.Raw) == 0 || string(o.Raw) == "null" {
			return nil, nil
		}
		var read object
		if err := json.Unmarshal(o.Raw, &read); err != nil {
			return nil, fmt.Errorf("not a ConfigMap: %w", err)
		}
		if read.Kind != "" && read.Kind != "ConfigMap" {
			return nil, fmt.Errorf("kind %q, want ConfigMap", clip(read.Kind, maxLogged))
		}
		cm = read.configMap()
	}
	if validate.DataSize(cm) > validate.MaxDataSize {
		return nil, fmt.Errorf("the data is %w: a ConfigMap holds %d bytes at most", errTooLarge, validate.MaxDataSize)
	}
	return cm, nil
}

// errTooLarge keeps the rules from what the API server would never have taken in: it holds ConfigMaps to the size of
// Secrets (pkg/apis/core/validation, ValidateConfigMap). And from what no aws-auth can be (maxMarks).
var errTooLarge = errors.New("too large")

// tooManyMarks is an error for an edit whose new data is no aws-auth, unless the old one has the same. Where only the old one is
// none, it counts as empty: so it can be repaired, and nothing of it makes the new one better.
func tooManyMarks(edit *validate.Request) error {
	if edit.Old != nil && edit.New != nil && maps.Equal(edit.Old.Data, edit.New.Data) {
		return nil
	}
	if n := marks(edit.New); n > maxMarks {
		return fmt.Errorf("the data is %w to judge: it has %d line ends, commas and opening brackets, and no aws-auth needs more than %d", errTooLarge, n, maxMarks)
	}
	if marks(edit.Old) > maxMarks {
		edit.Old = edit.Old.DeepCopy()
		edit.Old.Data = nil
	}
	return nil
}

// decide names the verdict for the audit log and the metrics.
func decide(r validate.Report) string {
	switch {
	case !r.Allowed:
		return "deny"
	case r.Excuse != "":
		return "allow-" + r.Excuse
	case len(r.Findings) > 0:
		return "warn"
	}
	return "allow"
}

// rules are the ids of the findings, each once, in their order.
func rules(findings []validate.Finding) string {
	var ids []string
	seen := map[string]bool{}
	for _, f := range findings {
		if !seen[f.Rule] {
			seen[f.Rule] = true
			ids = append(ids, f.Rule)
		}
	}
	return strings.Join(ids, ",")
}
