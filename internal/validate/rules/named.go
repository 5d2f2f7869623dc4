package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// maxNamed is how long an ARN may be that a message repeats, in characters.
const maxNamed = 120

// named is how a message names an entry: by its ARN as it is written, or by its place if it has none.
func named(e *awsauth.Entry) string {
	if e.ARN.Value == "" {
		return e.Path("")
	}
	return namedARN(e.ARN.Value)
}

// namedARN is an ARN in a message: quoted if it is none, and role/NAME if it is too long.
func namedARN(arn string) string {
	a, err := awsauth.ParseARN(arn)
	switch {
	case err != nil || strings.ContainsFunc(arn, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' }):
		return phrase.Quote(arn)
	case utf8.RuneCountInString(arn) <= maxNamed:
		return phrase.Whole(arn)
	case a.Kind == awsauth.KindRole, a.Kind == awsauth.KindUser:
		return a.Kind.String() + "/" + phrase.Bare(a.Name)
	}
	return phrase.Bare(arn)
}

// nameIn is how a message names a username or group of an entry.
func nameIn(e *awsauth.Entry, username bool, value string) string {
	what := "group "
	if username {
		what = "username "
	}
	return what + phrase.Quote(value) + " of " + named(e)
}
