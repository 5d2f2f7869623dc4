package aws_test

import (
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
)

// TestFindSource: what EKS's webhooks put into a pod is found, half of it is not, and neither is a node's role.
func TestFindSource(t *testing.T) {
	t.Parallel()
	const token, role = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token", "arn:aws:iam::111122223333:role/aws-auth-guard"
	for name, tt := range map[string]struct {
		environment map[string]string
		want        aws.Source
	}{
		"nothing":            {nil, aws.NoSource},
		"a region":           {map[string]string{"AWS_REGION": "eu-west-1", "AWS_STS_REGIONAL_ENDPOINTS": "regional"}, aws.NoSource},
		"IRSA":               {map[string]string{"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": token}, aws.IRSA},
		"a role, no token":   {map[string]string{"AWS_ROLE_ARN": role}, aws.NoSource},
		"a token, no role":   {map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": token}, aws.NoSource},
		"Pod Identity":       {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}, aws.PodIdentity},
		"an access key":      {map[string]string{"AWS_ACCESS_KEY_ID": "guard", "AWS_SECRET_ACCESS_KEY": "secret"}, aws.Environment},
		"half an access key": {map[string]string{"AWS_ACCESS_KEY_ID": "guard"}, aws.NoSource},
		"node's metadata":    {map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://169.254.169.254"}, aws.NoSource},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := aws.FindSource(func(name string) string { return tt.environment[name] }); got != tt.want {
				t.Errorf("FindSource() = %s, want %s", string(got), string(tt.want))
			}
		})
	}
}
