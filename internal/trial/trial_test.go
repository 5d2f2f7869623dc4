package trial_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/trial"
)

// TestAnswers: what the API server may say to a bad edit, and which of it passes. The real one answers in cmd/webhook's tests.
func TestAnswers(t *testing.T) {
	t.Parallel()
	denial := func(code int32, reason metav1.StatusReason, message string) *metav1.Status {
		return &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Code: code, Reason: reason, Message: message}
	}
	found := denial(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, `data.mapRole: AA103 unknown-data-key`)
	for name, tt := range map[string]struct {
		mode      trial.Mode
		good, bad *metav1.Status // nil: allowed
		warning   string
		passes    bool
		want      string
	}{
		"denied":                      {trial.Enforce, nil, found, "", true, "a bad one is denied (AA103)"},
		"warned about":                {trial.Audit, nil, nil, "data.mapRole: AA103", true, "a bad one with a warning (AA103)"},
		"denied in audit mode":        {trial.Audit, nil, found, "", false, "the policy in force is another one"},
		"warned about, to be denied":  {trial.Enforce, nil, nil, "data.mapRole: AA103", false, "rules or waivers change AA103"},
		"nobody is asked":             {trial.Enforce, nil, nil, "something else", false, "the API server does not call the guard"},
		"nobody is asked, audit mode": {trial.Audit, nil, nil, "", false, "the API server does not call the guard"},
		"no pod answers": {trial.Enforce, nil, denial(http.StatusInternalServerError, metav1.StatusReasonInternalError,
			`failed calling webhook "guard.aws-auth-guard.io": context deadline exceeded`), "", false, "not by the guard: "},
		"denied by another webhook": {trial.Enforce, nil, denial(http.StatusForbidden, metav1.StatusReasonForbidden,
			`admission webhook "other.example.com" denied the request`), "", false, "not by the guard: "},
		"a good edit is denied": {trial.Enforce, denial(http.StatusForbidden, metav1.StatusReasonForbidden, "no right"), nil, "", false, "a good edit is not allowed: no right"},
		"no aws-auth":           {trial.Enforce, denial(http.StatusNotFound, metav1.StatusReasonNotFound, "not found"), nil, "", false, "there is no aws-auth"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edits := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				edits++
				if r.Method != http.MethodPatch || r.URL.Query().Get("dryRun") != "All" || !strings.HasSuffix(r.URL.Path, "/kube-system/configmaps/aws-auth") {
					t.Errorf("%s %s is no dry run of an edit of aws-auth", r.Method, r.URL)
				}
				answer := map[int]*metav1.Status{1: tt.good, 2: tt.bad}[edits]
				w.Header().Set("Content-Type", "application/json")
				if tt.warning != "" && edits == 2 {
					w.Header().Set("Warning", `299 - "`+tt.warning+`"`)
				}
				if answer == nil {
					_, _ = w.Write([]byte(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth"}}`)) // the client reports what is missing
					return
				}
				w.WriteHeader(int(answer.Code))
				if err := json.NewEncoder(w).Encode(answer); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			verdict, err := trial.Try(t.Context(), &rest.Config{Host: server.URL}, tt.mode)
			if err != nil {
				verdict = err.Error()
			}
			if (err == nil) != tt.passes || !strings.Contains(verdict, tt.want) {
				t.Errorf("%q, %v, want %q", verdict, err, tt.want)
			}
		})
	}
}
