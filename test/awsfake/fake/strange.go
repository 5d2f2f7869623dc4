package fake

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// hugeSize is what an answer that is too large holds, before it is compressed.
const hugeSize = 256 << 20

// huge is an answer that begins as it should and does not end.
func huge(fault Answer, action string, gzip bool) answer {
	a := answer{status: http.StatusOK, contentType: "text/xml", gzip: gzip && fault != Huge, filler: "A"}
	a.body = fmt.Appendf(nil, "<%[1]sResponse><%[1]sResult><Arn>", action)
	if fault == ManyElements {
		list := "Roles"
		if kindOf(action) == "user" {
			list = "Users"
		}
		a.body, a.filler = fmt.Appendf(nil, "<%[1]sResponse><%[1]sResult><%[2]s>", action, list), "<member/>"
	}
	return a
}

// stranger is the account that others are taken for.
const stranger = "777788889999"

// strange is a well-formed answer that is not about what was asked.
func (s *Server) strange(fault Answer, caller identity, action string, form url.Values) answer {
	list := strings.HasPrefix(action, "List")
	switch {
	case fault == StrangeCredentials && action == "AssumeRole":
		return s.strangeCredentials(form)
	case fault == MixedList && list:
		a := s.act(caller, action, form)
		return a.with(s.members(caller, kindOf(action)))
	case fault == EndlessList && list:
		form.Del("Marker")
		a := s.act(caller, action, form)
		a.body = ended.ReplaceAll(a.body, []byte("<IsTruncated>true</IsTruncated><Marker>bQ==</Marker>"))
		return a
	}
	a := s.act(caller, action, form)
	switch fault {
	case OtherAccount:
		a.body = regexp.MustCompile(`\b[0-9]{12}\b`).ReplaceAll(a.body, []byte(stranger))
	case OtherPartition:
		other := map[bool]string{true: "aws-cn", false: "aws"}[caller.partition == "aws"]
		a.body = bytes.ReplaceAll(a.body, []byte("arn:"+caller.partition+":"), []byte("arn:"+other+":"))
	case OtherKind:
		a.body = []byte(strings.NewReplacer(":role/", ":user/", ":user/", ":role/").Replace(string(a.body)))
	}
	return a
}

var ended = regexp.MustCompile(`<IsTruncated>\w+</IsTruncated>(\s*<Marker>[^<]*</Marker>)?`)

// members are the principals of every account, as a list has them.
func (s *Server) members(caller identity, kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for g := range s.state.principals {
		partition, rest, _ := strings.Cut(g, " ")
		account, ofKind, _ := strings.Cut(rest, " ")
		if partition != caller.partition || ofKind != kind {
			continue
		}
		for _, p := range s.state.all(partition, account, kind, time.Now()) {
			fmt.Fprintf(&b, "<member><Path>%s</Path><Arn>%s</Arn><AssumeRolePolicyDocument>%s</AssumeRolePolicyDocument></member>", p.path, p.text, trustPolicy(p))
		}
	}
	return b.String()
}

// with is a list with more members.
func (a answer) with(members string) answer {
	for _, end := range []string{"</Roles>", "</Users>"} {
		a.body = bytes.Replace(a.body, []byte(end), []byte(members+end), 1)
	}
	return a
}

// strangeCredentials answers as if the role had been assumed, with the credentials of a role of another account.
func (s *Server) strangeCredentials(form url.Values) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, err := parseARN(form.Get("RoleArn"))
	if err != nil {
		return errorAnswer("sts", awsError{http.StatusBadRequest, "ValidationError", "RoleArn is invalid"})
	}
	var others []principal
	for _, group := range s.state.principals {
		for _, p := range group {
			if p.kind == "role" && p.partition == asked.partition && p.account != asked.account {
				others = append(others, p)
			}
		}
	}
	if len(others) == 0 {
		return errorAnswer("sts", awsError{http.StatusForbidden, "AccessDenied", "there is no role in another account"})
	}
	slices.SortFunc(others, func(a, b principal) int { return strings.Compare(a.text, b.text) })
	session := form.Get("RoleSessionName")
	key, i := s.state.assume(others[0], session, time.Now())
	return answerOf("sts", "AssumeRole", assumeRole{
		Credentials: credentials{AccessKeyID: key, SecretAccessKey: i.token, SessionToken: i.token, Expiration: xmlTime(i.ends)},
		User:        assumedRoleUser{ID: "AROA:" + session, Arn: "arn:" + asked.partition + ":sts::" + asked.account + ":assumed-role/" + asked.name + "/" + session},
	})
}
