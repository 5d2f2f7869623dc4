package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/encoding/httpbinding"
	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// eksPage is the most that EKS returns at once.
const eksPage = 100

// eksCode finds the code of an error of EKS: in a header, by itself or before a colon (smithy, "AWS restJson1 protocol").
func eksCode(h http.Header, _ []byte) string {
	code, _, _ := strings.Cut(h.Get("X-Amzn-Errortype"), ":")
	return code
}

// get reads one resource of EKS's REST API into out. path are the parts of its path.
func (a *asker) get(ctx context.Context, out any, query url.Values, path ...string) error {
	var escaped strings.Builder
	for _, p := range path {
		escaped.WriteString("/" + httpbinding.EscapePath(p, true))
	}
	if len(query) > 0 {
		escaped.WriteString("?" + query.Encode())
	}
	return a.eks.call(ctx, http.MethodGet, escaped.String(), nil, func(r io.Reader) error { return json.NewDecoder(r).Decode(out) })
}

// absent says of what EKS does not know that it does not know it.
func absent(err error, what, name string) error {
	var answer smithy.APIError
	if errors.As(err, &answer) && answer.ErrorCode() == "ResourceNotFoundException" {
		return problem{fmt.Sprintf("EKS knows no %s %s in this region", what, name), true}
	}
	return err
}

// described is what EKS says of a cluster.
type described struct {
	mode      validate.AuthenticationMode
	account   string // "" if it is not known
	authority []byte // the certificates by which its API server is known, PEM
}

// cluster asks for the cluster. One from before there were authentication modes names none.
func (a *asker) cluster(ctx context.Context, name string) (described, error) {
	return ask(ctx, a, "eks", "DescribeCluster", "cluster "+name, func(ctx context.Context) (described, error) {
		var out struct {
			Cluster struct {
				Name, Arn            string
				AccessConfig         struct{ AuthenticationMode validate.AuthenticationMode }
				CertificateAuthority struct{ Data []byte } // base64, as encoding/json has bytes
			}
		}
		if err := a.get(ctx, &out, nil, "clusters", name); err != nil {
			return described{}, absent(err, "cluster", name)
		}
		if out.Cluster.Name != name {
			return described{}, problemf("the answer to eks:DescribeCluster holds no cluster %s", name)
		}
		d := described{mode: cmp.Or(out.Cluster.AccessConfig.AuthenticationMode, validate.ConfigMapMode), authority: out.Cluster.CertificateAuthority.Data}
		if parts := strings.SplitN(out.Cluster.Arn, ":", 6); len(parts) == 6 { // arn:P:eks:REGION:ACCOUNT:cluster/NAME
			d.account = parts[4]
		}
		return d, nil
	})
}

// list reads all pages of one of EKS's lists of names. field is the name that the list has in the answer.
func (a *asker) list(ctx context.Context, api, cluster, kind, field string, query url.Values) ([]string, error) {
	query.Set("maxResults", strconv.Itoa(eksPage))
	var all []string
	for range maxPages {
		page, err := ask(ctx, a, "eks", api, "cluster "+cluster, func(ctx context.Context) (map[string]json.RawMessage, error) {
			out := map[string]json.RawMessage{}
			return out, a.get(ctx, &out, query, "clusters", cluster, kind)
		})
		if err != nil {
			return nil, err
		}
		var names []string
		if err := json.Unmarshal(page[field], &names); err != nil || names == nil {
			return nil, problemf("the answer to eks:%s holds no list", api)
		}
		all = append(all, names...)
		next := ""
		if token, ok := page["nextToken"]; ok && json.Unmarshal(token, &next) != nil {
			return nil, problemf("the answer to eks:%s says nothing of what comes next", api)
		}
		if next == "" {
			return all, nil
		}
		query.Set("nextToken", next)
	}
	return nil, problemf("eks:%s does not come to an end", api)
}

