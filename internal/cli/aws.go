package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

// The words of --iam and --fleet.
const (
	asksIfLive = "auto"
	asksAWS    = "aws"
	asksFleet  = "on"
	asksNobody = "off"
)

const (
	// credentialsTimeout bounds the search for AWS credentials, nodesTimeout all questions about nodes.
	credentialsTimeout = 5 * time.Second
	nodesTimeout       = 20 * time.Second
)

// awsOptions say what AWS is asked, with the credentials that every AWS tool finds.
type awsOptions struct {
	iam, fleet oneOf
}

func newAWSOptions() awsOptions {
	return awsOptions{iam: oneOf{asksIfLive, []string{asksIfLive, asksAWS, asksNobody}},
		fleet: oneOf{asksIfLive, []string{asksIfLive, asksFleet, asksNobody}}}
}

func (o *awsOptions) flags(cmd *cobra.Command) {
	o.iam.flag(cmd, "iam", "", "whether to ask AWS IAM if the principals exist; auto asks where the cluster is asked anyhow")
	o.fleet.flag(cmd, "fleet", "", "whether to ask which nodes run and which roles they use; auto asks for an edit of the "+
		"object in the cluster")
}

// worldOfAWS is what AWS is asked. Nil ports are not asked.
type worldOfAWS struct {
	principals principal.Source
	nodes      nodes.Source
	// notAsked collects what IAM could not say, where it need not.
	notAsked *notAsked
}

// connect looks for credentials, and says what is not checked for want of them. live is the object in the cluster, nil
// if the cluster is not asked.
func (o *awsOptions) connect(cmd *cobra.Command, cluster clusterOptions, p *policy.Policy, live *corev1.ConfigMap) (w worldOfAWS, err error) {
	askIAM := o.iam.value == asksAWS || o.iam.value == asksIfLive && live != nil
	askNodes := o.fleet.value == asksFleet || o.fleet.value == asksIfLive && live != nil
	if !askIAM && !askNodes {
		return w, nil
	}
	cfg, err := aws.LoadConfig(cmd.Context())
	if err != nil {
		return w, err
	}
	if err := credentials(cmd.Context(), cfg); err != nil {
		if o.iam.value == asksAWS || o.fleet.value == asksFleet {
			return w, &clusterError{"no AWS credentials: " + aws.OneLine(err.Error()), []string{signInToAWS}, err}
		}
		note(cmd, "no AWS credentials here, so it is not checked whether the roles and users exist"+
			map[bool]string{true: ", nor which running nodes use them"}[askNodes]+
			"; sign in as for the AWS CLI, or give --iam off --fleet off")
		return w, nil
	}
	if askIAM {
		directory := iam.New(cfg, p, iam.Options{})
		directory.Identify(cmd.Context())
		w.principals = directory
		if o.iam.value == asksIfLive {
			w.notAsked = &notAsked{Source: directory}
			w.principals = w.notAsked
			self, _ := directory.Self()
			if account := accountOf(live); account != "" && self.Account != "" && self.Account != account {
				note(cmd, fmt.Sprintf("your AWS credentials are for account %s and the cluster's nodes are in %s, so it is not checked "+
					"whether the roles and users exist, nor which running nodes use them", self.Account, account))
				return worldOfAWS{}, nil
			}
		}
	}
	if askNodes {
		w.nodes, err = o.running(cmd, cluster, cfg)
	}
	return w, err
}

// accountOf is the account of the cluster's nodes, as aws-auth says it; "" if it does not.
func accountOf(cm *corev1.ConfigMap) string {
	doc, _ := awsauth.Parse(cm.Data)
	for _, e := range doc.Entries() {
		a, err := awsauth.ParseARN(e.ARN.Value)
		if err == nil && slices.Contains(e.GroupNames(), "system:nodes") {
			return a.Account
		}
	}
	return ""
}

const signInToAWS = "sign in as for the AWS CLI: `aws sso login`, or set AWS_PROFILE"

func credentials(ctx context.Context, cfg aws.Config) error {
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	return aws.Authenticate(ctx, cfg)
}

// running are the nodes that run now. Where they are not all known, they are not asked at all unless somebody wants it:
// half of them would make a verdict that is neither the webhook's nor this reader's.
func (o *awsOptions) running(cmd *cobra.Command, cluster clusterOptions, cfg aws.Config) (nodes.Source, error) {
	view, err := o.nodesView(cmd, cluster, cfg)
	var trouble string
	switch {
	case err != nil:
		trouble = err.Error()
	case view.NodesKnown.Trouble(time.Now()) != "":
		trouble = view.NodesKnown.Trouble(time.Now())
	default:
		return oneView{view}, nil
	}
	if o.fleet.value == asksFleet {
		if err == nil {
			return oneView{view}, nil
		}
		return nil, fmt.Errorf("--fleet on: %w", err)
	}
	note(cmd, "it is not checked which running nodes lose access: "+withoutValues.Replace(trouble)+
		"; '"+commandLine(cmd, "", "fleet")+"' shows more")
	return nil, nil
}

// withoutValues puts into words what the guard's messages call by the chart's values, which nobody sets here.
var withoutValues = strings.NewReplacer(", so set fleet.clusterName", "", "fleet.clusterName", "the cluster's name",
	"fleet.region", "AWS_REGION")

func (o *awsOptions) nodesView(cmd *cobra.Command, cluster clusterOptions, cfg aws.Config) (*nodes.View, error) {
	ctx, cancel := context.WithTimeout(cmd.Context(), nodesTimeout)
	defer cancel()
	config, err := cluster.config()
	if err != nil {
		return nil, err
	}
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, err
	}
	objects, err := fleet.Nodes(config)
	if err != nil {
		return nil, cluster.explain(err)
	}
	view, err := fleet.New(fleet.Options{Nodes: objects, AWS: cfg, Authority: config.CAData,
		Who: func() string { return "your identity" }}).Sync(ctx)
	return view, cluster.explain(err)
}

// oneView is what was known when it was asked.
type oneView struct{ view *nodes.View }

func (v oneView) View() *nodes.View { return v.view }

// notAsked stands before IAM where nobody insists on it: what it could not be asked counts as not asked, and is noted.
type notAsked struct {
	principal.Source
	mu  sync.Mutex
	arn []string
	why string
}

// Lookup asks, and keeps back that something could not be found out.
func (s *notAsked) Lookup(ctx context.Context, asker principal.Asker, arns []awsauth.ARN) []principal.Principal {
	answers := s.Source.Lookup(ctx, asker, arns)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, a := range answers {
		if a.Existence == principal.Unverified {
			s.arn, s.why = append(s.arn, arns[i].String()), a.Detail
			answers[i] = principal.Principal{}
		}
	}
	return answers
}

// note says what IAM could not be asked.
func (s *notAsked) note(cmd *cobra.Command) {
	if s == nil || len(s.arn) == 0 {
		return
	}
	note(cmd, fmt.Sprintf("IAM could not be asked whether these exist: %s: %s; --iam off leaves it out", atMostFive(s.arn), s.why))
	s.arn = nil
}
