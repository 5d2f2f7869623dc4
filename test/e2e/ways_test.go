package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// patch is a JSON document that sets mapRoles.
func patch(t *testing.T, mapRoles string) string {
	t.Helper()
	p, err := json.Marshal(map[string]any{"data": map[string]string{"mapRoles": mapRoles}})
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func jsonPatch(t *testing.T, mapRoles string) string {
	t.Helper()
	p, err := json.Marshal([]map[string]string{{"op": "replace", "path": "/data/mapRoles", "value": mapRoles}})
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

// Every way in which kubectl writes is guarded alike: with the same words, or with none.
func TestWaysToWrite(t *testing.T) {
	for name, way := range map[string]struct {
		absent bool // there is no aws-auth before
		write  func(t *testing.T, mapRoles string) answer
		says   string // of a good edit
		denied string // what stands before the finding; "" for what most ways say
		dry    bool   // nothing is stored
	}{
		"create": {absent: true, says: "configmap/aws-auth created\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "create", "-f", "-")
		}},
		"create from a file": {absent: true, says: "configmap/aws-auth created\n",
			denied: `error: failed to create configmap: admission webhook "guard.aws-auth-guard.io" denied the request: ConfigMap "aws-auth" is invalid:
* `, write: func(t *testing.T, mapRoles string) answer {
				file := filepath.Join(t.TempDir(), "mapRoles")
				if err := os.WriteFile(file, []byte(mapRoles), 0o600); err != nil {
					t.Fatal(err)
				}
				return kubectl(t, "", "create", "configmap", "aws-auth", "-n", "kube-system", "--from-file", file)
			}},
		"create, dry run": {absent: true, dry: true, says: "configmap/aws-auth created (server dry run)\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "create", "--dry-run=server", "-f", "-")
		}},
		"apply that creates": {absent: true, says: "configmap/aws-auth created\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "apply", "-f", "-")
		}},
		"apply": {says: "configmap/aws-auth configured\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "apply", "-f", "-")
		}},
		"apply, dry run": {dry: true, says: "configmap/aws-auth configured (server dry run)\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "apply", "--dry-run=server", "-f", "-")
		}},
		"server-side apply that creates": {absent: true, says: "configmap/aws-auth serverside-applied\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "apply", "--server-side", "-f", "-")
		}},
		"server-side apply that takes over from client-side": {says: "configmap/aws-auth serverside-applied\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "apply", "--server-side", "-f", "-")
		}},
		"server-side apply that creates, dry run": {absent: true, dry: true, says: "configmap/aws-auth serverside-applied (server dry run)\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "apply", "--server-side", "--dry-run=server", "-f", "-")
		}},
		"replace": {says: "configmap/aws-auth replaced\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "replace", "-f", "-")
		}},
		"replace, dry run": {dry: true, says: "configmap/aws-auth replaced (server dry run)\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, manifest("aws-auth", mapRoles), "replace", "--dry-run=server", "-f", "-")
		}},
		"JSON patch": {says: "configmap/aws-auth patched\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, "", "patch", "configmap", "aws-auth", "-n", "kube-system", "--type=json", "-p", jsonPatch(t, mapRoles))
		}},
		"merge patch": {says: "configmap/aws-auth patched\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, "", "patch", "configmap", "aws-auth", "-n", "kube-system", "--type=merge", "-p", patch(t, mapRoles))
		}},
		"strategic patch": {says: "configmap/aws-auth patched\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, "", "patch", "configmap", "aws-auth", "-n", "kube-system", "--type=strategic", "-p", patch(t, mapRoles))
		}},
		"patch, dry run": {dry: true, says: "configmap/aws-auth patched\n", write: func(t *testing.T, mapRoles string) answer {
			return kubectl(t, "", "patch", "configmap", "aws-auth", "-n", "kube-system", "--dry-run=server", "-p", patch(t, mapRoles))
		}},
	} {
		before := func(t *testing.T) {
			if way.absent {
				given(t, nil)
			} else {
				givenRoles(t, base)
			}
		}
		t.Run(name+"/good", func(t *testing.T) {
			before(t)
			way.write(t, good).want(t, way.says, 0)
			switch {
			case !way.dry:
				wantRoles(t, good)
			case !way.absent:
				wantRoles(t, base)
			}
		})
		t.Run(name+"/bad", func(t *testing.T) {
			before(t)
			mark := auditMark(t)
			want := refusal
			if way.denied != "" {
				want = way.denied + finding
			}
			way.write(t, bad).want(t, want, 1)
			if !way.absent {
				wantRoles(t, base)
			} else if got := kubectl(t, "", "get", "configmap", "aws-auth", "-n", "kube-system"); got.code == 0 {
				t.Errorf("aws-auth was created:\n%s", got.text)
			}
			mark.want(t, map[string]string{guardDecision: "deny", guardRules: "AA203"})
		})
	}
}

