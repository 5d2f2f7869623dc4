// Package v1alpha1 is the format of the policy file: the one definition of its fields, their defaults and what is
// valid.
//
// From it come the JSON schema, the policy in the chart's values and the field reference in docs/policy.md
// (command gen beside this package, `make generate`): the comment of a field is its description there. A field is
// legal by its Go type, and by the tag schema, which names a format (package main of gen has each as JSON schema,
// validate.go here as Go) and may add: required, or nonempty for a list with at least one item.
//
// It knows nothing of YAML's text. Package policy reads that, strictly, and puts the lines to the errors.
package v1alpha1
