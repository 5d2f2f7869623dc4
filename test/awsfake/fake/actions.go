package fake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// act does what AWS would do.
func (s *Server) act(caller identity, action string, form url.Values) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := service(action) + ":" + action
	if !caller.may(full) {
		return errorAnswer(service(action), denied(caller, full, resource(caller, action, form)))
	}
	switch action {
	case "GetRole", "GetUser":
		return s.get(caller, action, form)
	case "ListRoles", "ListUsers":
		return s.list(caller, action, form)
	case "CreateRole", "CreateUser":
		return s.create(caller, action, form)
	case "DeleteRole", "DeleteUser":
		return s.remove(caller, action, form)
	case "GetInstanceProfile":
		return s.instanceProfile(caller, form)
	case "DescribeInstances":
		return s.describeInstances(caller, form)
	case "DescribeCluster", "ListAccessEntries", "DescribeAccessEntry", "ListFargateProfiles", "DescribeFargateProfile", "ListNodegroups", "DescribeNodegroup":
		return s.eks(caller, action, form)
	case "GetCallerIdentity":
		return answerOf("sts", action, callerIdentity{Arn: caller.text, UserID: "AIDA" + strings.ToUpper(caller.name), Account: caller.account})
	case "AssumeRole", "AssumeRoleWithWebIdentity":
		return s.assumeRole(caller, action, form)
	}
	return errorAnswer(service(action), awsError{http.StatusBadRequest, "InvalidAction", "Could not find operation " + action + " for version " + form.Get("Version")})
}

func kindOf(action string) string {
	if strings.Contains(action, "User") {
		return "user"
	}
	return "role"
}

func parameter(action string) string {
	if kindOf(action) == "user" {
		return "UserName"
	}
	return "RoleName"
}

// resource is what an action is about, as AWS's refusals name it.
func resource(caller identity, action string, form url.Values) string {
	switch {
	case action == "AssumeRole":
		return form.Get("RoleArn")
	case service(action) == "eks":
		return "arn:" + caller.partition + ":eks:us-west-2:" + caller.account + ":cluster/" + form.Get("name")
	case strings.HasPrefix(action, "List"):
		return "arn:" + caller.partition + ":iam::" + caller.account + ":" + kindOf(action) + "/"
	}
	return kindOf(action) + " " + form.Get(parameter(action))
}

