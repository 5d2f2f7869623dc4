package validate_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestPathsInIAM maps roles that have a path in IAM by their ARN without it, as EKS compares them: service-linked roles, roles of IAM
// Identity Center, and those of an organisation.
func TestPathsInIAM(t *testing.T) {
	for name, path := range map[string]string{
		"AWSServiceRoleForAmazonEMRContainers":    "aws-service-role/emr-containers.amazonaws.com/",
		"AWSServiceRoleForBatch":                  "aws-service-role/batch.amazonaws.com/",
		"AWSReservedSSO_Viewers_0123456789abcdef": "aws-reserved/sso.amazonaws.com/eu-west-1/",
		"codebuild-demo-service-role":             "service-role/",
		"deployers":                               "teams/platform/",
	} {
		t.Run(name, func(t *testing.T) {
			arn := "arn:aws:iam::111122223333:role/" + name
			answers := caseHead{IAM: map[string]answer{arn: {Existence: "exists", ARN: strings.Replace(arn, "role/", "role/"+path, 1)}}}
			update(nodeRole, nodeRole+item("- rolearn: "+arn), clean, "", "").check(t, validate.WithPorts(validate.Ports{Principals: answers}))
		})
	}
}
