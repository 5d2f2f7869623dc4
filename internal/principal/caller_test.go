package principal_test

import (
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

const (
	roleARN = "arn:aws:iam::111122223333:role/ops"
	session = "arn:aws:sts::111122223333:assumed-role/ops/alice@example.com"
	userARN = "arn:aws:iam::111122223333:user/alice"
)

// signedIn is a user with some extra fields.
func signedIn(extra map[string]string, username string, groups ...string) authenticationv1.UserInfo {
	u := authenticationv1.UserInfo{Username: username, Groups: groups, Extra: map[string]authenticationv1.ExtraValue{}}
	for k, v := range extra {
		u.Extra[k] = authenticationv1.ExtraValue{v}
	}
	return u
}

func TestCallerARN(t *testing.T) {
	for name, tc := range map[string]struct {
		extra map[string]string
		want  string
	}{
		"canonical":               {map[string]string{"canonicalArn": roleARN, "arn": session}, roleARN},
		"in another letter case":  {map[string]string{"canonicalarn": roleARN}, roleARN},
		"from the session":        {map[string]string{"arn": session}, roleARN},
		"a user":                  {map[string]string{"arn": userARN}, userARN},
		"no ARN":                  {map[string]string{"arn": "alice"}, ""},
		"authenticated otherwise": {nil, ""},
	} {
		if got := principal.CallerARN(signedIn(tc.extra, "alice")); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestRendered(t *testing.T) {
	id := awsauth.Identity{Canonical: roleARN, Username: "{{AccountID}}:{{SessionName}}", Groups: []string{"on-{{SessionNameRaw}}"}}
	for name, tc := range map[string]struct {
		extra           map[string]string
		username, group string
	}{
		"from the session's ARN": {map[string]string{"arn": session}, "111122223333:alice-example.com", "on-alice@example.com"},
		"from its own field":     {map[string]string{"canonicalArn": roleARN, "sessionName": "bob"}, "111122223333:bob", "on-bob"},
		"a user has no session":  {map[string]string{"arn": userARN}, "111122223333:", "on-"},
		"it is not known":        {map[string]string{"canonicalArn": roleARN}, id.Username, id.Groups[0]},
	} {
		username, groups := principal.CallerOf(signedIn(tc.extra, "alice")).Rendered(id)
		if username != tc.username || !slices.Equal(groups, []string{tc.group}) {
			t.Errorf("%s: %q %q, want %q and %q", name, username, groups, tc.username, tc.group)
		}
	}
}

func TestCameInBy(t *testing.T) {
	known := map[string]string{"arn": session}
	unknown := map[string]string{"canonicalArn": roleARN}
	for name, tc := range map[string]struct {
		user     authenticationv1.UserInfo
		username string
		groups   []string
		want     bool
	}{
		"by its username":                     {signedIn(known, "ops"), "ops", nil, true},
		"by a username that is rendered":      {signedIn(known, "ops:alice-example.com"), "ops:{{SessionName}}", nil, true},
		"by its groups":                       {signedIn(unknown, "other", "admins"), "ops:{{SessionName}}", []string{"admins"}, true},
		"another username, and no groups":     {signedIn(known, "other"), "ops", nil, false},
		"another username and a group less":   {signedIn(known, "other", "viewers"), "ops", []string{"admins"}, false},
		"EKS cannot render it for the caller": {signedIn(known, "ops", "admins"), "ops", []string{"admins", "on-{{EC2PrivateDNSName}}"}, false},
		"its access key is not known":         {signedIn(known, "other"), "ops:{{AccessKeyID}}", nil, true},
	} {
		id := awsauth.Identity{Canonical: roleARN, Username: tc.username, Groups: tc.groups}
		if got := principal.CallerOf(tc.user).CameInBy(id); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
