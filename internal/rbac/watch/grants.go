package watch

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// The virtual resources of which the API server knows nothing but what RBAC says of them.
const (
	grantGroup = "aws-auth-guard.io"
	grantVerb  = "grant"
)

// Grants implements the port to the authorizer for a cluster: one SubjectAccessReview for each question.
type Grants struct {
	client authorizationv1client.SubjectAccessReviewInterface
}

var _ privilege.Authorizer = (*Grants)(nil)

// NewGrants connects to a cluster.
func NewGrants(config *rest.Config) (*Grants, error) {
	// A pace of our own would have edits wait behind reviews that somebody made up; the API server has its fairness.
	config = rest.CopyConfig(config)
	config.QPS = -1
	client, err := authorizationv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("SubjectAccessReview: %w", err)
	}
	return &Grants{client.SubjectAccessReviews()}, nil
}

// MayGrant asks for the user as it came in, groups and extra fields included.
func (g *Grants) MayGrant(ctx context.Context, user authenticationv1.UserInfo, resource, name string) (allowed bool, reason string, err error) {
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	review, err := g.client.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, Groups: user.Groups, UID: user.UID, Extra: extra,
		ResourceAttributes: grant(resource, name),
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, "", err
	}
	allowed, reason = answer(review.Status)
	return allowed, reason, nil
}

// OwnGrants asks the same for nobody but the caller itself, which every caller may: one SelfSubjectAccessReview for each question.
type OwnGrants struct {
	client authorizationv1client.SelfSubjectAccessReviewInterface
}

var _ privilege.Authorizer = (*OwnGrants)(nil)

// NewOwnGrants connects to a cluster.
func NewOwnGrants(config *rest.Config) (*OwnGrants, error) {
	client, err := authorizationv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("SelfSubjectAccessReview: %w", err)
	}
	return &OwnGrants{client.SelfSubjectAccessReviews()}, nil
}

// MayGrant asks for the caller, and does not look at the user.
func (g *OwnGrants) MayGrant(ctx context.Context, _ authenticationv1.UserInfo, resource, name string) (allowed bool, reason string, err error) {
	review, err := g.client.Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: grant(resource, name),
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, "", err
	}
	allowed, reason = answer(review.Status)
	return allowed, reason, nil
}

func grant(resource, name string) *authorizationv1.ResourceAttributes {
	return &authorizationv1.ResourceAttributes{Verb: grantVerb, Group: grantGroup, Resource: resource, Name: name}
}

func answer(status authorizationv1.SubjectAccessReviewStatus) (allowed bool, reason string) {
	if status.EvaluationError != "" && !status.Allowed {
		return false, status.EvaluationError
	}
	return status.Allowed && !status.Denied, status.Reason
}
