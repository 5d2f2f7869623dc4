package fleet

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ec2Version is the version of EC2's Query API (Amazon EC2 API reference, "Query requests").
const ec2Version = "2016-11-15"

// ec2Code finds the code in an error document of EC2.
func ec2Code(_ http.Header, body []byte) string {
	var document struct {
		XMLName xml.Name `xml:"Response"`
		Code    string   `xml:"Errors>Error>Code"`
	}
	if xml.Unmarshal(body, &document) != nil {
		return ""
	}
	return document.Code
}

// instancesPage is one page of DescribeInstances.
type instancesPage struct {
	instances []found
	next      string
}

// instancesAnswer is what is read of DescribeInstances' answer.
type instancesAnswer struct {
	XMLName      xml.Name `xml:"DescribeInstancesResponse"`
	Reservations *struct {
		Items []struct {
			Instances []instanceAnswer `xml:"instancesSet>item"`
		} `xml:"item"`
	} `xml:"reservationSet"`
	NextToken string `xml:"nextToken"`
}

type instanceAnswer struct {
	ID       string `xml:"instanceId"`
	Profile  string `xml:"iamInstanceProfile>arn"`
	Platform string `xml:"platform"`
	DNSName  string `xml:"privateDnsName"`
	Launched string `xml:"launchTime"`
	State    string `xml:"instanceState>name"`
	Tags     []struct {
		Key   string `xml:"key"`
		Value string `xml:"value"`
	} `xml:"tagSet>item"`
}

func (a *asker) instances(ctx context.Context, filters []filter, next string) (*instancesPage, error) {
	form := url.Values{"Action": {"DescribeInstances"}, "Version": {ec2Version}, "MaxResults": {strconv.Itoa(instancePage)}}
	if next != "" {
		form.Set("NextToken", next)
	}
	for i, f := range filters {
		form.Set(fmt.Sprintf("Filter.%d.Name", i+1), f.name)
		for j, v := range f.values {
			form.Set(fmt.Sprintf("Filter.%d.Value.%d", i+1, j+1), v)
		}
	}
	var out instancesAnswer
	err := a.ec2.call(ctx, http.MethodPost, "/", []byte(form.Encode()), func(r io.Reader) error { return xml.NewDecoder(r).Decode(&out) })
	if err != nil {
		return nil, err
	}
	if out.Reservations == nil { // no instances are an empty list
		return nil, problemf("the answer to ec2:DescribeInstances holds no list")
	}
	p := &instancesPage{next: out.NextToken}
	for _, r := range out.Reservations.Items {
		for _, i := range r.Instances {
			p.instances = append(p.instances, i.found())
		}
	}
	return p, nil
}

func (i instanceAnswer) found() found {
	tags := make(map[string]string, len(i.Tags))
	for _, t := range i.Tags {
		tags[t.Key] = t.Value
	}
	launched, _ := time.Parse(time.RFC3339, i.Launched) // the zero value, if EC2 names none: long ago
	one, all := clustersOf(tags)
	return found{id: i.ID, Instance: Instance{Cluster: one, Clusters: all, Profile: i.Profile, Windows: i.Platform == "windows",
		Gone: i.State == "terminated" || i.State == "shutting-down", DNSName: i.DNSName, Launched: launched}}
}
