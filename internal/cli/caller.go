package cli

import (
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac/watch"
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
	grants, err := watch.NewOwnGrants(config)
	if err != nil {
		return caller{}, o.explain(err)
	}
	review, err := who.SelfSubjectReviews().Create(cmd.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil { // Kubernetes before 1.28 has no such API
		note(cmd, fmt.Sprintf("the cluster does not say who you are, so neither break-glass groups nor approvers count here: %s", o.explain(err)))
		return caller{}, nil
	}
	return caller{review.Status.UserInfo, grants}, nil
}
