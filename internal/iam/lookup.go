package iam

import (
	"context"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

const (
	// answerMargin is what Lookup leaves of the caller's time, a tenth at most.
	answerMargin = 100 * time.Millisecond
	// secondLook is how long after IAM said that there is no such principal it is asked once more, since it may take a
	// moment to know what was just created; half of the time that is left at most.
	secondLook = 750 * time.Millisecond
)

// question is one ARN on its way to an answer.
type question struct {
	arn    awsauth.ARN
	key    key
	answer *principal.Principal
}

// Lookup answers for every ARN, in order. It returns before ctx's deadline, with Unverified for what it did not get to.
func (d *Directory) Lookup(ctx context.Context, asker principal.Asker, arns []awsauth.ARN) []principal.Principal {
	budget := d.timeout()
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		budget = min(budget, left-min(answerMargin, left/10))
	}
	ctx, cancel := context.WithTimeout(inFlow(ctx, flowOf(asker, len(arns))), budget)
	defer cancel()

	s := d.setup.Load()
	if _, ok := d.Self(); !ok {
		_ = d.identify(ctx) // without an identity, there may still be an answer
	}
	answers := make([]principal.Principal, len(arns))
	asked := map[*account][]question{}
	var foreign []question
	for i, arn := range arns {
		q := question{arn, keyOf(arn), &answers[i]}
		switch a := d.route(s, q); {
		case a != nil:
			asked[a] = append(asked[a], q)
		case q.answer.Existence == principal.Foreign:
			foreign = append(foreign, q)
		}
	}
	var g errgroup.Group
	for a, questions := range asked {
		for _, kind := range []awsauth.Kind{awsauth.KindRole, awsauth.KindUser} {
			if some := of(kind, questions); len(some) > 0 {
				g.Go(func() error { d.resolve(ctx, s, a, some); return nil })
			}
		}
	}
	if len(foreign) > 0 {
		g.Go(func() error { d.hintAtOwn(ctx, s, foreign); return nil })
	}
	_ = g.Wait() // the answers hold what went wrong
	return answers
}

func of(kind awsauth.Kind, questions []question) []question {
	var some []question
	for _, q := range questions {
		if q.arn.Kind == kind {
			some = append(some, q)
		}
	}
	return some
}

// route says which account a question is for, or answers it without one.
func (d *Directory) route(s *setup, q question) *account {
	named, known := s.policy.Account(q.arn.Account)
	if known && named.Trust == policy.Unchecked {
		q.answer.Existence = principal.Trusted
		return nil
	}
	self, identified := d.Self()
	partition := s.partition
	if identified && self.Partition != "" {
		partition = self.Partition
	}
	own := !identified || self.Account == q.arn.Account
	switch {
	case q.key.partition != strings.ToLower(partition): // EqualFold takes other characters for an s
		unverified(q, aws.Errorf(aws.Foreign, "principals of the partition %s cannot be looked up from %s", q.arn.Partition, partition))
	case q.arn.Kind != awsauth.KindRole && q.arn.Kind != awsauth.KindUser:
		if !own && !known {
			s.notOwn(q)
		}
	case s.assumed[q.arn.Account] != nil:
		return s.assumed[q.arn.Account]
	case own:
		return s.own
	default:
		s.notOwn(q)
	}
	return nil
}

// reroute keeps those questions that are still for an account, and answers the others: an answer may meanwhile have revealed
// which account is the guard's own.
func (d *Directory) reroute(s *setup, a *account, questions []question) []question {
	var left []question
	for _, q := range questions {
		if d.route(s, q) == a {
			left = append(left, q)
		}
	}
	return left
}

// notOwn answers for an account that is not the guard's, and that nobody has said how to read.
func (s *setup) notOwn(q question) {
	if _, known := s.policy.Account(q.arn.Account); known {
		unverified(q, aws.Errorf(aws.Foreign, "the policy names account %s, but no roleARN to look its principals up", q.arn.Account))
		return
	}
	q.answer.Existence = principal.Foreign
}

// reasons are why AWS said nothing, as the port has them.
var reasons = map[aws.Reason]principal.Reason{
	aws.Throttled: principal.ReasonThrottled, aws.Denied: principal.ReasonDenied, aws.Unreachable: principal.ReasonUnreachable,
	aws.Timeout: principal.ReasonTimeout, aws.Malformed: principal.ReasonMalformed, aws.Foreign: principal.ReasonForeign,
}

func unverified(q question, err error) {
	f := aws.AsError(err)
	*q.answer = principal.Principal{Existence: principal.Unverified, Reason: reasons[f.Reason], Detail: f.Detail}
}

// resolve answers questions about one kind of principal of one account.
func (d *Directory) resolve(ctx context.Context, s *setup, a *account, questions []question) {
	var open []question
	for _, q := range questions {
		e, seen := d.known(a, q.key)
		p, missed := d.caches.missing.Get(q.key)
		switch {
		case seen:
			found(q, e)
		case missed && (!a.own() || d.isOwn(q.key)):
			*q.answer = p
		default:
			open = append(open, q)
			continue
		}
		d.metrics.hit()
	}
	if len(open) == 0 {
		return
	}
	if err := a.authenticate(ctx); err != nil {
		for _, q := range open {
			unverified(q, err)
		}
		return
	}
	absent := d.reroute(s, a, d.firstLook(ctx, s, a, open))
	if len(absent) == 0 {
		return
	}
	if end, ok := ctx.Deadline(); ok && aws.Pause(ctx, min(secondLook, time.Until(end)/2)) {
		absent = d.reroute(s, a, d.secondLook(ctx, s, a, absent))
	}
	d.conclude(ctx, s, a, absent)
}

// known is a principal that was seen not long ago. While it is not known which account is the guard's own, none of its has been seen: what is
// kept are other accounts', which the policy may not name any more.
func (d *Directory) known(a *account, k key) (entity, bool) {
	if a.own() && !d.isOwn(k) {
		return entity{}, false
	}
	return d.caches.entity(k)
}

// found answers with a principal that there is: the one that was asked for, and no other.
func found(q question, e entity) {
	if k, ok := read(e.arn); !ok || k != q.key {
		unverified(q, aws.Errorf(aws.Malformed, "the answer about %s is about something else", q.arn.Canonical()))
		return
	}
	*q.answer = principal.Principal{Existence: principal.Exists, ARN: e.arn, Trust: e.trust}
	if q.arn.Kind == awsauth.KindUser && !strings.EqualFold(e.arn, q.arn.String()) {
		q.answer.Existence = principal.Missing // of that name, but under another path, and EKS compares the path
	}
}
