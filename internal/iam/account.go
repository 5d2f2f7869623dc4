package iam

import (
	"context"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

const (
	// sessionName is what CloudTrail of the other account shows.
	sessionName = "aws-auth-guard"
	// renewBefore is how long before their end the credentials for another account are renewed.
	renewBefore = time.Minute
)

// account is IAM as one identity sees it: the guard's own, or a role that it assumes in another account.
type account struct {
	roleARN string // what is assumed; "" for the guard's own identity
	// externalID goes with it.
	externalID string
	// who names the identity in messages.
	who         func() string
	callTimeout func() time.Duration
	timeout     func() time.Duration
	metrics     *Metrics

	iam         aws.IAM
	credentials sdk.CredentialsProvider
	limiter     *aws.Limiter
	// names and lists fail apart: a list may be too slow while everything else is well.
	names, lists *aws.Breaker
}

// newAccount is the account called name in messages of the log and in metrics, without a connection.
func (d *Directory) newAccount(name string, who func() string) *account {
	return &account{who: who, callTimeout: d.callTimeout, timeout: d.timeout, metrics: d.metrics,
		limiter: aws.NewLimiter(callRate, callBurst),
		names:   d.newBreaker(name, "names", tripAfter), lists: d.newBreaker(name, "lists", tripListsAfter)}
}

// connect reaches IAM with cfg's credentials.
func (a *account) connect(cfg sdk.Config) *account {
	a.credentials, a.iam = cfg.Credentials, aws.NewIAM(cfg)
	return a
}

// newOwn is the guard's own account.
func (d *Directory) newOwn(cfg sdk.Config) *account {
	return d.newAccount("own", d.who).connect(cfg)
}

// newAssumed is another account: cfg's credentials are used to assume its role.
func (d *Directory) newAssumed(other policy.Account, cfg sdk.Config, client aws.STS) *account {
	a := d.newAccount(other.ID, func() string { return other.RoleARN })
	a.roleARN, a.externalID = other.RoleARN, other.ExternalID
	provider := stscreds.NewAssumeRoleProvider(&assumer{a, d.who, client}, a.roleARN, func(o *stscreds.AssumeRoleOptions) {
		if o.RoleSessionName = sessionName; a.externalID != "" {
			o.ExternalID = &a.externalID
		}
	})
	cfg.Credentials = sdk.NewCredentialsCache(provider, func(o *sdk.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore })
	return a.connect(cfg)
}

// own reports the guard's own account.
func (a *account) own() bool { return a.roleARN == "" }

// assumer assumes an account's role like every other call: bounded, counted, and a denial distinguished from no answer.
// It has to bound the time itself, since the SDK's cache of credentials hides the caller's deadline from it.
type assumer struct {
	account *account
	caller  func() string
	sts     aws.STS
}

func (s *assumer) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	ctx = context.WithValue(ctx, flightKey{}, (*flight)(nil)) // the credentials are for all callers
	op := aws.Operation{API: "sts:AssumeRole", On: s.account.roleARN}
	return call(ctx, s.account, s.account.names, op, func(ctx context.Context) (*sts.AssumeRoleOutput, error) {
		out, err := s.sts.AssumeRole(ctx, in)
		switch {
		case err != nil:
			return nil, notAssumed(aws.Classify(err, s.caller(), op))
		case out.Credentials == nil:
			return nil, aws.Errorf(aws.Malformed, "the answer to sts:AssumeRole holds no credentials")
		case !sessionOf(out.AssumedRoleUser, s.account.roleARN):
			return nil, aws.Errorf(aws.Malformed, "the answer to sts:AssumeRole on %s is about something else", s.account.roleARN)
		}
		return out, nil
	})
}

// notAssumed says of a role that the guard may not assume that its account cannot be read.
func notAssumed(err error) error {
	if e := aws.AsError(err); e.Reason == aws.Denied && !e.Credentials {
		return aws.Errorf(aws.Foreign, "%s", e.Detail)
	}
	return err
}

// sessionOf says that STS has made a session of that role, and not of another.
func sessionOf(user *ststypes.AssumedRoleUser, roleARN string) bool {
	if user == nil {
		return false
	}
	session, err := awsauth.ParseARN(sdk.ToString(user.Arn))
	role, roleErr := awsauth.ParseARN(roleARN)
	return err == nil && roleErr == nil && session.Kind == awsauth.KindAssumedRole &&
		strings.EqualFold(session.Canonical(), role.Canonical())
}

// authenticate makes sure of credentials, once for all the names that will be asked for.
func (a *account) authenticate(ctx context.Context) error {
	if a.names.Open() {
		return leftAlone(a.names.Last())
	}
	if !a.own() { // AssumeRole is a call like the others, and has been counted as one
		_, err := a.credentials.Retrieve(ctx)
		if err != nil && ctx.Err() != nil {
			return aws.Errorf(aws.Timeout, "the time for this request ended before AWS answered sts:AssumeRole on %s", a.roleARN)
		}
		return err
	}
	patience, cancel := context.WithTimeout(ctx, a.callTimeout())
	defer cancel()
	_, err := a.credentials.Retrieve(patience)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // the caller had less time than a call may take: no outage
		return errNoTime
	}
	return a.names.Fail(aws.NoCredentials(err))
}
