package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

const (
	// nodeRolesFor and principalsFor are how long the creation date of an access entry's principal is used: for those by
	// which nodes join, and for others.
	nodeRolesFor, principalsFor = 10 * time.Minute, 30 * time.Minute
	// maxPrincipals is how many principals of access entries are asked for in one round: a cluster may have 3,000
	// entries, and IAM's rate is shared by the whole account.
	maxPrincipals = 100
	// principalsWithin bounds one round: where IAM cannot be reached, as from many a private subnet, the access
	// entries are not to wait for it.
	principalsWithin = callTimeout
)

// role is what is kept of an IAM role, or of a user that has an access entry.
type role struct {
	arn     string    // with its path
	created time.Time // zero: not known
	read    time.Time // when IAM answered
	tried   time.Time // when IAM was asked
}

func roleOf(r types.Role) role {
	return role{arn: sdk.ToString(r.Arn), created: sdk.ToTime(r.CreateDate)}
}

// profileRole is the role in an instance profile, the zero value if there is none in it.
func (a *asker) profileRole(ctx context.Context, profileARN string) (role, error) {
	name := profileARN[strings.LastIndexByte(profileARN, '/')+1:]
	op := aws.Operation{API: "iam:GetInstanceProfile", On: profileARN}
	return ask(ctx, a, op, func(ctx context.Context) (role, error) {
		out, err := a.iam.GetInstanceProfile(ctx, &awsiam.GetInstanceProfileInput{InstanceProfileName: &name})
		switch {
		case err != nil:
			return role{}, err
		case out.InstanceProfile == nil || sdk.ToString(out.InstanceProfile.InstanceProfileName) != name:
			return role{}, aws.Errorf(aws.Malformed, "the answer to iam:GetInstanceProfile holds no instance profile %s", name)
		case len(out.InstanceProfile.Roles) == 0:
			return role{}, nil
		}
		return roleOf(out.InstanceProfile.Roles[0]), nil
	})
}

// principal asks IAM for the role or user that has a principal's name. It is the zero value if there is none, or if
// it is not the principal: that may be another account's.
func (a *asker) principal(ctx context.Context, p awsauth.ARN) (role, error) {
	op, get := aws.Operation{API: "iam:GetRole", On: "role " + p.Name}, a.getRole
	if p.Kind == awsauth.KindUser {
		op, get = aws.Operation{API: "iam:GetUser", On: "user " + p.Name}, a.getUser
	}
	return ask(ctx, a, op, func(ctx context.Context) (role, error) {
		r, err := get(ctx, p.Name)
		switch err = aws.Classify(err, a.who(), op); {
		case aws.ReasonOf(err) == aws.Missing:
			return role{}, nil
		case err != nil:
			return role{}, err
		case awsauth.Subject(r.arn) != awsauth.Subject(p.Canonical()):
			return role{}, nil
		}
		return r, nil
	})
}

func (a *asker) getRole(ctx context.Context, name string) (role, error) {
	out, err := a.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &name})
	if err != nil {
		return role{}, err
	}
	if out.Role == nil {
		return role{}, aws.Errorf(aws.Malformed, "the answer to iam:GetRole holds no role")
	}
	return roleOf(*out.Role), nil
}

func (a *asker) getUser(ctx context.Context, name string) (role, error) {
	out, err := a.iam.GetUser(ctx, &awsiam.GetUserInput{UserName: &name})
	if err != nil {
		return role{}, err
	}
	if out.User == nil {
		return role{}, aws.Errorf(aws.Malformed, "the answer to iam:GetUser holds no user")
	}
	return role{arn: sdk.ToString(out.User.Arn), created: sdk.ToTime(out.User.CreateDate)}, nil
}

// readPrincipals finds out when the principals of access entries were created, since an entry that is older than
// its principal covers nobody.
func (f *Fleet) readPrincipals(ctx context.Context, x *access, account string, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, principalsWithin)
	defer cancel()
	roles, due := f.duePrincipals(x, account, now)
	var failed error
	failures := 0
	for _, p := range due[:min(len(due), maxPrincipals)] {
		r, err := f.aws.principal(ctx, p.arn)
		if err != nil { // what is known of it already stays, and others come first the next time
			failed = err
			known := roles[p.name]
			known.tried = now
			roles[p.name] = known
			if failures++; failures == maxFailures {
				break
			}
			continue
		}
		r.read, r.tried = now, now
		roles[p.name] = r
	}
	x.roles = roles
	return failed
}

// duePrincipal is a principal of an access entry that IAM is to be asked for.
type duePrincipal struct {
	name string // as the entry has it
	arn  awsauth.ARN
}

// duePrincipals are those to ask for, first those by which nodes join, then those of admins, and what is known of all.
// What the instance profiles show is not asked for again.
func (f *Fleet) duePrincipals(x *access, account string, now time.Time) (roles map[string]role, due []duePrincipal) {
	known := map[string]bool{}
	for _, r := range f.instances().profiles {
		known[awsauth.Subject(r.arn)] = !r.created.IsZero()
	}
	roles = map[string]role{}
	for principal, e := range x.entries {
		a, err := awsauth.ParseARN(principal)
		if err != nil || a.Kind != awsauth.KindRole && a.Kind != awsauth.KindUser || account != "" && a.Account != account {
			continue
		}
		r, ok := x.roles[principal]
		if ok {
			roles[principal] = r
		}
		fresh := principalsFor
		if e.Type != "STANDARD" {
			fresh = nodeRolesFor
		}
		if !known[awsauth.Subject(e.ARN)] && (r.read.IsZero() || now.Sub(r.read) >= fresh) {
			due = append(due, duePrincipal{principal, a})
		}
	}
	rank := func(principal string) int {
		switch e, r := x.entries[principal], roles[principal]; {
		case r.tried.After(r.read):
			return 3 // it failed: the others do not wait for it
		case e.Type != "STANDARD":
			return 0
		case e.ClusterAdmin:
			return 1
		}
		return 2
	}
	slices.SortFunc(due, func(a, b duePrincipal) int {
		return cmp.Or(rank(a.name)-rank(b.name), roles[a.name].tried.Compare(roles[b.name].tried), strings.Compare(a.name, b.name))
	})
	return roles, due
}

// created is when roles and users were created, by the awsauth.Subject of their ARN. Of two answers the later
// counts: a role was created again in between.
func created(profiles map[string]role, entries map[string]role) map[string]time.Time {
	all := map[string]time.Time{}
	for _, roles := range []map[string]role{profiles, entries} {
		for r := range maps.Values(roles) {
			if key := awsauth.Subject(r.arn); r.arn != "" && r.created.After(all[key]) {
				all[key] = r.created
			}
		}
	}
	return all
}
