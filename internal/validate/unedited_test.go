package validate_test

import (
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// What is stored is stored: asked for the faults of an update that changes nothing, the validator never denies it, by no policy.
func TestUnedited(t *testing.T) {
	object := aconfigmap(map[string]string{"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/team/ci\n  username: ci\n  groups: [deployers, system:masters]\n"})
	for _, mode := range []string{policy.Warn, policy.Deny} {
		p := policy.Default()
		p.Preexisting = mode
		v, err := validate.New(p)
		if err != nil {
			t.Fatal(err)
		}
		for unedited, want := range map[bool]int{false: 0, true: 1} {
			report := v.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: object, New: object.DeepCopy(), Unedited: unedited})
			if !report.Allowed || len(report.Findings) != want {
				t.Errorf("%s, asked for: %t: allowed %t, want %d findings: %v", mode, unedited, report.Allowed, want, report.Findings)
			}
		}
	}
}
