//go:build chaos

package chaos

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestPolicyReplaced: whatever comes in the place of the policy file, the previous policy stays in force, and a good file
// comes into force afterwards.
func TestPolicyReplaced(t *testing.T) {
	const (
		rejected = "the new policy is invalid"
		rules    = "rules: {AA203: warning}\n"
	)
	for name, put := range map[string]func(t *testing.T){
		"garbage": func(t *testing.T) { write(t, "policy.yaml", "\x00\xff{{{ not a policy") },
		"words":   func(t *testing.T) { write(t, "policy.yaml", approving+"mode: on-fridays\n") },
		"everybody-spared": func(t *testing.T) {
			write(t, "policy.yaml", strings.Replace(approving, breakGlass, "system:authenticated", 1))
		},
		"half-of-it": func(t *testing.T) { write(t, "policy.yaml", approving[:len(approving)/2]) },
		"nothing":    func(t *testing.T) { write(t, "policy.yaml", "") },
		"2-MiB": func(t *testing.T) {
			write(t, "policy.yaml", approving+strings.Repeat("# as large as no policy is\n", 2<<20/27+1))
		},
		"a-deep-one":    func(t *testing.T) { write(t, "policy.yaml", strings.Repeat("[", 500_000)) },
		"an-alias-bomb": func(t *testing.T) { write(t, "policy.yaml", bomb()) },
		"no-file": func(t *testing.T) {
			if err := os.Remove(file("policy.yaml")); err != nil {
				t.Fatal(err)
			}
		},
		"a-directory": func(t *testing.T) {
			if err := errors.Join(os.Remove(file("policy.yaml")), os.Mkdir(file("policy.yaml"), 0o700)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := os.RemoveAll(file("policy.yaml")); err != nil {
					t.Error(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			begin(t, setting{})
			ctx, before := t.Context(), logged(t, rejected)
			put(t)
			judged := 0
			measured("policy-"+name+"-reported-after", eventually(t, func() error {
				// Judged by the previous one all the while.
				for text, rule := range map[string]string{good: "", bad: "AA203", base + strings.Replace(ci, "deployers", "system:masters", 1): "AA401"} {
					if err := try(ctx, text); rule == "" && err != nil || rule != "" && refused(err, rule) != nil {
						t.Fatalf("want %q: %v", rule, err)
					}
					judged++
				}
				if logged(t, rejected) == before {
					return errors.New("the log does not say that the policy is invalid")
				}
				return nil
			}))
			measured("policy-"+name+"-edits-judged-meanwhile", judged)
			if info, err := os.Stat(file("policy.yaml")); err == nil && info.IsDir() {
				if err := os.Remove(file("policy.yaml")); err != nil {
					t.Fatal(err)
				}
			}
			write(t, "policy.yaml", approving+rules)
			measured("policy-"+name+"-fixed-after", eventually(t, func() error { return try(ctx, bad) }))
			if resident := resident(t); resident > 200 {
				t.Errorf("the guard takes %d MiB after that, want 200 at most", resident)
			}
		})
	}
}

// bomb is a policy that would be a million entries if its aliases were followed.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 6; i++ {
		level, below := string(rune('0'+i)), "*a"+string(rune('0'+i-1))
		b.WriteString("a" + level + ": &a" + level + " [" + strings.Repeat(below+", ", 9) + below + "]\n")
	}
	return header + b.String()
}
