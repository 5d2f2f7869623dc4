package iam

import (
	"context"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

// fewNew is how many ARNs a small edit asks about at most: what a person adds by hand.
const fewNew = 3

// flowOf is whose calls those for an edit are, and how soon they are wanted.
func flowOf(a principal.Asker, arns int) aws.Flow {
	switch {
	case a.DryRun:
		return aws.Flow{Lane: aws.DryRun, User: a.Username}
	case arns <= fewNew:
		return aws.Flow{Lane: aws.Small, User: a.Username}
	}
	return aws.Flow{Lane: aws.Large, User: a.Username}
}

type flowKey struct{}

// inFlow notes for whom calls are made. It is in the context, since between Lookup and the call there are only
// functions that it is none of their business.
func inFlow(ctx context.Context, f aws.Flow) context.Context {
	return context.WithValue(ctx, flowKey{}, f)
}

func flowFrom(ctx context.Context) aws.Flow {
	f, _ := ctx.Value(flowKey{}).(aws.Flow)
	return f // without one, it is the guard's own
}
