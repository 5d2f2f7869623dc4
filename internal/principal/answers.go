package principal

import (
	"context"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// Answers are what IAM said about the principals of one edit. Nil answers know nothing.
type Answers struct {
	by map[string]Principal
	// shows says which accounts' names the caller may see.
	shows func(account string) bool
}

// Ask asks once about each principal. shows says which accounts' names the caller may see, beside those in the edit.
func Ask(ctx context.Context, source Source, asker Asker, arns []awsauth.ARN, shows func(account string) bool) *Answers {
	answers := &Answers{by: map[string]Principal{}, shows: shows}
	var distinct []awsauth.ARN
	for _, a := range arns {
		if _, ok := answers.by[a.String()]; !ok {
			answers.by[a.String()] = Principal{}
			distinct = append(distinct, a)
		}
	}
	if len(distinct) == 0 {
		return answers
	}
	said := source.Lookup(ctx, asker, distinct)
	for i, a := range distinct {
		answers.by[a.String()] = answers.heed(a, said[i])
	}
	return answers
}

// Of is the answer about a principal; asked is false if nobody asked for it.
func (s *Answers) Of(a awsauth.ARN) (answer Principal, asked bool) {
	if s == nil {
		return Principal{}, false
	}
	answer, asked = s.by[a.String()]
	return answer, asked
}

// Missing reports that IAM was asked about a principal and does not know it.
func (s *Answers) Missing(a awsauth.ARN) bool {
	answer, _ := s.Of(a)
	return answer.Existence == Missing
}

// Shows says that the caller may see names of an account that the edit does not name.
func (s *Answers) Shows(account string) bool { return s.shows(account) }

// heed is what counts of an answer, and may be shown to the caller: no other principal's, and of another account's names only what the
// caller may see.
func (s *Answers) heed(a awsauth.ARN, answer Principal) Principal {
	if answer.Existence == Exists && !same(a, answer.ARN) {
		return Principal{Existence: Unverified, Reason: ReasonMalformed, Detail: "the answer is about " + phrase.Quote(answer.ARN)}
	}
	answer.Suggestions = slices.DeleteFunc(slices.Clone(answer.Suggestions), func(suggested string) bool {
		real, err := awsauth.ParseARN(suggested)
		return err != nil || !s.shows(real.Account)
	})
	if answer.Trust.Other != "" && !s.shows(a.Account) {
		answer.Trust.Other = "a principal of its trust policy"
	}
	return answer
}

// same says that an ARN of IAM's names the principal that a names: letter case makes no difference, and of a role the path
// makes none.
func same(a awsauth.ARN, arn string) bool {
	real, err := awsauth.ParseARN(arn)
	return err == nil && real.Kind == a.Kind && strings.EqualFold(real.Canonical(), a.Canonical())
}

// What IAM allows (IAM user guide, "IAM and AWS STS quotas" and "IAM identifiers").
const (
	accountDigits  = 12
	maxName        = 64
	digits         = "0123456789"
	nameCharacters = digits + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_+=,.@-"
)

// IsAccountID reports that a text is the id of an account.
func IsAccountID(s string) bool { return len(s) == accountDigits && consistsOf(s, digits) }

// IsName reports that a text may be the name of a role or user.
func IsName(s string) bool { return s != "" && len(s) <= maxName && consistsOf(s, nameCharacters) }

func consistsOf(s, characters string) bool {
	for i := range len(s) {
		if strings.IndexByte(characters, s[i]) < 0 {
			return false
		}
	}
	return true
}

// Askable are the sound ARNs of principals. The others have findings of their own.
func Askable(a awsauth.ARN) bool {
	if a.Region != "" || !IsAccountID(a.Account) {
		return false
	}
	switch a.Kind {
	case awsauth.KindRole, awsauth.KindUser:
		return IsName(a.Name)
	case awsauth.KindRoot, awsauth.KindFederatedUser: // IAM does not know them by name, but the account is one that the policy knows, or not
		return true
	}
	return false
}
