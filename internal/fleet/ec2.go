package fleet

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ec2Client asks EC2. The SDK's client is kept out of every interface: the linker then drops the 700 calls that are not
// made, and it costs half a megabyte (docs/design.md).
type ec2Client struct{ sdk *awsec2.Client }

func newEC2(cfg aws.Config) *ec2Client { return &ec2Client{awsec2.NewFromConfig(cfg)} }

// instancesPage is one page of DescribeInstances.
type instancesPage struct {
	instances []found
	next      string
}

func (c *ec2Client) describeInstances(ctx context.Context, filters []filter, next string) (*instancesPage, error) {
	in := &awsec2.DescribeInstancesInput{MaxResults: aws.Int32(instancePage)}
	if next != "" {
		in.NextToken = &next
	}
	for _, f := range filters {
		in.Filters = append(in.Filters, ec2types.Filter{Name: aws.String(f.name), Values: f.values})
	}
	out, err := c.sdk.DescribeInstances(ctx, in)
	if err != nil {
		return nil, err
	}
	if out.Reservations == nil { // a 200 with an empty body is no error to the SDK; no instances are an empty list
		return nil, problemf("the answer to ec2:DescribeInstances holds no list")
	}
	p := &instancesPage{next: aws.ToString(out.NextToken)}
	for _, r := range out.Reservations {
		for i := range r.Instances {
			p.instances = append(p.instances, foundOf(&r.Instances[i]))
		}
	}
	return p, nil
}

func foundOf(i *ec2types.Instance) found {
	f := found{id: aws.ToString(i.InstanceId), Instance: Instance{Windows: i.Platform == ec2types.PlatformValuesWindows}}
	if i.IamInstanceProfile != nil {
		f.Profile = aws.ToString(i.IamInstanceProfile.Arn)
	}
	if i.State != nil {
		f.Gone = i.State.Name == ec2types.InstanceStateNameTerminated || i.State.Name == ec2types.InstanceStateNameShuttingDown
	}
	tags := make(map[string]string, len(i.Tags))
	for _, t := range i.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	f.cluster = clusterOf(tags)
	return f
}
