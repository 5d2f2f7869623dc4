package aws

import (
	"context"
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/middleware"
)

// httpTimeout bounds the calls that the SDK makes by itself, for credentials: it gives them no limit of its own.
const httpTimeout = 10 * time.Second

// LoadConfig is how AWS is asked: credentials, region and endpoints as every AWS tool finds them (environment,
// profile, web identity, Pod Identity, instance; AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT,
// AWS_ENDPOINT_URL). It makes no call, and fails only if the configuration itself is unsound.
func LoadConfig(ctx context.Context) (sdk.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithAppID("aws-auth-guard"),
		config.WithAPIOptions([]func(*middleware.Stack) error{BoundAnswers}),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(httpTimeout)))
	if err != nil {
		return sdk.Config{}, fmt.Errorf("the AWS configuration is invalid: %w", err)
	}
	return cfg, nil
}
