package validate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rules"
)

// The types of package rule that callers need, so that they import this package alone.
type (
	Finding  = rule.Finding
	Rule     = rule.Rule
	Severity = rule.Severity
)

// The severities.
const (
	Error   = rule.Error
	Warning = rule.Warning
	Off     = rule.Off
)

// Report is the verdict on one request.
type Report struct {
	Allowed bool `json:"allowed"`
	// Findings are sorted: errors first, then new findings before existing ones, then by place.
	Findings []Finding `json:"findings"`
	// Omitted is how many more there are, the least important ones: nobody reads a thousand before fixing the first.
	Omitted int `json:"omitted,omitempty"`
	// Excuse says why an edit with errors is allowed anyway: "exempt", "break-glass" or "audit".
	Excuse string `json:"-"`
	// Lost are the running nodes, as far as they are known, that can authenticate before the edit and not after it.
	Lost []string `json:"-"`
}

// maxFindings bounds a report, and so what a hostile megabyte makes of the answer, the log and the metrics. The errors
// come first, so that the verdict does not depend on it.
const maxFindings = 1_000

// Catalogue is every rule, by id.
func Catalogue() []Rule {
	all := make([]Rule, 0, len(rules.All()))
	for _, r := range rules.All() {
		all = append(all, *r)
	}
	return slices.Clip(all)
}

// Lookup finds a rule by id or name, without regard to letter case.
func Lookup(idOrName string) (Rule, bool) {
	r, ok := rules.Lookup(idOrName)
	if !ok {
		return Rule{}, false
	}
	return *r, true
}

// MaxDataSize is how many bytes of values the API server accepts in a ConfigMap.
const MaxDataSize = rule.MaxDataSize

// DataSize is how many bytes of an object count against MaxDataSize.
func DataSize(cm *corev1.ConfigMap) int { return rule.DataSize(cm) }
