package iam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// answerMargin is what Lookup leaves of the caller's time, a tenth at most.
	answerMargin = 100 * time.Millisecond
	// secondLook is how long after IAM said that there is no such principal it is asked once more, since it may take a
	// moment to know what was just created; half of the time that is left at most.
	secondLook = 750 * time.Millisecond
	// fewNames are asked for one by one, at once. For more than that, the list of all costs less: a page holds 1,000, and
	// an account 5,000 of a kind.
	fewNames = 10
)

// question is one ARN on its way to an answer.
type question struct {
	arn    awsauth.ARN
	key    key
	answer *validate.Principal
}

// Lookup answers for every ARN, in order. It returns before ctx's deadline, with Unverified for what it did not get to.
func (d *Directory) Lookup(ctx context.Context, asker validate.Asker, arns []awsauth.ARN) []validate.Principal {
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
	answers := make([]validate.Principal, len(arns))
	asked := map[*account][]question{}
	var foreign []question
	for i, arn := range arns {
		q := question{arn, keyOf(arn), &answers[i]}
		switch a := d.route(s, q); {
		case a != nil:
			asked[a] = append(asked[a], q)
		case q.answer.Existence == validate.Foreign:
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
	if known && named.Unchecked {
		q.answer.Existence = validate.Trusted
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

// reroute leaves those questions that are still for an account, and answers the others: an answer may have told meanwhile which
// account is the guard's own.
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
	q.answer.Existence = validate.Foreign
}

// reasons are why AWS said nothing, as the port has them.
var reasons = map[aws.Reason]validate.Reason{
	aws.Throttled: validate.ReasonThrottled, aws.Denied: validate.ReasonDenied, aws.Unreachable: validate.ReasonUnreachable,
	aws.Timeout: validate.ReasonTimeout, aws.Malformed: validate.ReasonMalformed, aws.Foreign: validate.ReasonForeign,
}

func unverified(q question, err error) {
	f := aws.AsError(err)
	*q.answer = validate.Principal{Existence: validate.Unverified, Reason: reasons[f.Reason], Detail: f.Detail}
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
	absent := d.reroute(s, a, d.ask(ctx, s, a, open, false))
	if len(absent) == 0 {
		return
	}
	if end, ok := ctx.Deadline(); ok && aws.Pause(ctx, min(secondLook, time.Until(end)/2)) {
		absent = d.reroute(s, a, d.ask(ctx, s, a, absent, true))
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
	*q.answer = validate.Principal{Existence: validate.Exists, ARN: e.arn, Trust: e.trust}
	if q.arn.Kind == awsauth.KindUser && !strings.EqualFold(e.arn, q.arn.String()) {
		q.answer.Existence = validate.Missing // of that name, but under another path, and EKS compares the path
	}
}

// ask looks for principals in the cheapest way, and returns those that IAM says do not exist. again says that it is the
// second look: what fails now does not take back what IAM has said.
func (d *Directory) ask(ctx context.Context, s *setup, a *account, questions []question, again bool) (absent []question) {
	tooMany := errOwnPace
	if len(questions) > fewNames {
		list, err := d.list(ctx, a, questions[0].key, again)
		switch {
		case err == nil:
			for _, q := range d.reroute(s, a, questions) {
				if e, ok := list[q.key.name]; ok {
					found(q, e)
				} else {
					absent = append(absent, q)
				}
			}
			return absent
		case again:
			return questions
		case aws.ReasonOf(err) == aws.Throttled: // many small questions would fare worse
			for _, q := range questions {
				unverified(q, err)
			}
			return nil
		case aws.Outage(err):
			tooMany = err
		}
	}
	if n := a.inTime(ctx); n < len(questions) {
		if end, _ := ctx.Deadline(); n == 0 && time.Until(end) < time.Second/callRate && !aws.Outage(tooMany) {
			tooMany = errNoTime
		}
		for _, q := range questions[n:] {
			if !errors.Is(tooMany, errNoTime) {
				a.metrics.heldBack()
			}
			if again {
				absent = append(absent, q)
			} else {
				unverified(q, tooMany)
			}
		}
		questions = questions[:n]
	}
	errs := make([]error, len(questions))
	var g errgroup.Group
	g.SetLimit(fewNames)
	for i, q := range questions {
		g.Go(func() error {
			var e entity
			if e, errs[i] = d.get(ctx, a, q.key, q.arn.Name, again); errs[i] == nil {
				found(q, e)
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are kept by question
	held := slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, errOwnPace) })
	for i, q := range questions {
		switch {
		case errs[i] == nil:
		case aws.ReasonOf(errs[i]) == aws.Missing || again:
			absent = append(absent, q)
		case errors.Is(errs[i], errNotOwn):
			s.notOwn(q)
		case held && errors.Is(errs[i], errNoTime): // the time went by in waiting for the others' turns
			unverified(q, errOwnPace)
		default:
			unverified(q, errs[i])
		}
	}
	return absent
}

// get asks for one principal, together with all who ask for it at the same time, of the same identity: what went wrong for one that the
// policy no longer names says nothing of the one that it names now.
func (d *Directory) get(ctx context.Context, a *account, k key, name string, again bool) (entity, error) {
	return share(ctx, d, fmt.Sprintf("get %p %v %t", a, k, again), func(ctx context.Context) (entity, error) {
		if e, ok := d.known(a, k); ok { // found by whoever asked just before
			return e, nil
		}
		var got key
		e, err := a.get(ctx, k.kind, name, func(arn string) (err error) {
			var ok bool
			if got, ok = read(arn); !ok || got.kind != k.kind || got.name != k.name {
				return aws.Errorf(aws.Malformed, "the answer about %s %s is about something else", k.kind, name)
			}
			return d.belongs(a, k, got)
		})
		switch {
		case err != nil:
			return entity{}, err
		case got != k:
			return entity{}, errNotOwn
		}
		if e.trust.Known != validate.TrustUnreadable { // the next to ask may get a better answer
			d.caches.found.Add(k, e)
		}
		return e, nil
	})
}

// list asks for all principals of a kind, together with all who do so at the same time. While it is not known which account is the
// guard's own, they may be another account's than k's.
func (d *Directory) list(ctx context.Context, a *account, k key, again bool) (map[string]entity, error) {
	k.name = ""
	l := listing{a, k.kind}
	if err, lacking := d.caches.unlisted.Get(l); lacking {
		return nil, err
	}
	return share(ctx, d, fmt.Sprintf("list %p %v %t", a, k, again), func(ctx context.Context) (map[string]entity, error) {
		list, whose, err := a.list(ctx, k.kind, func(got key) error { return d.belongs(a, k, got) })
		if err != nil && aws.AsError(err).Permission {
			d.caches.unlisted.Add(l, err)
		}
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			whose = k
		}
		if !a.own() || d.isOwn(whose) {
			d.caches.keepList(whose, list)
		}
		return list, nil
	})
}
