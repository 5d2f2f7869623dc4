package fake

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Seed is what there is at the start.
type Seed struct {
	// Credentials are the access keys that are known; with any secret, since signatures are not computed. Without any,
	// every key is taken for the user anyone of account 111122223333.
	Credentials []Credential `json:"credentials,omitempty"`
	Roles       []Role       `json:"roles,omitempty"`
	Users       []User       `json:"users,omitempty"`
	// PodIdentityRole is the ARN of the role that GET /v1/credentials hands out, as the EKS Pod Identity agent does.
	PodIdentityRole string `json:"podIdentityRole,omitempty"`

	InstanceProfiles []InstanceProfile `json:"instanceProfiles,omitempty"`
	Instances        []Instance        `json:"instances,omitempty"`
	Clusters         []Cluster         `json:"clusters,omitempty"`

	Faults Faults `json:"faults,omitempty"`
}

// Credential is a long-lived access key, or one that somebody has already assumed a role with.
type Credential struct {
	AccessKeyID string `json:"accessKeyId"`
	// ARN is whose it is: a user, or arn:P:sts::ACCT:assumed-role/NAME/SESSION.
	ARN string `json:"arn"`
	// Deny are the actions that it may not do (iam:ListRoles).
	Deny []string `json:"deny,omitempty"`
}

// Role is an IAM role.
type Role struct {
	ARN string `json:"arn"` // with its path
	// Trusts are the account ids and ARNs that may assume it; oidc: callers with a web identity token.
	Trusts []string `json:"trusts,omitempty"`
	// ExternalID is what a caller that assumes it has to send as sts:ExternalId; empty: nothing.
	ExternalID string `json:"externalId,omitempty"`
	// TrustPolicy is the role's trust policy, as text; empty: what Trusts say, and without them that of a role for EC2 instances.
	TrustPolicy string   `json:"trustPolicy,omitempty"`
	Deny        []string `json:"deny,omitempty"`
	// Created is when it was created; a year before the start of the server if zero.
	Created time.Time `json:"created,omitempty"`
}

// User is an IAM user.
type User struct {
	ARN     string    `json:"arn"`               // with its path
	Created time.Time `json:"created,omitempty"` // a year before the start of the server if zero
}

// Faults are the switches. Zero: AWS at its best.
type Faults struct {
	// Latency is added to every answer.
	Latency metav1.Duration `json:"latency,omitempty"`
	// Rate is how many calls a second each account may make, after a burst of as many; 0: any number.
	Rate int `json:"rate,omitempty"`
	// Answer is what comes instead of AWS's answer.
	Answer Answer `json:"answer,omitempty"`
	// Actions are those to which Answer applies; none: to all.
	Actions []string `json:"actions,omitempty"`
	// Accounts are those whose credentials must make the call for Answer to apply; none: anybody's.
	Accounts []string `json:"accounts,omitempty"`
	// Consistency is how long a principal that was just created stays unknown.
	Consistency metav1.Duration `json:"consistency,omitempty"`
}

// Answer is a way in which a call goes wrong.
type Answer string

// The answers.
const (
	Normal       Answer = ""
	Throttling   Answer = "throttling"    // HTTP 400, Throttling
	AccessDenied Answer = "access-denied" // HTTP 403, AccessDenied
	ExpiredToken Answer = "expired-token" // HTTP 403, ExpiredToken
	Error500     Answer = "error-500"     // HTTP 500, ServiceFailure
	Error503     Answer = "error-503"     // HTTP 503, a page of a load balancer
	Hang         Answer = "hang"          // no answer, the connection stays open
	Reset        Answer = "reset"         // the connection is closed
	Empty        Answer = "empty"         // HTTP 200 without a body
	HTML200      Answer = "html-200"      // HTTP 200, a page: a captive portal
	HTML403      Answer = "html-403"      // HTTP 403, a page: a proxy that refuses
	HTML404      Answer = "html-404"      // HTTP 404, a page: a proxy that knows no such host
	Redirect     Answer = "redirect"      // HTTP 302 to a page
	Truncated    Answer = "truncated"     // the right answer, cut in the middle
	SomebodyElse Answer = "somebody-else" // a well-formed answer about another principal
	Huge         Answer = "huge"          // HTTP 200, and a body of hundreds of megabytes
	HugeGzip     Answer = "huge-gzip"     // the same, compressed to a thousandth
	ManyElements Answer = "many-elements" // HTTP 200, and a body of millions of empty elements
)

// Answers of IAM and STS that are well-formed, and not about what was asked.
const (
	OtherAccount       Answer = "other-account"       // the right answer, with the ids of account 777788889999
	OtherPartition     Answer = "other-partition"     // the right answer, with the ARNs of another partition
	OtherKind          Answer = "other-kind"          // the right answer, with roles for users and users for roles
	MixedList          Answer = "mixed-list"          // lists hold all accounts' principals
	EndlessList        Answer = "endless-list"        // each page of a list is followed by itself
	StrangeCredentials Answer = "strange-credentials" // AssumeRole gives the credentials of another account's role
)

// Answers are those that go wrong with every API.
var Answers = []Answer{Normal, Throttling, AccessDenied, ExpiredToken, Error500, Error503, Hang, Reset, Empty, HTML200, HTML403, HTML404, Redirect, Truncated, SomebodyElse, Huge, HugeGzip,
	ManyElements}

// Strange are the answers that are about something else than what was asked. An API that they do not concern answers as ever.
var Strange = []Answer{SomebodyElse, OtherAccount, OtherPartition, OtherKind, MixedList, EndlessList, StrangeCredentials}

func (f Faults) check() error {
	all := slices.Concat(Answers, Strange)
	if slices.Contains(all, f.Answer) {
		return nil
	}
	return fmt.Errorf("answer %q is not known, want one of %q", f.Answer, all[1:])
}

// Load reads a seed file.
func Load(name string) (Seed, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return Seed{}, err
	}
	var s Seed
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return Seed{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// arn is an ARN of IAM or STS, taken apart.
type arn struct {
	partition, service, account, kind string // kind: role, user, assumed-role, root, federated-user
	path, name                        string
}

var arnForm = regexp.MustCompile(`^arn:(aws[a-z-]*):(iam|sts)::([0-9]{12}):(role|user|assumed-role|federated-user)(/(?:[\x21-\x7e]+/)?)([\w+=,.@-]{1,64})$`)

var rootForm = regexp.MustCompile(`^arn:(aws[a-z-]*):(iam)::([0-9]{12}):(root)$`)

func parseARN(s string) (arn, error) {
	if m := rootForm.FindStringSubmatch(s); m != nil {
		return arn{partition: m[1], service: m[2], account: m[3], kind: m[4]}, nil
	}
	m := arnForm.FindStringSubmatch(s)
	if m == nil {
		return arn{}, fmt.Errorf("%q is not the ARN of a role, a user, a session, a federated user or a root user", s)
	}
	return arn{m[1], m[2], m[3], m[4], m[5], m[6]}, nil
}

// session takes arn:P:sts::ACCT:assumed-role/NAME/SESSION apart.
func (a arn) session() (role, session string) { return strings.Trim(a.path, "/"), a.name }
