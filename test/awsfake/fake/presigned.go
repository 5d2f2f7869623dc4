package fake

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Caller is STS's answer to GetCallerIdentity.
type Caller struct {
	Account string
	ARN     string `json:"Arn"`
	UserID  string `json:"UserId"`
}

// AddCredential makes an access key known. Another one with the same id is gone.
func (s *Server) AddCredential(c Credential) error {
	a, err := parseARN(c.ARN)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.identities[c.AccessKeyID] = identity{arn: a, text: c.ARN, deny: c.Deny}
	return nil
}

// RemoveCredential takes an access key away.
func (s *Server) RemoveCredential(accessKeyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.state.identities, accessKeyID)
}

// UniqueID is the id that IAM gave a role or user, by its ARN; "" where there is none.
func (s *Server) UniqueID(principal string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.uniqueID(principal)
}

func (s *state) uniqueID(principal string) string {
	a, err := parseARN(principal)
	if err != nil {
		return ""
	}
	p, _ := s.find(a.partition, a.account, a.kind, a.name, time.Now())
	return p.id
}

// unknownID is the unique id of a principal that the fake IAM does not have. STS answers for such principals all the same: a
// session lives on for hours after its role was deleted.
const unknownID = "AROAUNKNOWN"

// whois is who has an access key, as STS says it (STS API reference, GetCallerIdentity; IAM user guide, "Unique identifiers").
func (s *state) whois(accessKeyID string) (Caller, bool) {
	i, ok := s.identities[accessKeyID]
	if !ok {
		return Caller{}, false
	}
	c := Caller{Account: i.account, ARN: i.text}
	switch i.kind {
	case "assumed-role":
		_, session := i.session()
		c.UserID = cmp.Or(s.uniqueID(i.canonical()), unknownID) + ":" + session
	case "user":
		c.UserID = cmp.Or(s.uniqueID(i.text), unknownID)
	case "federated-user":
		c.UserID = i.account + ":" + i.name
	default:
		c.UserID = i.account
	}
	return c, true
}

// servePresigned answers GetCallerIdentity to a request that is signed in its query, which is what an EKS token holds. As
// everywhere, the access key counts and the signature is not computed.
func (s *Server) servePresigned(w http.ResponseWriter, r *http.Request) {
	accessKeyID, _, _ := strings.Cut(r.URL.Query().Get("X-Amz-Credential"), "/")
	s.mu.Lock()
	who, ok := s.state.whois(accessKeyID)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	status, body := http.StatusOK, map[string]any{"GetCallerIdentityResponse": map[string]any{
		"GetCallerIdentityResult": who, "ResponseMetadata": map[string]string{"RequestId": "fake"}}}
	if !ok {
		status, body = http.StatusForbidden, map[string]any{"Error": map[string]string{"Code": "InvalidClientTokenId",
			"Message": "The security token included in the request is invalid"}}
	}
	s.log("GetCallerIdentity", who.Account, status)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody to tell
}

// AccessKeyID is a new one, of temporary credentials.
func AccessKeyID() string { return fmt.Sprintf("ASIA%.16s", rand.Text()) }
