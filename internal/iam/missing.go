package iam

import (
	"context"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

// fewHints bounds the calls that only serve a better message, moreHints the names that are compared with a whole list:
// nobody reads more findings before the first are fixed.
const fewHints, moreHints = 5, 25

// conclude answers for those that IAM does not know, with what may have been meant.
func (d *Directory) conclude(ctx context.Context, s *setup, a *account, absent []question) {
	if len(absent) == 0 {
		return
	}
	if a.own() && !d.isOwn(absent[0].key) {
		// What these credentials do not know may exist in the ARN's account: it is not known whose they are.
		why := "the guard could not find out which account is its own"
		if u := d.unidentified.Load(); u != nil {
			why += ": " + aws.AsError(u.err).Detail
		}
		for _, q := range absent {
			unverified(q, aws.Errorf(aws.Unreachable, "%s", why))
		}
		return
	}
	list, listed := d.caches.list(absent[0].key)
	if !listed {
		var err error
		if list, err = d.list(ctx, a, absent[0].key, false); isStrangers(err) { // then so may be what does not know them
			for _, q := range absent {
				unverified(q, err)
			}
			return
		} // without a list there are fewer suggestions
	}
	for i, q := range absent {
		if e, ok := list[q.key.name]; ok { // IAM has it after all, in another letter case or since just now
			found(q, e)
			continue
		}
		p := principal.Principal{Existence: principal.Missing}
		if i < fewHints {
			p.Suggestions = d.elsewhere(ctx, s, a, q)
		}
		if i < moreHints {
			p.Suggestions = append(p.Suggestions, nearest(q.key.name, list)...)
		}
		*q.answer = p
		d.caches.missing.Add(q.key, p)
	}
}

// elsewhere looks for the same name as the other kind, and in the guard's own account.
func (d *Directory) elsewhere(ctx context.Context, s *setup, a *account, q question) (arns []string) {
	other := q.key
	if other.kind == awsauth.KindRole {
		other.kind = awsauth.KindUser
	} else {
		other.kind = awsauth.KindRole
	}
	if e, err := d.get(ctx, a, other, q.arn.Name, false); err == nil {
		arns = append(arns, e.arn)
	}
	if !a.own() {
		arns = append(arns, d.inOwn(ctx, s, q)...)
	}
	return arns
}

// inOwn looks for a principal of the same kind and name in the guard's own account.
func (d *Directory) inOwn(ctx context.Context, s *setup, q question) []string {
	self, ok := d.Self()
	if !ok {
		return nil
	}
	k := q.key
	k.account = self.Account
	if self.Partition != "" {
		k.partition = strings.ToLower(self.Partition)
	}
	if e, err := d.get(ctx, s.own, k, q.arn.Name, false); err == nil {
		return []string{e.arn}
	}
	return nil
}

// hintAtOwn says where principals of accounts that the policy does not know may have been meant: often just the account
// id is wrong.
func (d *Directory) hintAtOwn(ctx context.Context, s *setup, foreign []question) {
	for _, q := range foreign[:min(len(foreign), fewHints)] {
		if q.arn.Kind == awsauth.KindRole || q.arn.Kind == awsauth.KindUser {
			q.answer.Suggestions = d.inOwn(ctx, s, q)
		}
	}
}
