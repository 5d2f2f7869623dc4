package fleet

import (
	"context"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
)

const (
	// instancePage is the most instances that EC2 returns at once, filterValues the most values of one filter
	// (Amazon EC2 API reference, DescribeInstances; Amazon EC2 user guide, "List and filter").
	instancePage, filterValues = 1000, 200
	// maxPage bounds what is read of a page: 1,000 instances are some megabytes, with hundreds of addresses each
	// some tens.
	maxPage = 64 << 20
)

// found is an instance as EC2 describes it.
type found struct {
	id string
	Instance
}

// filter is one of DescribeInstances' filters: an instance passes if it has one of the values.
func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

// describe reads all pages of the instances that pass the filters.
func (a *asker) describe(ctx context.Context, filters ...types.Filter) ([]found, error) {
	in := &ec2.DescribeInstancesInput{Filters: filters, MaxResults: sdk.Int32(instancePage)}
	list := ec2.NewDescribeInstancesPaginator(a.ec2, in)
	op := aws.Operation{API: "ec2:DescribeInstances", On: "*"}
	return allPages(ctx, a, op, list.HasMorePages, func(ctx context.Context) ([]found, error) {
		var page instancesPage
		_, err := list.NextPage(aws.ExpectTags(ctx, maxPage), readInto(&page))
		if err == nil && !page.list {
			err = aws.Errorf(aws.Malformed, "the answer to %s holds no list", op.API)
		}
		return page.instances, err
	})
}

// byID describes instances by their ids. What is not returned, EC2 does not know.
func (a *asker) byID(ctx context.Context, ids []string) ([]found, error) {
	var all []found
	for chunk := range slices.Chunk(ids, filterValues) {
		some, err := a.describe(ctx, filter("instance-id", chunk...))
		if err != nil {
			return all, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// tagged describes the instances with the cluster's tag that run or could run again.
func (a *asker) tagged(ctx context.Context, cluster string) ([]found, error) {
	return a.describe(ctx, filter("tag-key", clusterTag+cluster),
		filter("instance-state-name", "pending", "running", "stopping", "stopped"))
}

// starting describes the instances with the cluster's tag that were launched lately, in this hour or the hours before.
func (a *asker) starting(ctx context.Context, cluster string, now time.Time) ([]found, error) {
	var hours []string
	for t := now; !t.Before(now.Add(-startingFor)); t = t.Add(-time.Hour) {
		hours = append(hours, t.UTC().Format("2006-01-02T15:")+"*")
	}
	return a.describe(ctx, filter("tag-key", clusterTag+cluster),
		filter("instance-state-name", "pending", "running"), filter("launch-time", hours...))
}
