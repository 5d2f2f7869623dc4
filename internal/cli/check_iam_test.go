package cli

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// What docs/iam.md shows of the command is what it prints.
func TestIAMDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/iam.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for block := range strings.SplitSeq(string(text), "```") {
		command, want, ok := strings.Cut(strings.TrimPrefix(block, "\n"), "\n")
		args, isCommand := strings.CutPrefix(command, "$ kubectl awsauth ")
		if !ok || !isCommand {
			continue
		}
		shown++
		got, code := kubectl(strings.Fields(args)...)
		if code != exitAdmitted {
			t.Errorf("%s: exit code %d", command, code)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-docs +printed):\n%s", command, d)
		}
	}
	if shown < 3 {
		t.Errorf("%d commands found, want 3 at least", shown)
	}
}

// check --iam aws asks with the credentials and the endpoints that the environment names.
func TestCheckIAM(t *testing.T) {
	seed, err := fake.Load("../../test/awsfake/seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	aws, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(aws)
	defer server.Close()
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte(`apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
accounts:
- id: "444455556666"
  roleARN: arn:aws:iam::444455556666:role/aws-auth-guard
`), 0o600); err != nil {
		t.Fatal(err)
	}
	roles := func(arn string) string {
		name := filepath.Join(dir, strings.NewReplacer(":", "-", "/", "-").Replace(arn)+".yaml")
		text := "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n" +
			"- rolearn: " + arn + "\n  username: ci\n  groups: [deployers]\n"
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, tt := range map[string]struct {
		arn, key string
		iam      string
		code     int
		says     string
	}{
		"a role":                   {arn: "arn:aws:iam::111122223333:role/ci", iam: "aws"},
		"a misspelt role":          {arn: "arn:aws:iam::111122223333:role/deploier", iam: "aws", code: exitDenied, says: "did you mean arn:aws:iam::111122223333:role/deployer?"},
		"a misspelt role, unasked": {arn: "arn:aws:iam::111122223333:role/deploier", iam: "off"},
		"another account":          {arn: "arn:aws:iam::444455556666:role/auditor", iam: "aws"},
		"another partition":        {arn: "arn:aws-cn:iam::111122223333:role/ci", iam: "aws", code: exitDenied, says: "AA204"},
		"no permission":            {arn: "arn:aws:iam::111122223333:role/ci", iam: "aws", key: "guard-without-permissions", code: exitDenied, says: "lacks iam:GetRole on role ci"},
	} {
		t.Run(name, func(t *testing.T) {
			key := tt.key
			if key == "" {
				key = "guard"
			}
			for _, name := range variables {
				t.Setenv(name, "")
			}
			for name, value := range map[string]string{
				"AWS_ENDPOINT_URL_IAM": server.URL, "AWS_ENDPOINT_URL_STS": server.URL, "AWS_EC2_METADATA_DISABLED": "true",
				"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "secret",
				"AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
			} {
				t.Setenv(name, value)
			}
			out, code := kubectl("check", "--map-roles", roles(tt.arn), "--policy", policy, "--iam", tt.iam)
			if code != tt.code || !strings.Contains(out, tt.says) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, tt.code, tt.says, out)
			}
		})
	}
}
