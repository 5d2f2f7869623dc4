// Package policy says what one cluster allows: the Policy file, its strict decoding, its defaults and its reload.
//
// In goes a YAML file (apiVersion aws-auth-guard.io/v1alpha1, kind Policy); out comes a Policy that has been checked
// whole, or an error that names the line. Questions about time (has this approval expired?) take the time as an
// argument, so that the webhook and the command line give the same answer.
//
// The guarded object has no part in it: nothing in aws-auth can waive a rule.
package policy