func denied(caller identity, action, resource string) awsError {
	return awsError{http.StatusForbidden, "AccessDenied",
		fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action", caller.text, action, resource, action)}
}

var nameForm = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

func (s *Server) get(caller identity, action string, form url.Values) answer {
	kind, name := kindOf(action), form.Get(parameter(action))
	if kind == "user" && name == "" { // GetUser without a name is about the caller
		name = caller.name
	}
	if !nameForm.MatchString(name) {
		return errorAnswer("iam", invalidName(action, name))
	}
	p, ok := s.state.find(caller.partition, caller.account, kind, name, time.Now())
	if !ok {
		return errorAnswer("iam", noSuchEntity(kind, name))
	}
	if kind == "user" {
		return answerOf("iam", action, getUser{User: userOf(p)})
	}
	return answerOf("iam", action, getRole{Role: roleOf(p)})
}

func invalidName(action, name string) awsError {
	return awsError{http.StatusBadRequest, "ValidationError", fmt.Sprintf("The specified value for %s is invalid: %q must match the pattern [\\w+=,.@-]+", strings.ToLower(parameter(action)[:1])+parameter(action)[1:], name)}
}

func noSuchEntity(kind, name string) awsError {
	return awsError{http.StatusNotFound, "NoSuchEntity", fmt.Sprintf("The %s with name %s cannot be found.", kind, name)}
}

// Pages: 100 items unless asked for otherwise, 1,000 at most.
const defaultItems, maxItems = 100, 1000

func (s *Server) list(caller identity, action string, form url.Values) answer {
	items := defaultItems
	if m := form.Get("MaxItems"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 1 || n > maxItems {
			return errorAnswer("iam", awsError{http.StatusBadRequest, "ValidationError", "Value '" + m + "' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000"})
		}
		items = n
	}
	all := s.state.all(caller.partition, caller.account, kindOf(action), time.Now())
	if prefix := form.Get("PathPrefix"); prefix != "" {
		all = slices.DeleteFunc(all, func(p principal) bool { return !strings.HasPrefix(p.path, prefix) })
	}
	if m := form.Get("Marker"); m != "" {
		after, err := base64.StdEncoding.DecodeString(m)
		if err != nil {
			return errorAnswer("iam", awsError{http.StatusBadRequest, "ValidationError", "Invalid Marker."})
		}
		all = slices.DeleteFunc(all, func(p principal) bool { return strings.ToLower(p.name) <= string(after) })
	}
	var marker *string
	if len(all) > items {
		all = all[:items]
		m := base64.StdEncoding.EncodeToString([]byte(strings.ToLower(all[items-1].name)))
		marker = &m
	}
	if kindOf(action) == "user" {
		l := listUsers{IsTruncated: marker != nil, Marker: marker}
		for _, p := range all {
			l.Users.Members = append(l.Users.Members, userOf(p))
		}
		return answerOf("iam", action, l)
	}
	l := listRoles{IsTruncated: marker != nil, Marker: marker}
	for _, p := range all {
		l.Roles.Members = append(l.Roles.Members, roleOf(p))
	}
	return answerOf("iam", action, l)
}

func (s *Server) create(caller identity, action string, form url.Values) answer {
	kind, name, path := kindOf(action), form.Get(parameter(action)), form.Get("Path")
	if path == "" {
		path = "/"
	}
	text := "arn:" + caller.partition + ":iam::" + caller.account + ":" + kind + path + name
	a, err := parseARN(text)
	if err != nil {
		return errorAnswer("iam", invalidName(action, name))
	}
	now := time.Now()
	p := principal{arn: a, text: text, policy: form.Get("AssumeRolePolicyDocument"), created: now, visible: now.Add(s.faults.Consistency.Duration)}
	if err := s.state.create(p); err != nil {
		return errorAnswer("iam", awsError{http.StatusConflict, "EntityAlreadyExists", fmt.Sprintf("%s with name %s already exists.", strings.ToUpper(kind[:1])+kind[1:], name)})
	}
	if kind == "user" {
		return answerOf("iam", action, getUser{User: userOf(p)})
	}
	return answerOf("iam", action, getRole{Role: roleOf(p)})
}

func (s *Server) remove(caller identity, action string, form url.Values) answer {
	kind, name := kindOf(action), form.Get(parameter(action))
	if _, ok := s.state.find(caller.partition, caller.account, kind, name, time.Now()); !ok {
		return errorAnswer("iam", noSuchEntity(kind, name))
	}
	delete(s.state.principals[group(caller.partition, caller.account, kind)], strings.ToLower(name))
	return answerOf("iam", action, nil)
}

var sessionForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

func (s *Server) assumeRole(caller identity, action string, form url.Values) answer {
	roleARN, session := form.Get("RoleArn"), form.Get("RoleSessionName")
	a, err := parseARN(roleARN)
	if err != nil || a.kind != "role" || !sessionForm.MatchString(session) {
		return errorAnswer("sts", awsError{http.StatusBadRequest, "ValidationError", "RoleArn or RoleSessionName is invalid"})
	}
	web := action == "AssumeRoleWithWebIdentity"
	role, ok := s.state.find(a.partition, a.account, "role", a.name, time.Now())
	trusted := ok && role.path == a.path
	switch {
	case web:
		trusted = trusted && form.Get("WebIdentityToken") != "" && slices.Contains(role.trusts, "oidc")
	default:
		trusted = trusted && (slices.Contains(role.trusts, caller.account) || slices.Contains(role.trusts, caller.canonical())) &&
			(role.secret == "" || role.secret == form.Get("ExternalId"))
	}
	if !trusted {
		if web {
			return errorAnswer("sts", awsError{http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"})
		}
		return errorAnswer("sts", denied(caller, "sts:AssumeRole", roleARN))
	}
	key, i := s.state.assume(role, session, time.Now())
	return answerOf("sts", action, assumeRole{
		Credentials: credentials{AccessKeyID: key, SecretAccessKey: i.token, SessionToken: i.token, Expiration: xmlTime(i.ends)},
		User:        assumedRoleUser{ID: role.id + ":" + session, Arn: i.text},
	})
}

// servePodIdentity hands out credentials as the EKS Pod Identity agent does on the node.
func (s *Server) servePodIdentity(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := parseARN(s.podRole)
	role, ok := s.state.find(a.partition, a.account, "role", a.name, time.Now())
	if err != nil || !ok || r.Header.Get("Authorization") == "" {
		http.Error(w, "no role is associated with this service account", http.StatusNotFound)
		return
	}
	key, i := s.state.assume(role, "eks-pod", time.Now())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{ // the client has gone: nobody to tell
		"AccessKeyId": key, "SecretAccessKey": i.token, "Token": i.token, "AccountId": role.account, "Expiration": i.ends.UTC().Format(time.RFC3339),
	})
}

// faulty is an answer that is not AWS's, or not the one that was asked for.
func (s *Server) faulty(r *http.Request, fault Answer, caller identity, action string, form url.Values) answer {
	switch fault {
	case Throttling:
		return errorAnswer(service(action), awsError{http.StatusBadRequest, "Throttling", "Rate exceeded"})
	case AccessDenied:
		return errorAnswer(service(action), denied(caller, service(action)+":"+action, resource(caller, action, form)))
	case ExpiredToken:
		return errorAnswer(service(action), awsError{http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"})
	case Error500:
		return errorAnswer(service(action), awsError{http.StatusInternalServerError, "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure."})
	case Error503:
		return page(http.StatusServiceUnavailable, "Service Unavailable")
	case Empty:
		return answer{status: http.StatusOK, contentType: "text/xml"}
	case HTML200:
		return page(http.StatusOK, "Sign in to this network")
	case HTML403:
		return page(http.StatusForbidden, "This site is blocked")
	case HTML404:
		return page(http.StatusNotFound, "Not Found")
	case Redirect:
		a := page(http.StatusFound, "Found")
		a.location = "http://" + r.Host + "/sign-in"
		return a
	case Truncated:
		a := s.act(caller, action, form)
		a.body = a.body[:len(a.body)/2]
		return a
	case SomebodyElse:
		return s.somebodyElse(caller, action)
	case Huge, HugeGzip, ManyElements:
		return huge(fault, action, strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"))
	case OtherAccount, OtherPartition, OtherKind, MixedList, EndlessList, StrangeCredentials:
		return s.strange(fault, caller, action, form)
	}
	return answer{none: true} // Hang, Reset
}

// somebodyElse answers well-formed, but about others.
func (s *Server) somebodyElse(caller identity, action string) answer {
	a := arn{partition: caller.partition, service: "iam", account: caller.account, kind: kindOf(action), path: "/", name: "somebody-else"}
	p := principal{arn: a, text: "arn:" + a.partition + ":iam::" + a.account + ":" + a.kind + "/" + a.name, id: "AROASOMEBODYELSE", created: time.Now()}
	switch action {
	case "GetUser":
		return answerOf("iam", action, getUser{User: userOf(p)})
	case "GetRole":
		return answerOf("iam", action, getRole{Role: roleOf(p)})
	}
	return s.act(caller, action, url.Values{})
}
