package iam

import (
	"context"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

const (
	// pageSize is the most that IAM returns at once; maxPages is well above what an account may hold (5,000 of each
	// kind).
	pageSize, maxPages = 1000, 20
	// maxPage bounds a page of a list: 1,000 roles, each with a trust policy that is three times as long when it is
	// URL-encoded.
	maxPage = 16 << 20
)

// list returns all principals of a kind by their names in lower case, and the account that they are all of, as a
// key without a name. check is an error for another account.
func (a *account) list(ctx context.Context, kind awsauth.Kind, check func(key) error) (map[string]entity, key, error) {
	f := flightFrom(ctx)
	f.goesOn()
	began := time.Now()
	l := newList(kind, check)
	var marker *string
	for range maxPages {
		next, err := a.page(ctx, kind, marker, l.take)
		if err != nil {
			return nil, key{}, err
		}
		if next == nil {
			return l.all, l.whose, nil
		}
		marker = next
		if time.Since(began)-f.heldFor() > a.timeout() { // no request can wait for that
			return nil, key{}, a.lists.Fail(aws.Errorf(aws.Timeout, "AWS takes more than %s to list all %ss", a.timeout(), kind))
		}
	}
	return nil, key{}, aws.Errorf(aws.Malformed, "the list of %ss has no end", kind)
}

// list is what has come of a list so far.
type list struct {
	kind  awsauth.Kind
	check func(key) error
	all   map[string]entity // by name in lower case
	whose key               // without a name; the zero value before the first principal
	texts map[string]string // most roles of an account have one of a few trust policies
}

func newList(kind awsauth.Kind, check func(key) error) *list {
	return &list{kind: kind, check: check, all: map[string]entity{}, texts: map[string]string{}}
}

// take adds a page. All principals must be of one account.
func (l *list) take(page []entity) error {
	for _, e := range page {
		k, ok := read(e.arn)
		if !ok { // nobody asks for it
			continue
		}
		e.trust.Service, e.trust.Other = l.once(e.trust.Service), l.once(e.trust.Other)
		l.all[k.name] = e
		k.name = ""
		switch {
		case k.kind != l.kind, l.whose != key{} && k != l.whose:
			return aws.Errorf(aws.Malformed, "the list of %ss holds what is of another account or kind", l.kind)
		case l.whose == key{}:
			if err := l.check(k); err != nil {
				return err
			}
			l.whose = k
		}
	}
	return nil
}

// once keeps one copy of each string.
func (l *list) once(s string) string {
	if kept, ok := l.texts[s]; ok {
		return kept
	}
	l.texts[s] = s
	return s
}

// page is one page of a list as IAM answers it.
type page struct {
	all  []entity
	next *string // where the next page begins; nil: this is the last
}

// page hands one page of a list to take, and returns where the next one begins. A page is retried only before take
// has got it.
func (a *account) page(ctx context.Context, kind awsauth.Kind, marker *string, take func([]entity) error) (next *string, err error) {
	ask := a.listRoles
	if kind == awsauth.KindUser {
		ask = a.listUsers
	}
	op := aws.Operation{API: listAPI(kind), On: "*"}
	p, err := call(aws.Expect(ctx, maxPage), a, a.lists, op, func(ctx context.Context) (page, error) {
		p, err := ask(ctx, marker)
		switch {
		case err != nil:
			return p, err
		case len(p.all) > pageSize:
			return p, aws.Errorf(aws.Malformed, "the answer to %s holds more than the %d %ss that were asked for", op.API, pageSize, kind)
		}
		return p, take(p.all)
	})
	return p.next, err
}

func (a *account) listRoles(ctx context.Context, marker *string) (page, error) {
	out, err := a.iam.ListRoles(ctx, &awsiam.ListRolesInput{Marker: marker, MaxItems: sdk.Int32(pageSize)})
	if err != nil {
		return page{}, err
	}
	next, err := nextPage(awsauth.KindRole, out.Roles != nil, out.IsTruncated, out.Marker)
	var all []entity
	for _, r := range out.Roles[:min(len(out.Roles), pageSize+1)] {
		all = append(all, entity{sdk.ToString(r.Arn), trustOf(r.AssumeRolePolicyDocument)})
	}
	return page{all, next}, err
}

func (a *account) listUsers(ctx context.Context, marker *string) (page, error) {
	out, err := a.iam.ListUsers(ctx, &awsiam.ListUsersInput{Marker: marker, MaxItems: sdk.Int32(pageSize)})
	if err != nil {
		return page{}, err
	}
	next, err := nextPage(awsauth.KindUser, out.Users != nil, out.IsTruncated, out.Marker)
	var all []entity
	for _, u := range out.Users[:min(len(out.Users), pageSize+1)] {
		all = append(all, entity{arn: sdk.ToString(u.Arn)})
	}
	return page{all, next}, err
}

// nextPage is where the next page begins. An empty list is an empty element; without one, it is no answer.
func nextPage(kind awsauth.Kind, list, more bool, marker *string) (*string, error) {
	if !list || more && sdk.ToString(marker) == "" {
		return nil, aws.Errorf(aws.Malformed, "the answer to %s holds no list", listAPI(kind))
	}
	if !more {
		return nil, nil
	}
	return marker, nil
}

func listAPI(kind awsauth.Kind) string {
	if kind == awsauth.KindUser {
		return "iam:ListUsers"
	}
	return "iam:ListRoles"
}