// principals are the ARNs that have an access entry; with a policy, those that the policy is attached to.
func (a *asker) principals(ctx context.Context, cluster, policy string) ([]string, error) {
	query := url.Values{}
	if policy != "" {
		query.Set("associatedPolicyArn", policy)
	}
	return a.list(ctx, "ListAccessEntries", cluster, "access-entries", "accessEntries", query)
}

// entry asks for the type, the groups and the age of one access entry.
func (a *asker) entry(ctx context.Context, cluster, principal string) (validate.AccessEntry, error) {
	return ask(ctx, a, "eks", "DescribeAccessEntry", principal, func(ctx context.Context) (validate.AccessEntry, error) {
		var out struct {
			AccessEntry struct {
				PrincipalArn, Type string
				KubernetesGroups   []string
				CreatedAt          float64 // seconds, with fractions
			}
		}
		if err := a.get(ctx, &out, nil, "clusters", cluster, "access-entries", principal); err != nil {
			return validate.AccessEntry{}, absent(err, "access entry for", principal)
		}
		e := out.AccessEntry
		if awsauth.Subject(e.PrincipalArn) != awsauth.Subject(principal) {
			return validate.AccessEntry{}, problemf("the answer to eks:DescribeAccessEntry holds no access entry for %s", principal)
		}
		entry := validate.AccessEntry{ARN: principal, Type: e.Type, Groups: e.KubernetesGroups}
		if e.CreatedAt > 0 {
			entry.Created = smithytime.ParseEpochSeconds(e.CreatedAt)
		}
		return entry, nil
	})
}

// fargateProfiles are the names of all Fargate profiles of the cluster.
func (a *asker) fargateProfiles(ctx context.Context, cluster string) ([]string, error) {
	return a.list(ctx, "ListFargateProfiles", cluster, "fargate-profiles", "fargateProfileNames", url.Values{})
}

// fargateRoles are the pod execution roles of Fargate profiles of the cluster.
func (a *asker) fargateRoles(ctx context.Context, cluster string, profiles func() ([]string, error)) ([]string, error) {
	names, err := profiles()
	if err != nil {
		return nil, err
	}
	var roles []string
	for _, profile := range names {
		role, err := a.fargateRole(ctx, cluster, profile)
		if err != nil {
			return nil, err
		}
		roles = append(roles, role)
	}
	return roles, nil
}

// nodegroups are the names of all managed node groups of the cluster.
func (a *asker) nodegroups(ctx context.Context, cluster string) ([]string, error) {
	return a.list(ctx, "ListNodegroups", cluster, "node-groups", "nodegroups", url.Values{})
}

func (a *asker) fargateRole(ctx context.Context, cluster, profile string) (string, error) {
	return a.groupRole(ctx, "DescribeFargateProfile", "Fargate profile", cluster, "fargate-profiles", profile)
}

// nodegroupRole is the role of the nodes of a managed node group.
func (a *asker) nodegroupRole(ctx context.Context, cluster, group string) (string, error) {
	return a.groupRole(ctx, "DescribeNodegroup", "managed node group", cluster, "node-groups", group)
}

// groupRole asks for the role of a Fargate profile or managed node group. kind is where EKS has them in its paths.
func (a *asker) groupRole(ctx context.Context, api, what, cluster, kind, name string) (string, error) {
	return ask(ctx, a, "eks", api, name, func(ctx context.Context) (string, error) {
		var out struct {
			FargateProfile struct{ PodExecutionRoleArn string }
			Nodegroup      struct{ NodeRole string }
		}
		if err := a.get(ctx, &out, nil, "clusters", cluster, kind, name); err != nil {
			return "", absent(err, what, name)
		}
		role := cmp.Or(out.FargateProfile.PodExecutionRoleArn, out.Nodegroup.NodeRole)
		if role == "" {
			return "", problemf("the answer to eks:%s holds no role", api)
		}
		return role, nil
	})
}
