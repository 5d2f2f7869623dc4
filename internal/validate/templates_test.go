package validate_test

import (
	"strings"
	"testing"
)

// TestRandomOrder: what EKS finds for a role is any one of those that are equal to it without regard to case.
func TestRandomOrder(t *testing.T) {
	const other = "- rolearn: arn:aws:iam::111122223333:role/te\u017ft\n  username: two\n  groups: [viewers]\n"
	one := item("- rolearn: arn:aws:iam::111122223333:role/test")
	update(nodeRole+one, nodeRole+one+other, deny, "AA108", "at random").check(t)
	update(nodeRole+one, nodeRole+one+strings.Replace(other, "te\u017ft", "TEST", 1), deny, "AA108", "takes the last").check(t)
}
