package aws

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

// httpTimeout bounds the calls that the SDK makes by itself, for credentials: it gives them no limit of its own.
const httpTimeout = 10 * time.Second

// Config says how AWS is asked.
type Config = sdk.Config

// LoadConfig is how AWS is asked: credentials, region and endpoints as every AWS tool finds them (environment,
// profile, web identity, Pod Identity, instance; AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT,
// AWS_ENDPOINT_URL). It makes no call, and fails only if the configuration itself is unsound.
func LoadConfig(ctx context.Context) (sdk.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithAppID("aws-auth-guard"),
		config.WithAPIOptions([]func(*middleware.Stack) error{BoundAnswers}),
		config.WithLogger(logging.Nop{}), // it writes to stderr, in a form of its own; what matters comes back as an error
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(httpTimeout)))
	if err != nil {
		return sdk.Config{}, fmt.Errorf("the AWS configuration is invalid: %w", err)
	}
	return cfg, nil
}

// Authenticate looks for credentials, and fails if there are none.
func Authenticate(ctx context.Context, cfg Config) error {
	if cfg.Credentials == nil {
		return errors.New("none are configured")
	}
	_, err := cfg.Credentials.Retrieve(ctx)
	return err
}
