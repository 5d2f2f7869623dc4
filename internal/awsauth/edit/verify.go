package edit

import (
	"fmt"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// reading is data as EKS reads it before a change.
type reading struct {
	data     map[string]string
	doc      *awsauth.Document
	problems map[problem]int
}

// problem is what a problem is known by in another text.
type problem struct {
	code                awsauth.Code
	key, entry, subject string
}

// meaning is what EKS keeps of an entry.
type meaning struct {
	arn, username string
	groups        []string
	sso           bool
}

func (m meaning) equal(o meaning) bool {
	return m.arn == o.arn && m.username == o.username && m.sso == o.sso && slices.Equal(m.groups, o.groups)
}

// read reads data of which a key is to be changed.
func read(data map[string]string, key string) (*reading, error) {
	r := newReading(data)
	if r.doc.Unreadable[key] {
		return nil, &UnreadableError{key}
	}
	return r, nil
}

func newReading(data map[string]string) *reading {
	r := &reading{data: data, problems: map[problem]int{}}
	var problems []awsauth.Problem
	r.doc, problems = awsauth.Parse(data)
	for _, p := range problems {
		r.problems[problem{p.Code, p.DataKey, p.Entry, p.Subject}]++
	}
	return r
}

func (r *reading) entries(key string) []meaning {
	var out []meaning
	for _, e := range r.doc.Entries() {
		if e.DataKey == key {
			out = append(out, meaning{e.ARN.Value, e.Username.Value, e.GroupNames(), e.SSO != nil})
		}
	}
	return out
}

func (r *reading) accounts() []string {
	var out []string
	for _, t := range r.doc.Accounts {
		out = append(out, t.Value)
	}
	return out
}

// checked is the data with a new text for a key, if its entries are those wanted and nothing else is different. about is the
// ARN of the entry that is changed, of which it may be a problem that it has no groups.
func (r *reading) checked(key, text string, want []meaning, about string) (map[string]string, error) {
	data := with(r.data, key, text)
	is := newReading(data)
	if !slices.EqualFunc(is.entries(key), want, meaning.equal) || !r.sameBeside(is, about) {
		return nil, unusual(key, nil)
	}
	return data, nil
}

// checkedAccounts is checked for mapAccounts.
func (r *reading) checkedAccounts(text string, want []string) (map[string]string, error) {
	data := with(r.data, awsauth.MapAccounts, text)
	is := newReading(data)
	if !slices.Equal(is.accounts(), want) || !r.sameBeside(is, "") {
		return nil, unusual(awsauth.MapAccounts, nil)
	}
	return data, nil
}

// sameBeside reports that a changed text is as sound as before.
func (r *reading) sameBeside(is *reading, about string) bool {
	for _, key := range awsauth.Keys {
		if is.doc.Unreadable[key] != r.doc.Unreadable[key] || is.doc.Unread[key] != r.doc.Unread[key] {
			return false
		}
	}
	for p, n := range is.problems {
		mayBe := p.code == awsauth.NoGroups && about != "" && p.entry == awsauth.Subject(about)
		if n > r.problems[p] && !mayBe {
			return false
		}
	}
	return true
}

// UnreadableError says that EKS reads nothing of a value, so that there is nothing to add to.
type UnreadableError struct{ Key string }

func (e *UnreadableError) Error() string { return e.Key + " is invalid, and EKS reads nothing of it" }

// UnusualError says that a text is written in a way that this package does not change.
type UnusualError struct {
	Key string
	err error
}

func unusual(key string, err error) error { return &UnusualError{key, err} }

func (e *UnusualError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("%s is written in a way that only an editor can change", e.Key)
	}
	return fmt.Sprintf("%s is written in a way that only an editor can change: %s", e.Key, e.err)
}

func (e *UnusualError) Unwrap() error { return e.err }
