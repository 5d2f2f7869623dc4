package iam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

// whoAmI is asked without a turn and without a breaker: once, until identifyAgain is over.
var whoAmI = aws.Operation{API: "sts:GetCallerIdentity", On: "itself"}

// identifyAgain is how long after a failure nobody asks again who the guard is.
const identifyAgain = 15 * time.Second

// Self returns the guard's identity; ok is false while it is not known. If STS could not be asked but an answer of IAM,
// or the source of the credentials, has revealed the account, the ARN is empty.
func (d *Directory) Self() (self principal.Self, ok bool) {
	if s := d.self.Load(); s != nil {
		return *s, true
	}
	return principal.Self{}, false
}

// Run finds out who the guard is, logs it, and ends; it goes on trying until ctx ends. Lookups do not wait for it.
func (d *Directory) Run(ctx context.Context) error {
	for logged := ""; ; {
		err := d.identify(ctx)
		if err == nil {
			return nil
		}
		if why := err.Error(); why != logged { // each reason is logged once
			d.log.Info("cannot determine the guard's AWS identity; trying again", "reason", why)
			logged = why
		}
		if !aws.Pause(ctx, identifyAgain) {
			return nil
		}
	}
}

// Identify finds out who the guard is, within the time for one request; without an answer Self stays unknown.
func (d *Directory) Identify(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout())
	defer cancel()
	_ = d.identify(ctx) // the findings about the principals report the failure
}

// identify asks STS who the guard is, unless that is known or has just failed. It does not outlast ctx.
func (d *Directory) identify(ctx context.Context) error {
	if s, ok := d.Self(); ok && s.ARN != "" {
		return nil
	}
	_, err := share(ctx, d, "identity", func(ctx context.Context) (struct{}, error) {
		if f := d.unidentified.Load(); f != nil && time.Since(f.at) < identifyAgain {
			return struct{}{}, f.err
		}
		err := d.getCallerIdentity(ctx)
		if err != nil {
			d.unidentified.Store(&unidentified{err, time.Now()})
		}
		return struct{}{}, err
	})
	return err
}

// unidentified is a failure to find out who the guard is.
type unidentified struct {
	err error
	at  time.Time
}

func (d *Directory) getCallerIdentity(ctx context.Context) error {
	s := d.setup.Load()
	if err := s.own.authenticate(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.callTimeout())
	defer cancel()
	started := time.Now()
	self, err := s.getCallerIdentity(ctx)
	d.metrics.call(whoAmI, err, started)
	if err != nil {
		// The source of the credentials often knows the account: the Pod Identity agent works where STS cannot be reached.
		if c, noCredentials := s.own.credentials.Retrieve(ctx); noCredentials == nil && c.AccountID != "" {
			d.learn(c.AccountID, s.partition)
		}
		return err
	}
	d.self.Store(&self)
	d.log.Info("IAM is asked with this identity", "arn", self.ARN, "account", self.Account, "partition", self.Partition)
	return nil
}

func (s *setup) getCallerIdentity(ctx context.Context) (principal.Self, error) {
	out, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return principal.Self{}, aws.Classify(err, "the guard", whoAmI)
	}
	if out.Arn == nil || out.Account == nil { // a 200 with an empty body is no error to the SDK
		return principal.Self{}, aws.Errorf(aws.Malformed, "the answer to sts:GetCallerIdentity holds no identity")
	}
	arn, err := awsauth.ParseARN(*out.Arn)
	if err != nil || arn.Account != *out.Account {
		return principal.Self{}, aws.Errorf(aws.Malformed, "the answer to sts:GetCallerIdentity holds no ARN of account %s", aws.OneLine(*out.Account))
	}
	return principal.Self{ARN: *out.Arn, Account: *out.Account, Partition: arn.Partition}, nil
}

// learn notes which account is the guard's own, if no better source has.
func (d *Directory) learn(account, partition string) {
	if d.self.CompareAndSwap(nil, &principal.Self{Account: account, Partition: partition}) {
		d.log.Info("the guard's own AWS account is known", "account", account, "partition", partition)
	}
}

// who names the guard's identity in messages: the role, not its session.
func (d *Directory) who() string {
	self, _ := d.Self()
	if a, err := awsauth.ParseARN(self.ARN); err == nil {
		return a.Canonical()
	}
	return "the guard"
}