func TestDiff(t *testing.T) {
	t.Run("of a good edit", func(t *testing.T) {
		givenRoles(t, base)
		got := kubectl(t, manifest("aws-auth", good), "diff", "-f", "-")
		if got.code != 1 || !strings.Contains(got.text, "+    - rolearn: arn:aws:iam::111122223333:role/ci\n") {
			t.Errorf("exit code %d, want 1 and the new line in:\n%s", got.code, got.text)
		}
	})
	t.Run("of a bad edit", func(t *testing.T) {
		givenRoles(t, base)
		kubectl(t, manifest("aws-auth", bad), "diff", "-f", "-").want(t, refusal, 2)
	})
	wantRoles(t, base)
}

// An edit of what EKS does not read is none of the guard's business, even in an object that is broken.
func TestNothingThatEKSReadsIsChanged(t *testing.T) {
	for name, mapRoles := range map[string]string{"sound": base, "broken": bad, "unreadable": base + "\tx\n"} {
		t.Run(name, func(t *testing.T) {
			givenRoles(t, mapRoles)
			mark := auditMark(t)
			kubectl(t, "", "label", "configmap", "aws-auth", "-n", "kube-system", "team=platform").want(t, "configmap/aws-auth labeled\n", 0)
			mark.want(t, map[string]string{guardDecision: "allow"})
			kubectl(t, "", "annotate", "configmap", "aws-auth", "-n", "kube-system", "example.com/ticket=1").want(t, "configmap/aws-auth annotated\n", 0)
			kubectl(t, "", "label", "configmap", "aws-auth", "-n", "kube-system", "team=platform").want(t, "configmap/aws-auth not labeled\n", 0)
			// All that changes is the annotation in which kubectl keeps what was applied.
			kubectl(t, manifest("aws-auth", mapRoles), "apply", "-f", "-").want(t, "configmap/aws-auth configured\n", 0)
			kubectl(t, manifest("aws-auth", mapRoles), "replace", "-f", "-").want(t, "configmap/aws-auth replaced\n", 0)
			wantRoles(t, mapRoles)
		})
	}
}

func TestDelete(t *testing.T) {
	t.Run("floor and guard", func(t *testing.T) { deleteInEveryWay(t, nil) })
	t.Run("the guard alone", func(t *testing.T) {
		withoutFloor(t)
		deleteInEveryWay(t, map[string]string{guardDecision: "deny", guardRules: "AA501"})
	})
}

// deleteInEveryWay checks that no way of deleting aws-auth is allowed, and what the webhook decided.
func deleteInEveryWay(t *testing.T, decision map[string]string) {
	t.Helper()
	for name, args := range map[string][]string{
		"by name":                  {"delete", "configmap", "aws-auth", "-n", "kube-system"},
		"by name, dry run":         {"delete", "configmap", "aws-auth", "-n", "kube-system", "--dry-run=server"},
		"at once":                  {"delete", "configmap", "aws-auth", "-n", "kube-system", "--force", "--grace-period=0"},
		"all of the namespace":     {"delete", "configmap", "--all", "-n", "kube-system"},
		"as a collection":          {"delete", "--raw", "/api/v1/namespaces/kube-system/configmaps"},
		"as a collection, dry run": {"delete", "--raw", "/api/v1/namespaces/kube-system/configmaps?dryRun=All"},
		"by label":                 {"delete", "--raw", "/api/v1/namespaces/kube-system/configmaps?labelSelector=!other"},
	} {
		t.Run(name, func(t *testing.T) {
			givenRoles(t, base)
			mark := auditMark(t)
			got := kubectl(t, "", args...)
			if got.code != 1 || !strings.Contains(got.text, "AA501 deletes-aws-auth: aws-auth is being deleted") {
				t.Errorf("exit code %d, want 1 and AA501 in:\n%s", got.code, got.text)
			}
			wantRoles(t, base)
			mark.want(t, decision)
		})
	}
	t.Run("to make it anew", func(t *testing.T) {
		givenRoles(t, base)
		got := kubectl(t, manifest("aws-auth", good), "replace", "--force", "-f", "-")
		if got.code != 1 || !strings.Contains(got.text, "AA501") {
			t.Errorf("exit code %d, want 1 and AA501 in:\n%s", got.code, got.text)
		}
		wantRoles(t, base)
	})
}
