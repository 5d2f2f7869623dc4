package fake

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// answer is what goes over the wire.
type answer struct {
	status      int
	contentType string
	location    string
	requestID   string
	errorType   string // X-Amzn-ErrorType, where the body does not say the code
	body        []byte
	none        bool // nothing goes over the wire
	// filler is sent after body until hugeSize bytes have gone, compressed if gzip is set.
	filler string
	gzip   bool
}

func (a answer) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.contentType)
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	if a.requestID != "" {
		w.Header().Set("X-Amzn-Requestid", a.requestID)
	}
	if a.errorType != "" {
		w.Header().Set("X-Amzn-Errortype", a.errorType)
	}
	if a.gzip {
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.WriteHeader(a.status)
	_, err := w.Write(a.packed(a.body))
	if a.filler == "" {
		return // the client has gone: nobody to tell
	}
	chunk := a.packed(bytes.Repeat([]byte(a.filler), fillerSize/len(a.filler)))
	for sent := 0; err == nil && sent < hugeSize; sent += fillerSize {
		_, err = w.Write(chunk)
	}
}

// fillerSize is how much filler is sent at once.
const fillerSize = 1 << 20

// packed is a part of a body as it goes over the wire.
func (a answer) packed(part []byte) []byte {
	if !a.gzip {
		return part
	}
	return Gzip(part)
}

// Gzip is a member of a gzip file, of which there may be many (RFC 1952, 2.2).
func Gzip(part []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(part) // a buffer does not fail
	_ = z.Close()
	return b.Bytes()
}

// namespaces are those of the two services' documents.
var namespaces = map[string]string{"iam": "https://iam.amazonaws.com/doc/2010-05-08/", "sts": "https://sts.amazonaws.com/doc/2011-06-15/"}

// answerOf wraps a result as <ActionResponse><ActionResult>...; without one, only the metadata.
func answerOf(service, action string, result any) answer {
	id := rand.Text()
	var b bytes.Buffer
	fmt.Fprintf(&b, "<%sResponse xmlns=%q>\n", action, namespaces[service])
	if result != nil {
		e := xml.NewEncoder(&b)
		e.Indent("  ", "  ")
		if err := e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
			return errorAnswer(service, awsError{http.StatusInternalServerError, "ServiceFailure", err.Error()})
		}
	}
	fmt.Fprintf(&b, "\n  <ResponseMetadata>\n    <RequestId>%s</RequestId>\n  </ResponseMetadata>\n</%sResponse>\n", id, action)
	return answer{status: http.StatusOK, contentType: "text/xml", requestID: id, body: b.Bytes()}
}

// awsError is an error as AWS says it.
type awsError struct {
	status        int
	code, message string
}

func errorAnswer(service string, e awsError) answer {
	switch service {
	case "ec2":
		return ec2Error(e)
	case "eks":
		return eksError(e)
	}
	id := rand.Text()
	kind := "Sender"
	if e.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "<ErrorResponse xmlns=%q>\n  <Error>\n    <Type>%s</Type>\n    <Code>%s</Code>\n    <Message>", namespaces[service], kind, e.code)
	_ = xml.EscapeText(&b, []byte(e.message)) // a buffer does not fail
	fmt.Fprintf(&b, "</Message>\n  </Error>\n  <RequestId>%s</RequestId>\n</ErrorResponse>\n", id)
	return answer{status: e.status, contentType: "text/xml", requestID: id, body: b.Bytes()}
}

// page is what proxies and portals answer.
func page(status int, title string) answer {
	return answer{status: status, contentType: "text/html; charset=utf-8",
		body: fmt.Appendf(nil, "<!DOCTYPE html>\n<html><head><title>%s</title></head>\n<body><h1>%s</h1><hr></body></html>\n", title, title)}
}

type xmlRole struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument string
	MaxSessionDuration       int
}

type xmlUser struct {
	Path       string
	UserName   string
	UserID     string `xml:"UserId"`
	Arn        string
	CreateDate string
}

type getRole struct{ Role xmlRole }
type getUser struct{ User xmlUser }

type listRoles struct {
	Roles struct {
		Members []xmlRole `xml:"member"`
	}
	IsTruncated bool
	Marker      *string `xml:",omitempty"`
}

type listUsers struct {
	Users struct {
		Members []xmlUser `xml:"member"`
	}
	IsTruncated bool
	Marker      *string `xml:",omitempty"`
}

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

type assumedRoleUser struct {
	ID  string `xml:"AssumedRoleId"`
	Arn string
}

type assumeRole struct {
	Credentials credentials
	User        assumedRoleUser `xml:"AssumedRoleUser"`
}

func xmlTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// trustPolicy is a role's trust policy: IAM returns it with each, URL-encoded by RFC 3986, and it makes up most of a page.
func trustPolicy(p principal) string {
	text := p.policy
	if text == "" {
		var statements []string
		for _, t := range p.trusts {
			principal, action := fmt.Sprintf(`{"AWS":%q}`, t), "sts:AssumeRole"
			if t == "oidc" {
				principal = fmt.Sprintf(`{"Federated":"arn:%s:iam::%s:oidc-provider/oidc.example.com"}`, p.partition, p.account)
				action = "sts:AssumeRoleWithWebIdentity"
			}
			statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Principal":%s,"Action":%q}`, principal, action))
		}
		if len(statements) == 0 {
			statements = []string{`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`}
		}
		text = `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func roleOf(p principal) xmlRole {
	return xmlRole{Path: p.path, RoleName: p.name, RoleID: p.id, Arn: p.text, CreateDate: xmlTime(p.created), AssumeRolePolicyDocument: trustPolicy(p), MaxSessionDuration: 3600}
}

func userOf(p principal) xmlUser {
	return xmlUser{Path: p.path, UserName: p.name, UserID: p.id, Arn: p.text, CreateDate: xmlTime(p.created)}
}
