package iam

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/sony/gobreaker/v2"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// pageSize is the most that IAM returns at once; maxPages is well above what an account may hold (5,000 of each kind).
	pageSize, maxPages = 1000, 20
	// sessionName is what CloudTrail of the other account shows.
	sessionName = "aws-auth-guard"
	// renewBefore is how long before their end the credentials for another account are renewed.
	renewBefore = time.Minute
)

// account is IAM as one identity sees it: the guard's own, or a role that it assumes in another account.
type account struct {
	roleARN string // what is assumed; "" for the guard's own identity
	// who names the identity in messages.
	who         func() string
	callTimeout func() time.Duration
	timeout     func() time.Duration
	metrics     *Metrics

	iam         *awsiam.Client
	credentials aws.CredentialsProvider
	pace        *pace
	backoff     *retry.ExponentialJitterBackoff
	// names and lists fail apart: a list may be too slow while everything else is well.
	names, lists *breaker
}

// newAccount is the account called name in messages of the log and in metrics, without a connection.
func (d *Directory) newAccount(name string, who func() string) *account {
	return &account{who: who, callTimeout: d.callTimeout, timeout: d.timeout, metrics: d.metrics,
		pace: newPace(), backoff: retry.NewExponentialJitterBackoff(maxBackoff),
		names: newBreaker(name, "names", tripAfter, d.log, d.metrics), lists: newBreaker(name, "lists", tripListsAfter, d.log, d.metrics)}
}

// connect reaches IAM in a partition with cfg's credentials.
func (a *account) connect(cfg aws.Config, partition string) *account {
	a.credentials = cfg.Credentials
	a.iam = awsiam.NewFromConfig(cfg, func(o *awsiam.Options) {
		o.Region = iamRegion(partition)
		o.Retryer = aws.NopRetryer{} // call retries, inside the time that there is
	})
	return a
}

// newOwn is the guard's own account.
func (d *Directory) newOwn(cfg aws.Config, partition string) *account {
	return d.newAccount("own", d.who).connect(cfg, partition)
}

// newAssumed is another account: cfg's credentials are used to assume roleARN.
func (d *Directory) newAssumed(id, roleARN string, cfg aws.Config, partition string, client *sts.Client) *account {
	a := d.newAccount(id, func() string { return roleARN })
	a.roleARN = roleARN
	provider := stscreds.NewAssumeRoleProvider(&assumer{a, d.who, client}, roleARN, func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = sessionName })
	cfg.Credentials = aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore })
	return a.connect(cfg, partition)
}

// own reports the guard's own account.
func (a *account) own() bool { return a.roleARN == "" }

// assumer assumes an account's role, in the way of every other call: bounded, counted, and a refusal told from silence.
// It has to bound the time itself, since the SDK's cache of credentials hides the caller's deadline from it.
type assumer struct {
	account *account
	caller  func() string
	sts     *sts.Client
}

func (s *assumer) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	ctx = context.WithValue(ctx, flightKey{}, (*flight)(nil)) // whoever needs the role now, it is for all
	return call(ctx, s.account, s.account.names, "AssumeRole", func(ctx context.Context) (*sts.AssumeRoleOutput, error) {
		out, err := s.sts.AssumeRole(ctx, in)
		if err == nil && out.Credentials == nil {
			return nil, failed(validate.ReasonMalformed, "the answer to sts:AssumeRole holds no credentials")
		}
		var answer smithy.APIError
		if errors.As(err, &answer) && refusedCredentials[answer.ErrorCode()] {
			return nil, classify(err, s.caller(), "sts:AssumeRole", s.account.roleARN)
		}
		err = classify(err, s.caller(), "sts:AssumeRole", s.account.roleARN)
		if reasonOf(err) == validate.ReasonDenied {
			return nil, failed(validate.ReasonForeign, "%s", asFailure(err).detail)
		}
		return out, err
	})
}

// authenticate makes sure of credentials, once for all the names that will be asked for.
func (a *account) authenticate(ctx context.Context) error {
	if a.names.State() == gobreaker.StateOpen {
		return a.names.leftAlone()
	}
	if !a.own() { // AssumeRole is a call like the others, and has been counted as one
		_, err := a.credentials.Retrieve(ctx)
		if err != nil && ctx.Err() != nil {
			return failed(validate.ReasonTimeout, "the time for this request ended before AWS answered sts:AssumeRole on %s", a.roleARN)
		}
		return err
	}
	patience, cancel := context.WithTimeout(ctx, a.callTimeout())
	defer cancel()
	if _, err := a.credentials.Retrieve(patience); err != nil {
		if ctx.Err() != nil { // the caller had less time than a call may take: no outage
			return errNoTime
		}
		_, err = a.names.Execute(func() (any, error) { return nil, a.names.remember(noCredentials(err)) })
		return err
	}
	return nil
}

// noCredentials says why the guard has no identity: STS or the Pod Identity agent refuses it, or nothing gives it one.
func noCredentials(err error) error {
	const remedy = "give the guard's service account a role, by IRSA or EKS Pod Identity"
	var answer smithy.APIError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return failed(validate.ReasonTimeout, "no AWS credentials in time: %s", remedy)
	case errors.As(err, &answer) && !throttle.IsErrorThrottle(err).Bool():
		return failed(validate.ReasonDenied, "AWS gives the guard no credentials (%s): may its service account assume its role?", oneLine(answer.ErrorCode()))
	}
	return failed(validate.ReasonUnreachable, "no AWS credentials: %s", remedy)
}

