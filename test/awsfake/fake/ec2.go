package fake

import (
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// InstanceProfile is what carries a role to an EC2 instance.
type InstanceProfile struct {
	ARN  string `json:"arn"`            // arn:P:iam::ACCT:instance-profile/[PATH/]NAME
	Role string `json:"role,omitempty"` // the ARN of the role in it; "": none
}

// Instance is an EC2 instance.
type Instance struct {
	ID             string            `json:"id"`
	Account        string            `json:"account,omitempty"` // 111122223333 if empty
	Profile        string            `json:"profile,omitempty"` // the ARN of its instance profile
	State          string            `json:"state,omitempty"`   // running if empty
	Platform       string            `json:"platform,omitempty"`
	PrivateDNSName string            `json:"privateDnsName,omitempty"`
	Launched       time.Time         `json:"launched,omitempty"` // the start of the server if zero
	Tags           map[string]string `json:"tags,omitempty"`
}

// homeAccount is where everything is that names no account.
const homeAccount = "111122223333"

// addInstances puts instances there, or in the place of those with the same id.
func (st *state) addInstances(now time.Time, instances ...Instance) {
	for _, i := range instances {
		i.Account = cmp.Or(i.Account, homeAccount)
		i.State = cmp.Or(i.State, "running")
		if i.Launched.IsZero() {
			i.Launched = now
		}
		st.instances[i.ID] = i
	}
}

// Launch puts instances there, or in the place of those with the same id.
func (s *Server) Launch(instances ...Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.addInstances(time.Now(), instances...)
}

// SetProfile puts an instance profile there, or another role into one.
func (s *Server) SetProfile(p InstanceProfile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.profiles[p.ARN] = p.Role
}

// SetRole puts a role there, or another one in the place of the one with the same name: with another unique id.
func (s *Server) SetRole(r Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := parseARN(r.ARN)
	if err != nil {
		return
	}
	delete(s.state.principals[group(a.partition, a.account, "role")], strings.ToLower(a.name))
	_ = s.state.create(principal{arn: a, text: r.ARN, trusts: r.Trusts, deny: r.Deny, created: since(r.Created, s.state.old())}) // its place is free
}

// Terminate takes instances away, as if an hour had passed since.
func (s *Server) Terminate(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.state.instances, id)
	}
}

// maxFilterValues is what EC2 takes in one filter (Amazon EC2 user guide, "List and filter").
const maxFilterValues = 200

type ec2Filter struct {
	name   string
	values []string
}

// filters reads Filter.1.Name, Filter.1.Value.1 and so on.
func filters(form url.Values) []ec2Filter {
	var all []ec2Filter
	for i := 1; form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		f := ec2Filter{name: form.Get(fmt.Sprintf("Filter.%d.Name", i))}
		for j := 1; form.Has(fmt.Sprintf("Filter.%d.Value.%d", i, j)); j++ {
			f.values = append(f.values, form.Get(fmt.Sprintf("Filter.%d.Value.%d", i, j)))
		}
		all = append(all, f)
	}
	return all
}

// pass reports that an instance passes a filter, in whose values * and ? are wildcards.
func (f ec2Filter) pass(i Instance) (bool, error) {
	matches := func(s string) bool {
		return slices.ContainsFunc(f.values, func(v string) bool {
			if !strings.ContainsAny(v, "*?") {
				return v == s
			}
			ok, err := path.Match(v, s)
			return ok && err == nil
		})
	}
	switch {
	case f.name == "instance-id":
		return matches(i.ID), nil
	case f.name == "instance-state-name":
		return matches(i.State), nil
	case f.name == "launch-time":
		return matches(i.Launched.UTC().Format("2006-01-02T15:04:05.000Z")), nil
	case f.name == "tag-key":
		for key := range i.Tags {
			if slices.Contains(f.values, key) {
				return true, nil
			}
		}
		return false, nil
	case strings.HasPrefix(f.name, "tag:"):
		value, ok := i.Tags[strings.TrimPrefix(f.name, "tag:")]
		return ok && matches(value), nil
	}
	return false, fmt.Errorf("the filter '%s' is invalid", f.name)
}

