package policy

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (c *checker) oneOf(at *field.Path, got string, legal ...string) {
	if !slices.Contains(legal, got) {
		c.fail(at, "%q is not known, want %s", got, strings.Join(legal, ", "))
	}
}

// reaction is one that may be left out.
func (c *checker) reaction(at *field.Path, got string) {
	if got != "" {
		c.oneOf(at, got, WarnOrDeny...)
	}
}

func (c *checker) texts(at *field.Path, list []string) {
	for i, s := range list {
		if strings.TrimSpace(s) == "" || strings.TrimSpace(s) != s {
			c.fail(at.Index(i), "%q is blank or has blanks around it", s)
		}
	}
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// externalID and minExternalID, maxExternalID are what STS takes (STS API reference, AssumeRole, ExternalId).
var externalID = regexp.MustCompile(`^[\w+=,.@:/-]*$`)

const minExternalID, maxExternalID = 2, 1224

func (c *checker) externalID(at *field.Path, s string) {
	switch n := len(s); {
	case n == 0:
	case n < minExternalID || n > maxExternalID:
		c.fail(at, "has %d characters, want %d to %s", n, minExternalID, "1,224")
	case !externalID.MatchString(s):
		c.fail(at, "%q is not an external id, want letters, digits and + = , . @ : / _ -", s)
	}
}

// Date is a day, from its beginning in UTC, or a moment. Empty is none.
type Date string

func (d Date) parse() (time.Time, error) {
	if d == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, string(d)); err == nil {
		return t, nil
	}
	return time.Parse(time.DateOnly, string(d))
}

// Time is the moment, the zero time if there is none.
func (d Date) Time() time.Time {
	t, _ := d.parse() // it is valid
	return t
}

// Day is the day as the reader knows it, empty if there is none.
func (d Date) Day() string {
	if t := d.Time(); !t.IsZero() {
		return t.Format(time.DateOnly)
	}
	return ""
}

func (c *checker) date(at *field.Path, d Date) {
	if _, err := d.parse(); err != nil {
		c.fail(at, "%q is no date, want 2027-06-30 or 2027-06-30T12:00:00Z", d)
	}
}

// maxTimeout is how long an API server waits for a webhook at most (Kubernetes, ValidatingWebhook, timeoutSeconds).
const maxTimeout = 30 * time.Second

// Timeout is a duration. Empty is none.
type Timeout string

// Duration is zero if there is none.
func (t Timeout) Duration() time.Duration {
	d, _ := time.ParseDuration(string(t)) // it is valid, or empty
	return d
}

func (c *checker) timeout(at *field.Path, s Timeout) {
	if s == "" {
		return // the default
	}
	d, err := time.ParseDuration(string(s))
	switch {
	case err != nil:
		c.fail(at, "%q is no duration, want for example 2s or 500ms", s)
	case d <= 0 || d > maxTimeout:
		c.fail(at, "%q is out of range, want more than 0s and at most %s, which is the longest that an API server waits",
			s, maxTimeout)
	}
}
