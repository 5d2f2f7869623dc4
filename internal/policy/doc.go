// Package policy says what one cluster allows: a policy file read strictly, its reload, and questions to it.
//
// In goes a YAML file (package v1alpha1 has its format); out comes a Policy that has been checked whole, or an
// error that names the line. Questions about time (has this approval expired?) take the time as an argument, so
// that the webhook and the command line give the same answer.
//
// The guarded object has no part in it: nothing in aws-auth can waive a rule.
package policy
