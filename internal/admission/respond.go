package admission

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// maxCauses bounds what a denial lists: nobody reads more before the first are mended.
	maxCauses = 20
	// maxWarnings and maxWarning keep all warnings of an answer below the 4,096 characters from which the API server
	// begins to cut (apiserver pkg/endpoints/filters, warning.go).
	maxWarnings = 15
	maxWarning  = 249
	// maxCause bounds one cause, in characters.
	maxCause = 1200
)

// excuses say why an edit with errors was let in.
var excuses = map[string]string{
	"exempt":      "let in, since the policy exempts you; it would be refused otherwise",
	"break-glass": "let in, since you broke the glass; it would be refused otherwise",
	"audit":       "let in, since the policy's mode is audit; it would be refused otherwise",
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
	for i, f := range findings {
		if i == maxCauses {
			s.Details.Causes = append(s.Details.Causes, metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "data",
				Message: fmt.Sprintf("%d more findings; see them all with `kubectl awsauth check`", len(findings)-maxCauses+omitted)})
			break
		}
		s.Details.Causes = append(s.Details.Causes, metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: f.Field,
			Message: clip(oneLine(f.Sentence()), maxCause)})
	}
	var all strings.Builder
	for i, c := range s.Details.Causes {
		if i > 0 {
			all.WriteString(", ")
		}
		all.WriteString(c.Field + ": " + c.Message)
	}
	message := all.String()
	if len(s.Details.Causes) > 1 {
		message = "[" + message + "]"
	}
	s.Message = fmt.Sprintf("ConfigMap %q is invalid: %s", Name, message)
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

// warning is a finding in one short line: the why goes first if it does not fit, then the end of the message, never
// the fix.
func warning(f validate.Finding) string {
	head := f.Field + ": " + f.Rule + " " + f.Name + ": "
	tail := ""
	if f.Preexisting {
		tail = " (was there before)"
	}
	fix := ""
	if f.Fix != "" {
		fix = "; " + f.Fix
	}
	why := ""
	if f.Why != "" {
		why = ", " + f.Why
	}
	for _, s := range []string{f.Message + why + fix, f.Message + fix} {
		if full := oneLine(head + s + tail); utf8.RuneCountInString(full) <= maxWarning {
			return full
		}
	}
	room := maxWarning - utf8.RuneCountInString(oneLine(head+fix+tail))
	if room < 40 {
		return clip(oneLine(head+f.Message+fix), maxWarning)
	}
	return oneLine(head) + clip(oneLine(f.Message), room) + oneLine(fix+tail)
}

// oneLine replaces what the API server refuses in a warning, and what would disturb a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
}

func clip(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-3]) + "..."
}
