package cli

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// caller is who makes an edit, as the cluster sees them and so the webhook. What they may grant, the cluster is asked as them.
type caller struct {
	user   authenticationv1.UserInfo
	grants privilege.Authorizer
}

// caller asks the cluster who asks it, with --as if that is given. Nobody is known if the cluster does not say.
func (o clusterOptions) caller(cmd *cobra.Command) (caller, error) {
	config, err := o.config()
	if err != nil {
		return caller{}, err
	}
	who, err := authenticationv1client.NewForConfig(config)
	if err != nil {
		return caller{}, o.explain(err)
	}
	may, err := authorizationv1client.NewForConfig(config)
	if err != nil {
		return caller{}, o.explain(err)
	}
	review, err := who.SelfSubjectReviews().Create(cmd.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil { // Kubernetes before 1.28 has no such API
		note(cmd, fmt.Sprintf("the cluster does not say who you are, so neither break-glass groups nor approvers count here: %s", o.explain(err)))
		return caller{}, nil
	}
	return caller{review.Status.UserInfo, ownGrants{may.SelfSubjectAccessReviews()}}, nil
}

// ownGrants asks the cluster's authorizer about the caller, which everyone may.
type ownGrants struct {
	client authorizationv1client.SelfSubjectAccessReviewInterface
}

// MayGrant asks what internal/rbac/watch asks for the webhook.
func (g ownGrants) MayGrant(ctx context.Context, _ authenticationv1.UserInfo, resource, name string) (allowed bool, reason string, err error) {
	review, err := g.client.Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "grant", Group: "aws-auth-guard.io", Resource: resource, Name: name},
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, "", err
	}
	return review.Status.Allowed && !review.Status.Denied, review.Status.Reason, nil
}
