package admission

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// maxLogged is how much of a string from a review the log shows.
const maxLogged = 256

// judge answers a review. It recovers from a panic, and counts it, as controller-runtime does.
func (s *server) judge(ctx context.Context, from string, r review) (response *admissionv1.AdmissionResponse) {
	defer func() {
		if p := recover(); p != nil {
			metrics.WebhookPanics.WithLabelValues().Inc()
			response = errored(http.StatusInternalServerError, fmt.Errorf("panic: %v [recovered]", p))
		}
		response.UID = r.uid
	}()
	started := time.Now()
	edit, guarded, err := r.edit()
	switch {
	case err != nil:
		s.Metrics.observe(r.operation, "error", nil, started)
		s.Log.Info("cannot read the request", "error", clip(err.Error(), maxLogged),
			"operation", clip(string(r.operation), maxLogged), "user", clip(r.user.Username, maxLogged))
		return errored(code(err, http.StatusBadRequest), errors.New(clip(err.Error(), maxError)))
	case !guarded:
		// Allowed without a warning: the match conditions keep such requests away, and a guard that is called for them by
		// mistake must not be in the way.
		s.Metrics.observe(r.operation, "not guarded", nil, started)
		return &admissionv1.AdmissionResponse{Allowed: true,
			Result: &metav1.Status{Code: http.StatusOK, Message: "not " + Namespace + "/" + Name}}
	}
	report, err := s.validate(ctx, from, edit)
	if err != nil {
		s.Metrics.observe(r.operation, "error", nil, started)
		return errored(code(err, http.StatusServiceUnavailable), err)
	}
	decision := decide(report)
	s.record(r, edit, report, decision, started)
	return respond(report, decision)
}

// validate asks the validator when there is room for it.
func (s *server) validate(ctx context.Context, from string, edit validate.Request) (validate.Report, error) {
	v := s.Validator()
	if tooMany := validate.Bound(&edit); tooMany != nil {
		if why, ok := v.Excuse(edit.User); ok {
			return validate.Report{Allowed: true, Excuse: why}, nil
		}
		return validate.Report{}, tooMany
	}
	done, err := s.bounds.judge(ctx, from, edit)
	if err != nil {
		return validate.Report{}, err
	}
	defer done()
	return v.Validate(ctx, edit), nil
}

// record puts a verdict into metrics and log, and passes on an edit that was allowed although it has errors.
func (s *server) record(r review, edit validate.Request, report validate.Report, decision string, started time.Time) {
	ids := rules(report.Findings)
	if s.Excused != nil && report.Excuse != "" && !edit.DryRun {
		x := Excused{Operation: r.operation, Username: r.user.Username, Why: report.Excuse, Rules: ids, Nodes: report.Lost}
		if edit.Old != nil {
			x.UID = edit.Old.UID
		}
		s.Excused(x)
	}
	s.Metrics.observe(r.operation, decision, report.Findings, started)
	if report.Allowed && !edit.DryRun {
		s.Metrics.lost(report.Excuse, report.Lost)
	}
	s.Log.Info(decision, "operation", r.operation, "user", clip(r.user.Username, maxLogged), "dryRun", edit.DryRun,
		"uid", clip(string(r.uid), maxLogged), "rules", ids)
}

// code is the HTTP status of an error.
func code(err error, otherwise int32) int32 {
	if errors.Is(err, errTooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	return otherwise
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

// decisions are the names of all verdicts.
func decisions() []string {
	all := []string{"allow", "warn", "deny"}
	for why := range excuses {
		all = append(all, "allow-"+why)
	}
	return all
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
