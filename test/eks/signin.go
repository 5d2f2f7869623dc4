package eks

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// Principal is who signs in.
type Principal struct {
	// ARN is that of a role, a user, a federated user or a root user, without a path.
	ARN string
	// Session is the name of the role's session; for an EC2 instance, its id. Only roles have one.
	Session string
	// AccessKeyID is what {{AccessKeyID}} becomes; empty: a new one for each sign-in.
	AccessKeyID string
}

// Identity is what a principal becomes in Kubernetes.
type Identity struct {
	Username string
	Groups   []string
}

// RefusedError says that the API server does not authenticate a principal.
type RefusedError struct{ Principal Principal }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s (session %q) cannot authenticate", e.Principal.ARN, e.Principal.Session)
}

// session is the ARN under which STS knows the principal.
func (p Principal) session() string {
	arn, err := awsauth.ParseARN(p.ARN)
	if err != nil || arn.Kind != awsauth.KindRole {
		return p.ARN
	}
	return "arn:" + arn.Partition + ":sts::" + arn.Account + ":assumed-role/" + arn.Name + "/" + p.Session
}

// SignIn is who the API server takes a principal for, by a new token as `aws eks get-token` makes it. The error is a
// RefusedError where the principal cannot authenticate.
func (a *Authenticator) SignIn(ctx context.Context, p Principal) (Identity, error) {
	key := cmp.Or(p.AccessKeyID, fake.AccessKeyID())
	if err := a.AWS.AddCredential(fake.Credential{AccessKeyID: key, ARN: p.session()}); err != nil {
		return Identity{}, err
	}
	defer a.AWS.RemoveCredential(key)
	review, err := a.Admin.AuthenticationV1().TokenReviews().Create(ctx,
		&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token(key)}}, metav1.CreateOptions{})
	if err != nil {
		return Identity{}, err
	}
	if !review.Status.Authenticated {
		return Identity{}, &RefusedError{p}
	}
	return Identity{review.Status.User.Username, review.Status.User.Groups}, nil
}

// token is what `aws eks get-token` prints: a presigned request to STS, in base64. The signature is none, since the fake STS
// does not compute it.
func token(accessKeyID string) string {
	now := time.Now().UTC()
	scope := strings.Join([]string{accessKeyID, now.Format("20060102"), Region, "sts", "aws4_request"}, "/")
	presigned := "https://sts." + Region + ".amazonaws.com/?" + url.Values{
		"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}, "X-Amz-Algorithm": {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential": {scope}, "X-Amz-Date": {now.Format("20060102T150405Z")}, "X-Amz-Expires": {"60"},
		"X-Amz-SignedHeaders": {"host;x-k8s-aws-id"}, "X-Amz-Signature": {"none"}}.Encode()
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(presigned))
}