func (s *Server) describeInstances(caller identity, form url.Values) answer {
	bad := func(code, format string, a ...any) answer {
		return errorAnswer("ec2", awsError{http.StatusBadRequest, code, fmt.Sprintf(format, a...)})
	}
	fs := filters(form)
	items := len(s.state.instances)
	if m := form.Get("MaxResults"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 5 || n > 1000 {
			return bad("InvalidParameterValue", "Value ( %s ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", m)
		}
		items = n
	}
	wanted := listed(form, "InstanceId.")
	for _, id := range wanted {
		if i, ok := s.state.instances[id]; !ok || i.Account != caller.account {
			return bad("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
		}
	}
	var all []Instance
	for _, i := range s.state.instances {
		if i.Account != caller.account || len(wanted) > 0 && !slices.Contains(wanted, i.ID) {
			continue
		}
		passes := true
		for _, f := range fs {
			if len(f.values) > maxFilterValues {
				return bad("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", maxFilterValues)
			}
			ok, err := f.pass(i)
			if err != nil {
				return bad("InvalidParameterValue", "%v", err)
			}
			passes = passes && ok
		}
		if passes {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b Instance) int { return strings.Compare(a.ID, b.ID) })
	if t := form.Get("NextToken"); t != "" {
		after, err := base64.StdEncoding.DecodeString(t)
		if err != nil {
			return bad("InvalidParameterValue", "Invalid value for 'nextToken'")
		}
		all = slices.DeleteFunc(all, func(i Instance) bool { return i.ID <= string(after) })
	}
	out := describeInstances{Namespace: ec2Namespace, RequestID: "fake", Reservations: []reservation{}}
	if len(all) > items {
		all = all[:items]
		out.NextToken = base64.StdEncoding.EncodeToString([]byte(all[items-1].ID))
	}
	for _, i := range all {
		out.Reservations = append(out.Reservations, reservationOf(i))
	}
	body, err := xml.Marshal(out)
	if err != nil {
		return bad("InternalError", "%v", err)
	}
	return answer{status: http.StatusOK, contentType: "text/xml;charset=UTF-8", body: append([]byte(xml.Header), body...)}
}

// listed are the values of a list parameter of the Query protocol: PREFIX1, PREFIX2, ...
func listed(form url.Values, prefix string) []string {
	var values []string
	for n := 1; form.Has(prefix + strconv.Itoa(n)); n++ {
		values = append(values, form.Get(prefix+strconv.Itoa(n)))
	}
	return values
}

const ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

type describeInstances struct {
	XMLName      xml.Name      `xml:"DescribeInstancesResponse"`
	Namespace    string        `xml:"xmlns,attr"`
	RequestID    string        `xml:"requestId"`
	Reservations []reservation `xml:"reservationSet>item"`
	NextToken    string        `xml:"nextToken,omitempty"`
}

// MarshalXML writes an empty list as an empty element, as EC2 does: encoding/xml would leave it out.
func (d describeInstances) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	start := xml.StartElement{Name: xml.Name{Local: "DescribeInstancesResponse"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: d.Namespace}}}
	set := struct {
		Items []reservation `xml:"item"`
	}{d.Reservations}
	for _, err := range []error{
		e.EncodeToken(start),
		e.EncodeElement(d.RequestID, xml.StartElement{Name: xml.Name{Local: "requestId"}}),
		e.EncodeElement(set, xml.StartElement{Name: xml.Name{Local: "reservationSet"}}),
	} {
		if err != nil {
			return err
		}
	}
	if d.NextToken != "" {
		if err := e.EncodeElement(d.NextToken, xml.StartElement{Name: xml.Name{Local: "nextToken"}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

type reservation struct {
	ID        string        `xml:"reservationId"`
	Owner     string        `xml:"ownerId"`
	Instances []xmlInstance `xml:"instancesSet>item"`
}

type xmlInstance struct {
	ID       string      `xml:"instanceId"`
	State    xmlState    `xml:"instanceState"`
	DNS      string      `xml:"privateDnsName"`
	Launched string      `xml:"launchTime"`
	Platform string      `xml:"platform,omitempty"`
	Profile  *xmlProfile `xml:"iamInstanceProfile"`
	Tags     []xmlTag    `xml:"tagSet>item"`
}

type xmlState struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

type xmlProfile struct {
	ARN string `xml:"arn"`
	ID  string `xml:"id"`
}

type xmlTag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// stateCodes are EC2's numbers (Amazon EC2 API reference, InstanceState).
var stateCodes = map[string]int{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

func reservationOf(i Instance) reservation {
	x := xmlInstance{ID: i.ID, State: xmlState{stateCodes[i.State], i.State}, DNS: i.PrivateDNSName, Platform: i.Platform,
		Launched: i.Launched.UTC().Format("2006-01-02T15:04:05.000Z")}
	if i.Profile != "" {
		x.Profile = &xmlProfile{i.Profile, "AIPAFAKE"}
	}
	for k, v := range i.Tags {
		x.Tags = append(x.Tags, xmlTag{k, v})
	}
	return reservation{ID: "r-" + strings.TrimPrefix(i.ID, "i-"), Owner: i.Account, Instances: []xmlInstance{x}}
}

// ec2Error is an error as EC2 says it: its document and some of its codes are its own.
func ec2Error(e awsError) answer {
	switch e.code {
	case "Throttling":
		e.status, e.code, e.message = http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded."
	case "AccessDenied":
		e.code = "UnauthorizedOperation"
	}
	type document struct {
		XMLName xml.Name `xml:"Response"`
		Code    string   `xml:"Errors>Error>Code"`
		Message string   `xml:"Errors>Error>Message"`
		ID      string   `xml:"RequestID"`
	}
	body, err := xml.Marshal(document{Code: e.code, Message: e.message, ID: "fake"})
	if err != nil {
		body = nil
	}
	return answer{status: e.status, contentType: "text/xml;charset=UTF-8", body: append([]byte(xml.Header), body...)}
}

type xmlInstanceProfile struct {
	Path       string
	Name       string `xml:"InstanceProfileName"`
	ID         string `xml:"InstanceProfileId"`
	Arn        string
	CreateDate string
	Roles      struct {
		Members []xmlRole `xml:"member"`
	}
}

type getInstanceProfile struct{ InstanceProfile xmlInstanceProfile }

// instanceProfile finds a profile by its name, which is unique in an account.
func (s *Server) instanceProfile(caller identity, form url.Values) answer {
	name := form.Get("InstanceProfileName")
	for arn, role := range s.state.profiles {
		parts := strings.Split(arn, ":")
		if len(parts) != 6 || parts[4] != caller.account || !strings.EqualFold(path.Base(parts[5]), name) {
			continue
		}
		p := xmlInstanceProfile{Path: "/", Name: path.Base(parts[5]), ID: "AIPAFAKE", Arn: arn, CreateDate: xmlTime(time.Now())}
		if role != "" {
			a, err := parseARN(role)
			if err != nil {
				return errorAnswer("iam", awsError{http.StatusInternalServerError, "ServiceFailure", err.Error()})
			}
			r, ok := s.state.find(a.partition, a.account, "role", a.name, time.Now())
			if !ok { // the seed names it nowhere else
				r = principal{arn: a, text: role, id: "AROAFAKE", created: s.state.old()}
			}
			p.Roles.Members = append(p.Roles.Members, roleOf(r))
		}
		return answerOf("iam", "GetInstanceProfile", getInstanceProfile{p})
	}
	return errorAnswer("iam", awsError{http.StatusNotFound, "NoSuchEntity", "Instance Profile " + name + " cannot be found."})
}
