package fake

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Server answers as IAM, STS, EC2 and EKS do. It is an http.Handler, and safe for concurrent use.
type Server struct {
	mu       sync.Mutex
	state    *state
	faults   Faults
	limiters map[string]*rate.Limiter
	calls    []Call
	podRole  string
}

// Call is one call as it came in.
type Call struct {
	Action  string `json:"action"`
	Account string `json:"account"` // whose credentials; "" if unknown
	Status  int    `json:"status"`  // 0: none, the call hung or was cut off
}

// New makes a server out of a seed.
func New(seed Seed) (*Server, error) {
	if err := seed.Faults.check(); err != nil {
		return nil, err
	}
	st, err := newState(seed, time.Now())
	if err != nil {
		return nil, err
	}
	return &Server{state: st, faults: seed.Faults, limiters: map[string]*rate.Limiter{}, podRole: seed.PodIdentityRole}, nil
}

// SetFaults turns the switches.
func (s *Server) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.limiters = f, map[string]*rate.Limiter{}
	return nil
}

// Calls returns what was asked since the last Forget.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Count returns how often an action was asked for since the last Forget; "": all of them.
func (s *Server) Count(action string) int {
	n := 0
	for _, c := range s.Calls() {
		if action == "" || c.Action == action {
			n++
		}
	}
	return n
}

// Forget forgets the calls.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// ServeHTTP answers calls to AWS on POST / and, for EKS, GET /clusters/..., presigned GetCallerIdentity on GET /, those for Pod
// Identity's credentials on GET /v1/credentials, and the ones that turn the switches: PUT /faults with a Faults object, GET and
// DELETE /calls.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /":
		s.serveAWS(w, r)
	case "GET /":
		s.servePresigned(w, r)
	case "GET /v1/credentials":
		s.servePodIdentity(w, r)
	case "PUT /faults":
		var f Faults
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		err := d.Decode(&f)
		if err == nil {
			err = s.SetFaults(f)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	case "GET /calls":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Calls()) // the client has gone: nobody to tell
	case "DELETE /calls":
		s.Forget()
	default:
		if action, form := eksCall(r); action != "" {
			s.answer(w, r, action, form)
			return
		}
		http.Error(w, "want POST / (AWS Query protocol), GET / (presigned GetCallerIdentity), GET /clusters/NAME... (EKS), GET /v1/credentials, PUT /faults, GET or DELETE /calls", http.StatusNotFound)
	}
}

// maxBody is more than any call of IAM or STS needs.
const maxBody = 1 << 20

func (s *Server) serveAWS(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // cut off
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		form = url.Values{}
	}
	s.answer(w, r, form.Get("Action"), form)
}

// answer answers one call, or does what the switches say.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, action string, form url.Values) {
	s.mu.Lock()
	faults := s.faults
	caller, known, refusal := s.authenticate(r, action)
	limited := known && !s.limiter(bucket(caller.account, action), faults.Rate).Allow()
	s.mu.Unlock()

	if !sleep(r, faults.Latency.Duration) {
		s.log(action, caller.account, 0)
		return
	}
	var a answer
	switch {
	case faults.Answer != Normal && (len(faults.Actions) == 0 || slices.Contains(faults.Actions, action)) &&
		(len(faults.Accounts) == 0 || slices.Contains(faults.Accounts, caller.account)):
		if a = s.faulty(r, faults.Answer, caller, action, form); a.none {
			s.log(action, caller.account, 0)
			if faults.Answer == Hang {
				<-r.Context().Done()
			}
			panic(http.ErrAbortHandler) // closes the connection without an answer
		}
	case refusal != nil:
		a = errorAnswer(service(action), *refusal)
	case limited:
		a = errorAnswer(service(action), awsError{http.StatusBadRequest, "Throttling", "Rate exceeded"})
	default:
		a = s.act(caller, action, form)
	}
	s.log(action, caller.account, a.status)
	a.send(w)
}

// bucket is what a call is counted against: EC2 and EKS count by themselves.
func bucket(account, action string) string {
	switch service := service(action); service {
	case "ec2", "eks":
		return account + " " + service
	}
	return account
}

// limiter is a token bucket. The caller holds s.mu.
func (s *Server) limiter(bucket string, perSecond int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	if s.limiters[bucket] == nil {
		s.limiters[bucket] = rate.NewLimiter(rate.Limit(perSecond), perSecond)
	}
	return s.limiters[bucket]
}

func (s *Server) log(action, account string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{action, account, status})
}

func sleep(r *http.Request, d time.Duration) bool {
	if d == 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// signature is the Authorization header of Signature Version 4. Whether the signature is right is not computed.
var signature = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/,\s]+)/[0-9]{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$`)

// iamRegions are those for which calls to IAM are signed.
var iamRegions = map[string]string{"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-iso": "us-iso-east-1",
	"aws-iso-b": "us-isob-east-1", "aws-iso-e": "eu-isoe-west-1", "aws-iso-f": "us-isof-south-1", "aws-eusc": "eusc-de-east-1"}

// authenticate says who calls, or how AWS refuses. The caller holds s.mu.
func (s *Server) authenticate(r *http.Request, action string) (who identity, known bool, refusal *awsError) {
	if action == "AssumeRoleWithWebIdentity" { // the token is the proof
		return identity{}, false, nil
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return who, false, &awsError{http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"}
	}
	m := signature.FindStringSubmatch(header)
	if m == nil || r.Header.Get("X-Amz-Date") == "" || !slices.Contains(strings.Split(m[4], ";"), "host") {
		return who, false, &awsError{http.StatusBadRequest, "IncompleteSignature", "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' and a 'X-Amz-Date' header"}
	}
	who, known = s.state.identities[m[1]]
	if !known && len(s.state.identities) == 0 {
		who, known = anyone, true
	}
	switch {
	case !known || who.token != r.Header.Get("X-Amz-Security-Token"):
		return identity{}, false, &awsError{http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."}
	case !who.ends.IsZero() && time.Now().After(who.ends):
		return who, known, &awsError{http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"}
	case m[3] != service(action):
		return who, known, &awsError{http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to correct service: '" + service(action) + "'."}
	case m[3] == "iam" && m[2] != iamRegions[who.partition]:
		return who, known, &awsError{http.StatusForbidden, "SignatureDoesNotMatch", "Credential should be scoped to a valid region."}
	}
	return who, known, nil
}

// anyone is who calls while no credentials are seeded.
var anyone = identity{text: "arn:aws:iam::111122223333:user/anyone",
	arn: arn{partition: "aws", service: "iam", account: "111122223333", kind: "user", path: "/", name: "anyone"}}

// service is where an action belongs.
func service(action string) string {
	switch {
	case action == "DescribeInstances":
		return "ec2"
	case slices.Contains(slices.Collect(maps.Values(eksActions)), action):
		return "eks"
	}
	if strings.HasPrefix(action, "AssumeRole") || action == "GetCallerIdentity" {
		return "sts"
	}
	return "iam"
}
