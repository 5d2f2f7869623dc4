// Package policy says what one cluster allows: the format of the policy file, its strict reading, its reload, and
// questions to it.
//
// In goes a YAML file; out comes a Policy that has been checked whole, or an error that names the line. Questions about
// time (has this approval expired?) take the time as an argument, so that the webhook and the command line give the same
// answer.
//
// policy.go is the one definition of the file's fields. From it come the JSON schema, the policy in the chart's values
// and the field reference in docs/policy.md (gen, `make generate`): the comment of a field is its description there. The
// tag format names what a value must be like: gen/formats.go has it in words and as JSON schema, and Validate as code. The
// tag schema says that a field is required, or a list nonempty, in the chart; header is what the chart writes itself. A
// new field is written there, and checked in validate.go.
//
// The guarded object has no part in it: nothing in aws-auth can waive a rule.
package policy
