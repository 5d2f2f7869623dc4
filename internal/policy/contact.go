package policy

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Source is where a policy is kept. Its zero value is not known.
type Source struct {
	ConfigMap string // NAMESPACE/NAME
	File      string
}

func (s Source) String() string {
	if s.ConfigMap != "" {
		return "ConfigMap " + s.ConfigMap
	}
	return s.File
}

// whom is whom to ask for what the policy does not allow.
func (c Contact) whom() string {
	text := c.Text
	if text == "" {
		text = "a cluster admin"
	}
	if c.URL != "" {
		text += " (" + c.URL + ")"
	}
	return text
}

// Ask says whom to ask for a setting of the policy, and where it is kept: ask a cluster admin; approvals are in Helm value
// policy.privileged.approvals (ConfigMap aws-auth-guard/aws-auth-guard-policy). what names the values of the setting.
func (p *Policy) Ask(what, setting string) string {
	where := "the Helm value policy." + setting
	switch {
	case p.Source.ConfigMap != "":
		where += " (" + p.Source.String() + ")"
	case p.Source.File != "":
		where = setting + " of the policy file " + p.Source.File
	}
	return "ask " + p.Contact.whom() + "; " + what + " are in " + where
}

const (
	maxContact = 120
	maxURL     = 500
)

// contact checks what messages repeat. What is not printable could pass for another line of a message.
func (c *checker) contact(at *field.Path, contact Contact) {
	text := contact.Text
	switch {
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		c.fail(at.Child("text"), "%q is not one line of printable characters", text)
	case strings.TrimSpace(text) != text:
		c.fail(at.Child("text"), "%q is blank or has blanks around it", text)
	case utf8.RuneCountInString(text) > maxContact:
		c.fail(at.Child("text"), "has %d characters, want at most %d", utf8.RuneCountInString(text), maxContact)
	}
	if contact.URL != "" {
		c.webURL(at.Child("url"), contact.URL)
	}
}

func (c *checker) webURL(at *field.Path, s string) {
	u, err := url.Parse(s)
	blank := func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) }
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsFunc(s, blank):
		c.fail(at, "%q is not a URL, want https://HOST/PATH", s)
	case len(s) > maxURL:
		c.fail(at, "has %d characters, want at most %d", len(s), maxURL)
	}
}
