package fleet

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

const (
	// rolesFor is how long it is believed when a role was created: a role that is deleted and created again is a rare event.
	rolesFor = 30 * time.Minute
	// maxRoles is how many roles of access entries are asked for in one round: a cluster may have 3,000 entries, and IAM's
	// rate is shared by the whole account.
	maxRoles = 100
)

// role is what is kept of an IAM role.
type role struct {
	arn     string    // with its path
	created time.Time // zero: not known
	read    time.Time // when it was asked for
}

func roleOf(r types.Role) role {
	return role{arn: aws.ToString(r.Arn), created: aws.ToTime(r.CreateDate)}
}

// role asks IAM for the role that has a principal's name. It is the zero value if there is none, or if it is not the
// principal: that may be another account's.
func (a *asker) role(ctx context.Context, principal awsauth.ARN) (role, error) {
	return ask(ctx, a, "iam", "GetRole", "role "+principal.Name, func(ctx context.Context) (role, error) {
		out, err := a.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String(principal.Name)})
		var missing *types.NoSuchEntityException
		switch {
		case errors.As(err, &missing):
			return role{}, nil
		case err != nil:
			return role{}, err
		case out.Role == nil:
			return role{}, problemf("the answer to iam:GetRole holds no role")
		}
		r := roleOf(*out.Role)
		if a, err := awsauth.ParseARN(r.arn); err != nil || !strings.EqualFold(a.Canonical(), principal.Canonical()) {
			return role{}, nil
		}
		return r, nil
	})
}

// readRoles finds out when the roles of access entries were created, since an entry that is older than its role covers
// nobody: first those by which nodes join, then those of admins. What the instance profiles tell is not asked for again.
func (f *Fleet) readRoles(ctx context.Context, x *access, account string, now time.Time) error {
	told := map[string]bool{}
	for _, r := range f.instances().profiles {
		told[awsauth.Subject(r.arn)] = !r.created.IsZero()
	}
	roles := map[string]role{}
	var due []string
	parsed := map[string]awsauth.ARN{}
	for principal, e := range x.entries {
		a, err := awsauth.ParseARN(principal)
		if err != nil || a.Kind != awsauth.KindRole || account != "" && a.Account != account {
			continue
		}
		if r, ok := x.roles[principal]; ok {
			roles[principal] = r
		}
		if !told[awsauth.Subject(e.ARN)] && (roles[principal].read.IsZero() || now.Sub(roles[principal].read) >= rolesFor) {
			due, parsed[principal] = append(due, principal), a
		}
	}
	rank := func(principal string) int {
		switch e := x.entries[principal]; {
		case e.Type != "STANDARD":
			return 0
		case e.ClusterAdmin:
			return 1
		}
		return 2
	}
	slices.SortFunc(due, func(a, b string) int {
		return cmp.Or(rank(a)-rank(b), roles[a].read.Compare(roles[b].read), strings.Compare(a, b))
	})
	var failed error
	failures := 0
	for _, principal := range due[:min(len(due), maxRoles)] {
		r, err := f.aws.role(ctx, parsed[principal])
		if err != nil { // what is known of it already stays
			failed = err
			if failures++; failures == maxFailures {
				break
			}
			continue
		}
		r.read = now
		roles[principal] = r
	}
	x.roles = roles
	return failed
}

// created is when roles were created, by the awsauth.Subject of their ARN. Of two answers the later counts: a role was
// created again in between.
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
