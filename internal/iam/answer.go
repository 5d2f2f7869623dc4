package iam

import (
	"errors"
	"regexp"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	// Names and paths as IAM has them (IAM API reference, Role and User).
	principalName = regexp.MustCompile(`^[\w+=,.@-]+$`)
	principalPath = regexp.MustCompile(`^/(?:[\x21-\x7e]+/)?$`)
)

// longestName and longestPath are how many characters they have at most; in the expressions they would be as many
// states.
const longestName, longestPath = 64, 512

// keyOf is what IAM knows an ARN by.
func keyOf(a awsauth.ARN) key {
	return key{strings.ToLower(a.Partition), a.Account, a.Kind, strings.ToLower(a.Name)}
}

// read takes the ARN in an answer of IAM apart; ok is false for what is no ARN of a role or user.
func read(arn string) (k key, ok bool) {
	a, err := awsauth.ParseARN(arn)
	principal := a.Kind == awsauth.KindRole || a.Kind == awsauth.KindUser
	if err != nil || !principal || a.Region != "" || !accountID.MatchString(a.Account) ||
		len(a.Name) > longestName || !principalName.MatchString(a.Name) ||
		len(a.Path) > longestPath || !principalPath.MatchString(a.Path) {
		return key{}, false
	}
	return keyOf(a), true
}

// strangers is an answer that is about another account, and so worth nothing: its credentials are not whose they should be.
type strangers struct{ error }

func (s strangers) Unwrap() error { return s.error }

// belongs makes sure that an answer is about the account that was asked: credentials of another account know roles of the same
// names. want is what was asked for, got what the answer is about. An answer to the guard's own credentials reveals its own account, if that is not
// known yet.
func (d *Directory) belongs(a *account, want, got key) error {
	if got.partition != want.partition {
		return strangers{aws.Errorf(aws.Malformed, "the answer is about partition %s instead of %s", aws.OneLine(got.partition), want.partition)}
	}
	account := want.account
	if a.own() {
		d.learn(got.account, got.partition)
		self, _ := d.Self()
		account = self.Account
	}
	if got.account != account {
		return strangers{aws.Errorf(aws.Malformed, "the answer is about account %s instead of %s", got.account, account)}
	}
	return nil
}

// isOwn reports an account that is known to be the guard's own.
func (d *Directory) isOwn(k key) bool {
	self, ok := d.Self()
	return ok && self.Account == k.account && (self.Partition == "" || strings.EqualFold(self.Partition, k.partition))
}

// errNotOwn says that the guard's own credentials are another account's than the question's.
var errNotOwn error = aws.Errorf(aws.Foreign, "another account's credentials")

// isStrangers reports an answer that is about another account.
func isStrangers(err error) bool { return errors.As(err, &strangers{}) }
