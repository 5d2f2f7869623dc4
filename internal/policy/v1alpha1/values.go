package v1alpha1

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

// ParseDate reads a date, which is the beginning of that day in UTC, or a moment. Empty is the zero time.
func ParseDate(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.Parse(time.DateOnly, s)
}

func (c *checker) date(at *field.Path, s string) {
	if _, err := ParseDate(s); err != nil {
		c.fail(at, "%q is no date, want 2027-06-30 or 2027-06-30T12:00:00Z", s)
	}
}

// maxTimeout is how long an API server waits for a webhook at most (Kubernetes, ValidatingWebhook, timeoutSeconds).
const maxTimeout = 30 * time.Second

func (c *checker) timeout(at *field.Path, s string) {
	if s == "" {
		return // the default
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		c.fail(at, "%q is no duration, want for example 2s or 500ms", s)
	case d <= 0 || d > maxTimeout:
		c.fail(at, "%q is out of range, want more than 0s and at most %s, which is the longest that an API server waits",
			s, maxTimeout)
	}
}
