package fleet

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// What an answer to DescribeInstances may have: levels of elements (AWS's have some twelve), bytes between two tags,
// and bytes that are kept of a page (1,000 instances with the longest ARNs of instance profiles have half of it).
const deepest, longestToken, maxKept = 64, 64 << 10, 2 << 20

// errNotEC2s is the error of an answer that goes beyond that.
var errNotEC2s = errors.New("no answer to DescribeInstances")

// instancesPage is what is kept of a page.
type instancesPage struct {
	list      bool // an empty one is a list, too
	instances []found
	next      *string // where the next page begins

	kept int
	tags map[string]string // of the last instance
	tag  [2]string         // the last of them, name and value
}

// readInto has a call read its answer into p, while it comes in. The SDK by itself makes 700 bytes of every instance, and
// more of its addresses, before anybody sees one: 15 MiB of a large page, gigabytes of a page of empty elements.
func readInto(p *instancesPage) func(*ec2.Options) {
	const id = "OperationDeserializer"
	return func(o *ec2.Options) {
		o.APIOptions = append(slices.Clip(o.APIOptions), func(stack *middleware.Stack) error {
			sdks, _ := stack.Deserialize.Get(id)
			read := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
			) (middleware.DeserializeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleDeserialize(ctx, in)
				r, ok := out.RawResponse.(*smithyhttp.Response)
				if !ok || err != nil || r.StatusCode != http.StatusOK { // an error of AWS
					came := func(context.Context, middleware.DeserializeInput,
					) (middleware.DeserializeOutput, middleware.Metadata, error) {
						return out, metadata, err
					}
					return sdks.HandleDeserialize(ctx, in, middleware.DeserializeHandlerFunc(came))
				}
				if err := p.read(r.Body); err != nil {
					return out, metadata, &smithy.DeserializationError{Err: err}
				}
				out.Result = &ec2.DescribeInstancesOutput{NextToken: p.next}
				return out, metadata, nil
			}
			_, err := stack.Deserialize.Swap(id, middleware.DeserializeMiddlewareFunc(id, read))
			return err
		})
	}
}

// read reads the XML of a page. An empty answer has no list.
func (p *instancesPage) read(body io.Reader) error {
	*p = instancesPage{}
	in := &tokens{from: body}
	d := xml.NewDecoder(in)
	var path []string
	var text []byte
	for {
		in.left = longestToken
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > deepest {
				return errNotEC2s
			}
			text = text[:0]
			err = p.enter(path)
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			err = p.leave(path, text)
			path, text = path[:len(path)-1], text[:0]
		}
		if err != nil || len(text) > longestToken {
			return errors.Join(err, errNotEC2s)
		}
	}
}

// Where an answer has its instances and their tags (Amazon EC2 API reference, DescribeInstances).
var (
	reservationsPath = []string{"DescribeInstancesResponse", "reservationSet"}
	instancePath     = append(slices.Clip(reservationsPath), "item", "instancesSet", "item")
)

func isInstance(path []string) bool { return slices.Equal(path, instancePath) }

func (p *instancesPage) enter(path []string) error {
	switch {
	case slices.Equal(path, reservationsPath):
		p.list = true
	case isInstance(path):
		if len(p.instances) == instancePage {
			return errNotEC2s
		}
		p.instances, p.tags = append(p.instances, found{}), map[string]string{}
	}
	return nil
}

// leave stores an element and the text in it.
func (p *instancesPage) leave(path []string, text []byte) error {
	switch {
	case len(path) == 2 && path[1] == "nextToken" && len(text) > 0:
		next := string(text)
		p.next = &next
	case isInstance(path):
		i := &p.instances[len(p.instances)-1]
		i.Cluster, i.Clusters = clustersOf(p.tags)
	case len(path) > len(instancePath) && isInstance(path[:len(instancePath)]):
		return p.field(strings.Join(path[len(instancePath):], "/"), text)
	}
	return nil
}

// field stores a field of an instance.
func (p *instancesPage) field(name string, text []byte) error {
	i := &p.instances[len(p.instances)-1]
	keep := func() string {
		p.kept += len(text)
		return string(text)
	}
	switch name {
	case "instanceId":
		i.id = keep()
	case "iamInstanceProfile/arn":
		i.Profile = keep()
	case "privateDnsName":
		i.DNSName = keep()
	case "platform":
		i.Windows = strings.EqualFold(string(text), "windows")
	case "launchTime":
		i.Launched, _ = time.Parse(time.RFC3339, string(text)) // the zero value, if EC2 names none: long ago
	case "instanceState/name":
		i.Gone = string(text) == "terminated" || string(text) == "shutting-down"
	case "tagSet/item/key":
		p.tag[0] = string(text)
	case "tagSet/item/value":
		p.tag[1] = string(text)
	case "tagSet/item":
		if namesCluster(p.tag[0]) {
			p.tags[p.tag[0]] = p.tag[1]
			p.kept += len(p.tag[0]) + len(p.tag[1])
		}
		p.tag = [2]string{}
	}
	if p.kept > maxKept {
		return errNotEC2s
	}
	return nil
}

// tokens reads no more than left at a time: a decoder keeps all of a token.
type tokens struct {
	from io.Reader
	left int
}

func (t *tokens) Read(b []byte) (int, error) {
	if t.left <= 0 {
		return 0, errNotEC2s
	}
	n, err := t.from.Read(b)
	t.left -= n
	return n, err
}
