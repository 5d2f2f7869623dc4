package iam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

// fewNames are asked for one by one, at once. For more than that, the list of all costs less: a page holds 1,000, and
// an account 5,000 of a kind.
const fewNames = 10

// firstLook looks for principals in the cheapest way, and returns those that IAM says do not exist.
func (d *Directory) firstLook(ctx context.Context, s *setup, a *account, questions []question) (absent []question) {
	why := errOwnPace // why not all can be asked for one by one
	if len(questions) > fewNames {
		absent, err := d.lookInList(ctx, s, a, questions, false)
		switch {
		case err == nil:
			return absent
		case aws.ReasonOf(err) == aws.Throttled: // many small questions would fare worse
			for _, q := range questions {
				unverified(q, err)
			}
			return nil
		case aws.Outage(err):
			why = err
		}
	}
	now, never, why := a.inTime(ctx, questions, why)
	for _, q := range never {
		unverified(q, why)
	}
	errs := d.lookAtEach(ctx, a, now, false)
	held := slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, errOwnPace) })
	for i, q := range now {
		switch err := errs[i]; {
		case err == nil:
		case aws.ReasonOf(err) == aws.Missing:
			absent = append(absent, q)
		case errors.Is(err, errNotOwn):
			s.notOwn(q)
		case held && errors.Is(err, errNoTime): // the time went by in waiting for the others' turns
			unverified(q, errOwnPace)
		default:
			unverified(q, err)
		}
	}
	return absent
}

// secondLook asks once more for those that IAM said do not exist, and returns those for which nothing else has come
// out: what fails now does not take back what IAM has said.
func (d *Directory) secondLook(ctx context.Context, s *setup, a *account, absent []question) []question {
	if len(absent) > fewNames {
		left, err := d.lookInList(ctx, s, a, absent, true)
		if err != nil {
			return absent
		}
		return left
	}
	now, left, _ := a.inTime(ctx, absent, errOwnPace)
	left = slices.Clone(left)
	for i, err := range d.lookAtEach(ctx, a, now, true) {
		if err != nil {
			left = append(left, now[i])
		}
	}
	return left
}

// lookInList looks for principals in the list of all, and returns those that are not in it. again says that it is
// the second look.
func (d *Directory) lookInList(ctx context.Context, s *setup, a *account, questions []question, again bool) (absent []question, err error) {
	list, err := d.list(ctx, a, questions[0].key, again)
	if err != nil {
		return nil, err
	}
	for _, q := range d.reroute(s, a, questions) {
		if e, ok := list[q.key.name]; ok {
			found(q, e)
		} else {
			absent = append(absent, q)
		}
	}
	return absent, nil
}

// lookAtEach asks for principals one by one, at once, and answers for those that are found. The errors are the others'.
func (d *Directory) lookAtEach(ctx context.Context, a *account, questions []question, again bool) []error {
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
	return errs
}

// inTime divides questions into those that can be asked one by one before ctx ends, and the others. why is why they
// cannot, if it is not that there is hardly any time.
func (a *account) inTime(ctx context.Context, questions []question, why error) (now, never []question, _ error) {
	n := callBurst
	end, limited := ctx.Deadline()
	if limited {
		n = a.limiter.Until(end)
	}
	n = min(n, len(questions))
	if n == 0 && time.Until(end) < time.Second/callRate && !aws.Outage(why) {
		why = errNoTime
	}
	if !errors.Is(why, errNoTime) {
		a.metrics.heldBack(len(questions) - n)
	}
	return questions[:n], questions[n:], why
}

// get asks for one principal, together with all who ask for it at the same time, of the same identity: what went
// wrong for one that the policy no longer names says nothing of the one that it names now.
func (d *Directory) get(ctx context.Context, a *account, k key, name string, again bool) (entity, error) {
	return share(ctx, d, fmt.Sprintf("get %p %v %t", a, k, again), func(ctx context.Context) (entity, error) {
		if e, ok := d.known(a, k); ok { // found by a caller just before
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
		if e.trust.Known != principal.TrustUnreadable { // the next to ask may get a better answer
			d.caches.found.Add(k, e)
		}
		return e, nil
	})
}

// list asks for all principals of a kind, together with all who do so at the same time. While it is not known which
// account is the guard's own, they may be another account's than k's.
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
