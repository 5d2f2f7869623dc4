package iam

import (
	"strings"
	"testing"
)

// An answer's ARN counts only in the forms that IAM has: names of 64 characters and paths of 512 at most.
func TestARNsOfAnswers(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::111122223333:role"
	path := func(n int) string { return "/" + strings.Repeat("p", n-2) + "/" }
	for arn, want := range map[string]bool{
		role + "/ci":                                 true,
		role + "/" + strings.Repeat("n", 64):         true,
		role + "/" + strings.Repeat("n", 65):         false,
		role + path(512) + "ci":                      true,
		role + path(513) + "ci":                      false,
		role + "//ci":                                false,
		role + "/a b/ci":                             false,
		role + "/c*":                                 false,
		role:                                         false,
		"arn:aws:iam::111122223333:user/a/alice":     true,
		"arn:aws:iam::111122223333:group/admins":     false,
		"arn:aws:iam:us-east-1:111122223333:role/ci": false,
		"arn:aws:iam::1111:role/ci":                  false,
	} {
		if _, ok := read(arn); ok != want {
			t.Errorf("%s is taken: %t, want %t", arn, ok, want)
		}
	}
}
