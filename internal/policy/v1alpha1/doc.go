// Package v1alpha1 is the format of the policy file: the one definition of its fields, their defaults and what is
// valid.
//
// From it come the JSON schema, the policy in the chart's values and the field reference in docs/policy.md
// (internal/policy/gen, `make generate`). The comment of a field is its description there. The tag format names what a
// value must be like: gen/formats.go has it in words and as JSON schema, and Validate as code. The tag schema says
// that a field is required, or a list nonempty, in the chart; header is what the chart writes itself.
//
// A new field is written here, checked in validate.go, and used in ../file.go.
//
// The package knows nothing of the text of a file. Package policy reads that, strictly, and adds the lines to errors.
package v1alpha1
