package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
)

// service is one of AWS's regional services, asked in signed requests: the SDK's signer, credentials and retries without its
// client for the service, of which the guard needs a single call (docs/design.md). Errors are the SDK's, as iam.Explain
// expects them.
type service struct {
	name     string // in signatures and host names: ec2
	endpoint string
	cfg      aws.Config
	signer   *v4.Signer
	retries  *retry.Standard
	// code finds AWS's error code in an answer that is an error; "" if there is none.
	code func(http.Header, []byte) string
}

// maxAnswer and maxError bound what is read of an answer: a page of 1,000 instances is some megabytes.
const maxAnswer, maxError = 64 << 20, 64 << 10

// newService connects to a service in cfg's region.
func newService(cfg aws.Config, name string, code func(http.Header, []byte) string) (*service, error) {
	endpoint, err := endpointOf(cfg, name)
	if err != nil {
		return nil, err
	}
	return &service{name: name, endpoint: endpoint, cfg: cfg, signer: v4.NewSigner(), code: code, retries: retry.NewStandard(func(o *retry.StandardOptions) {
		if cfg.RetryMaxAttempts > 0 {
			o.MaxAttempts = cfg.RetryMaxAttempts
		}
	})}, nil
}

// endpointOf is where a service answers: AWS_ENDPOINT_URL_EC2 and the like, AWS_ENDPOINT_URL, or the region's own endpoint.
// Those of FIPS and of IPv6 follow no rule that is the same for all regions, and have to be named.
func endpointOf(cfg aws.Config, name string) (string, error) {
	ctx := context.Background() // nobody is asked
	var ignored, special bool
	var own string
	for _, source := range cfg.ConfigSources {
		if p, ok := source.(interface {
			GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
		}); ok {
			v, found, _ := p.GetIgnoreConfiguredEndpoints(ctx)
			ignored = ignored || found && v
		}
		if p, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		}); ok && own == "" {
			own, _, _ = p.GetServiceBaseEndpoint(ctx, strings.ToUpper(name))
		}
		if p, ok := source.(interface {
			GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
		}); ok {
			v, _, _ := p.GetUseFIPSEndpoint(ctx)
			special = special || v == aws.FIPSEndpointStateEnabled
		}
		if p, ok := source.(interface {
			GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
		}); ok {
			v, _, _ := p.GetUseDualStackEndpoint(ctx)
			special = special || v == aws.DualStackEndpointStateEnabled
		}
	}
	switch {
	case own != "" && !ignored:
		return strings.TrimSuffix(own, "/"), nil
	case cfg.BaseEndpoint != nil && !ignored:
		return strings.TrimSuffix(*cfg.BaseEndpoint, "/"), nil
	case special:
		return "", problemf("FIPS or dual-stack endpoints are asked for, so set AWS_ENDPOINT_URL_%s to the region's", strings.ToUpper(name))
	}
	return "https://" + name + "." + cfg.Region + "." + iam.DNSSuffix(cfg.Region), nil
}

// call sends one request, again if need be, and has the answer decoded. path is escaped, and may have a query.
func (s *service) call(ctx context.Context, method, path string, body []byte, decode func(io.Reader) error) error {
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, method, path, body, decode)
		if err == nil || attempt >= s.retries.MaxAttempts() || !s.retries.IsErrorRetryable(err) {
			return err
		}
		delay, delayErr := s.retries.RetryDelay(attempt, err)
		if delayErr != nil || !sleep(ctx, delay) {
			return err
		}
	}
}

func (s *service) once(ctx context.Context, method, path string, body []byte, decode func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, method, s.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "aws-auth-guard")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	credentials, err := s.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := s.signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), s.name, s.cfg.Region, time.Now()); err != nil {
		return err
	}
	resp, err := s.cfg.HTTPClient.Do(req)
	if err != nil {
		return &smithyhttp.RequestSendError{Err: err}
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	answer := func(err error) error {
		return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: resp}, Err: err}
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxError)) // what there is of it
		code := s.code(resp.Header, text)
		if code == "" {
			code = "UnknownError"
		}
		return answer(&smithy.GenericAPIError{Code: code})
	}
	if err := decode(iam.Bounded(resp.Body, maxAnswer)); err != nil {
		return answer(&smithy.DeserializationError{Err: fmt.Errorf("the answer cannot be read: %w", err)})
	}
	return nil
}