// get asks for one principal by its name, and returns its ARN as IAM has it, and who may assume it if it is a role.
func (a *account) get(ctx context.Context, kind awsauth.Kind, name string) (entity, error) {
	if kind == awsauth.KindUser {
		return call(ctx, a, a.names, "GetUser", func(ctx context.Context) (entity, error) {
			out, err := a.iam.GetUser(ctx, &awsiam.GetUserInput{UserName: &name})
			switch {
			case err != nil:
				return entity{}, classify(err, a.who(), "iam:GetUser", "user "+name)
			case out.User == nil || out.User.Arn == nil: // a 200 with an empty body is no error to the SDK
				return entity{}, failed(validate.ReasonMalformed, "the answer to iam:GetUser holds no user")
			}
			return entity{arn: *out.User.Arn}, sameName(kind, name, *out.User.Arn)
		})
	}
	return call(ctx, a, a.names, "GetRole", func(ctx context.Context) (entity, error) {
		out, err := a.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &name})
		switch {
		case err != nil:
			return entity{}, classify(err, a.who(), "iam:GetRole", "role "+name)
		case out.Role == nil || out.Role.Arn == nil:
			return entity{}, failed(validate.ReasonMalformed, "the answer to iam:GetRole holds no role")
		}
		return entity{*out.Role.Arn, trustOf(out.Role.AssumeRolePolicyDocument)}, sameName(kind, name, *out.Role.Arn)
	})
}

// sameName refuses an answer about something else than what was asked for.
func sameName(kind awsauth.Kind, name, arn string) error {
	if a, err := awsauth.ParseARN(arn); err != nil || a.Kind != kind || !strings.EqualFold(a.Name, name) {
		return failed(validate.ReasonMalformed, "the answer about %s %s is about something else", kind, name)
	}
	return nil
}

// list returns all principals of a kind by their names in lower case.
func (a *account) list(ctx context.Context, kind awsauth.Kind) (map[string]entity, error) {
	all := map[string]entity{}
	shared := map[string]string{} // most roles of an account are trusted to the same few
	once := func(s string) string {
		if kept, ok := shared[s]; ok {
			return kept
		}
		shared[s] = s
		return s
	}
	f := flightFrom(ctx)
	f.goesOn()
	began := time.Now()
	var marker *string
	for range maxPages {
		page, next, err := a.page(ctx, kind, marker)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if parsed, err := awsauth.ParseARN(e.arn); err == nil && parsed.Kind == kind {
				e.trust.Service, e.trust.Other = once(e.trust.Service), once(e.trust.Other)
				all[strings.ToLower(parsed.Name)] = e
			}
		}
		if next == nil {
			return all, nil
		}
		marker = next
		if time.Since(began)-f.heldFor() > a.timeout() { // no request can wait for that
			_, err := a.lists.Execute(func() (any, error) {
				return nil, a.lists.remember(failed(validate.ReasonTimeout, "AWS takes more than %s to list all %ss", a.timeout(), kind))
			})
			return nil, err
		}
	}
	return nil, failed(validate.ReasonMalformed, "the list of %ss has no end", kind)
}

func (a *account) page(ctx context.Context, kind awsauth.Kind, marker *string) (all []entity, next *string, err error) {
	type page struct {
		all  []entity
		next *string
	}
	p, err := call(ctx, a, a.lists, listAPI(kind), func(ctx context.Context) (page, error) {
		var p page
		var more, list bool
		if kind == awsauth.KindUser {
			out, err := a.iam.ListUsers(ctx, &awsiam.ListUsersInput{Marker: marker, MaxItems: aws.Int32(pageSize)})
			if err != nil {
				return p, classify(err, a.who(), "iam:ListUsers", "*")
			}
			for _, u := range out.Users {
				p.all = append(p.all, entity{arn: aws.ToString(u.Arn)})
			}
			p.next, more, list = out.Marker, out.IsTruncated, out.Users != nil
		} else {
			out, err := a.iam.ListRoles(ctx, &awsiam.ListRolesInput{Marker: marker, MaxItems: aws.Int32(pageSize)})
			if err != nil {
				return p, classify(err, a.who(), "iam:ListRoles", "*")
			}
			for _, r := range out.Roles {
				p.all = append(p.all, entity{aws.ToString(r.Arn), trustOf(r.AssumeRolePolicyDocument)})
			}
			p.next, more, list = out.Marker, out.IsTruncated, out.Roles != nil
		}
		if !list || more && aws.ToString(p.next) == "" { // an empty list is an empty element; without one, it is no answer
			return p, failed(validate.ReasonMalformed, "the answer to iam:%s holds no list", listAPI(kind))
		}
		if !more {
			p.next = nil
		}
		return p, nil
	})
	return p.all, p.next, err
}

func listAPI(kind awsauth.Kind) string {
	if kind == awsauth.KindUser {
		return "ListUsers"
	}
	return "ListRoles"
}
