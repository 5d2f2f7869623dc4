package admission

import (
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// maxCauses bounds what a denial lists: nobody reads more before the first are fixed.
	maxCauses = 20
	// maxWarnings keeps all warnings of an answer, of maxWarning characters each, below the 4,096 characters from which the
	// API server begins to cut (apiserver pkg/endpoints/filters, warning.go).
	maxWarnings = 15
)

// excuses say why an edit with errors is allowed.
var excuses = map[string]string{
	"exempt":      "allowed, because the policy exempts you; it would be denied otherwise",
	"break-glass": "allowed, because you are in a break-glass group; it would be denied otherwise",
	"audit":       "allowed, because the policy's mode is audit; it would be denied otherwise",
}

// respond says a report as an AdmissionResponse.
func respond(r validate.Report, decision string) *admissionv1.AdmissionResponse {
	resp := &admissionv1.AdmissionResponse{
		Allowed:          r.Allowed,
		AuditAnnotations: map[string]string{"decision": decision},
		Result:           &metav1.Status{Code: http.StatusOK},
	}
	if ids := rules(r.Findings); ids != "" {
		resp.AuditAnnotations["rules"] = ids
	}
	told, omitted := r.Findings, r.Omitted
	if !r.Allowed {
		errors := 0
		for errors < len(r.Findings) && r.Findings[errors].Severity == validate.Error {
			errors++ // errors come first
		}
		told = r.Findings[errors:]
		if len(told) == 0 {
			resp.Result, omitted = denial(r.Findings, omitted), 0
		} else {
			resp.Result = denial(r.Findings[:errors], 0)
		}
	}
	var first string
	if r.Excuse != "" {
		first = "aws-auth-guard: " + excuses[r.Excuse]
	}
	resp.Warnings = warnings(first, told, omitted)
	return resp
}

// denial is the Status that kubectl prints as a list. omitted is how many more findings there are.
func denial(findings []validate.Finding, omitted int) *metav1.Status {
	s := &metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid,
		Details: &metav1.StatusDetails{Name: Name, Kind: "ConfigMap"},
	}
	add := func(field, message string) {
		s.Details.Causes = append(s.Details.Causes, metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: field, Message: message})
	}
	for i, f := range findings {
		if i == maxCauses {
			add("data", fmt.Sprintf("%d more findings; see them all with `kubectl awsauth check`", len(findings)-maxCauses+omitted))
			break
		}
		add(oneLine(f.Field), cause(f))
	}
	s.Message = fmt.Sprintf("ConfigMap %q is invalid:", Name)
	for _, c := range s.Details.Causes {
		s.Message += "\n* " + c.Field + ": " + c.Message
	}
	return s
}

// warnings are one line a finding, the most important first. omitted is how many more findings there are.
func warnings(first string, findings []validate.Finding, omitted int) []string {
	var lines []string
	if first != "" {
		lines = append(lines, first)
	}
	for i, f := range findings {
		if len(lines) == maxWarnings-1 && len(findings)-i > 1 {
			lines = append(lines, fmt.Sprintf("%d more findings; see them all with `kubectl awsauth check --against live`", len(findings)-i+omitted))
			break
		}
		lines = append(lines, warning(f))
	}
	return lines
}
