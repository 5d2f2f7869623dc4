//go:build chaos

package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

const account = "arn:aws:iam::111122223333:"

// entry is a role of that name, with groups of its own.
func entry(name string) string {
	return strings.ReplaceAll(strings.Replace(ci, "role/ci", "role/"+name, 1), "username: ci", "username: "+name)
}

// TestIAM: AWS slow, throttled, down and lying. A role that could not be checked is refused as such, never as one that
// does not exist, and never let in; what needs no IAM gets in meanwhile; and when AWS is well again, the guard is.
func TestIAM(t *testing.T) {
	seed := fake.Seed{
		Credentials: []fake.Credential{{AccessKeyID: "guard", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod"}},
		Roles:       []fake.Role{{ARN: account + "role/aws-auth-guard"}, {ARN: account + "role/nodes"}, {ARN: account + "role/admin"}},
	}
	faults := []struct {
		name   string
		faults fake.Faults
		letsIn bool
	}{
		{"slow", fake.Faults{Latency: metav1.Duration{Duration: 400 * time.Millisecond}}, true},
		{"too-slow", fake.Faults{Latency: metav1.Duration{Duration: 20 * time.Second}}, false},
		{"hanging", fake.Faults{Answer: fake.Hang}, false},
		{"throttled", fake.Faults{Answer: fake.Throttling}, false},
		{"failing", fake.Faults{Answer: fake.Error500}, false},
		{"unavailable", fake.Faults{Answer: fake.Error503}, false},
		{"cut-off", fake.Faults{Answer: fake.Reset}, false},
		{"denying", fake.Faults{Answer: fake.AccessDenied}, false},
		{"expired", fake.Faults{Answer: fake.ExpiredToken}, false},
		{"proxy-403", fake.Faults{Answer: fake.HTML403}, false},
		{"lying-empty", fake.Faults{Answer: fake.Empty}, false},
		{"lying-portal", fake.Faults{Answer: fake.HTML200}, false},
		{"lying-404", fake.Faults{Answer: fake.HTML404}, false},
		{"lying-redirect", fake.Faults{Answer: fake.Redirect}, false},
		{"lying-truncated", fake.Faults{Answer: fake.Truncated}, false},
		{"lying-somebody-else", fake.Faults{Answer: fake.SomebodyElse}, false},
	}
	for _, f := range faults {
		for _, name := range []string{"new-", "other-"} {
			seed.Roles = append(seed.Roles, fake.Role{ARN: account + "role/" + name + f.name})
		}
	}
	aws, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	url := fake.Serve(t, aws)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			ctx := t.Context()
			begin(t, setting{aws: url}) // what it had learnt of AWS is gone
			// It knows who it is.
			eventually(t, func() error { return try(ctx, base+entry("other-"+f.name)) })
			set := func(faults fake.Faults) {
				if err := aws.SetFaults(faults); err != nil {
					t.Fatal(err)
				}
			}
			set(f.faults)
			defer set(fake.Faults{})
			started := time.Now()
			err := try(ctx, base+entry("new-"+f.name))
			measured("iam-"+f.name+"-answered-after", time.Since(started))
			switch {
			case f.letsIn && err != nil:
				t.Errorf("a role that is there: %v", err)
			case !f.letsIn:
				if wrong := refused(err, "AA302"); wrong != nil {
					t.Error(wrong)
				} else if strings.Contains(err.Error(), "AA301") {
					t.Error("a role that is there is said not to be")
				}
				// Nor is one that is not there let in, or said not to be there.
				if err := refused(try(ctx, base+entry("none-"+f.name)), "AA302"); err != nil {
					t.Error(err)
				}
			}
			for what, text := range map[string]string{"an edit of groups": strings.Replace(base, "username: admin", "username: boss", 1), "a removal": nodes} {
				if err := try(ctx, text); err != nil {
					t.Errorf("%s, about which IAM need not be asked: %v", what, err)
				}
			}
			if err := refused(try(ctx, bad), "AA203"); err != nil {
				t.Error(err)
			}
			if *percent < 100 && f.name != "hanging" && f.name != "throttled" { // coming back takes a quarter of a minute
				return
			}
			set(fake.Faults{})
			measured("iam-"+f.name+"-well-again-after", eventually(t, func() error {
				if err := try(ctx, base+entry("new-"+f.name)); err != nil {
					return err
				}
				return refused(try(ctx, base+entry("none-"+f.name)), "AA301")
			}))
		})
	}
	t.Run("busy", func(t *testing.T) { // 5 calls a second for everybody in the account, and 40 edits at once
		begin(t, setting{aws: url})
		if err := aws.SetFaults(fake.Faults{Rate: 5}); err != nil {
			t.Fatal(err)
		}
		answers := make(chan error)
		for i := range 40 {
			go func() { answers <- try(t.Context(), base+entry(fmt.Sprintf("none-%d", i))) }()
		}
		unchecked := 0
		for range 40 {
			if err := <-answers; refused(err, "AA301") == nil {
				continue
			} else if err := refused(err, "AA302"); err != nil {
				t.Error(err)
			}
			unchecked++
		}
		measured("iam-busy-unchecked-of-40", unchecked)
	})
}
