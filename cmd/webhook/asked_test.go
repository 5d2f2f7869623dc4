package main

import "testing"

// TestDecide: what is said wins over what is found, and auto is on with credentials of the guard's own.
func TestDecide(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	const none = "AWS credentials: none of an IAM role for the service account, Pod Identity or an access key"
	const irsa = "AWS credentials: IAM role for the service account (AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE)"
	for _, tt := range []struct{ value, without, with string }{
		{"off", "off; --iam=off", "off; --iam=off"},
		{"aws", "on; --iam=aws", "on; --iam=aws"},
		{"auto", "off; " + none, "on; " + irsa},
	} {
		if got := decide("iam", tt.value).String(); got != tt.without {
			t.Errorf("--iam %s without credentials: %q, want %q", tt.value, got, tt.without)
		}
		t.Run(tt.value, func(t *testing.T) {
			t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/aws-auth-guard")
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")
			if got := decide("iam", tt.value).String(); got != tt.with {
				t.Errorf("--iam %s with a role: %q, want %q", tt.value, got, tt.with)
			}
		})
	}
}
