package awsauth_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// TestParseARN takes every kind of principal apart, in every partition, and puts it together again.
func TestParseARN(t *testing.T) {
	kinds := map[string]awsauth.ARN{
		"arn:P:iam::111122223333:role/ci":                {Service: "iam", Resource: "role/ci", Kind: awsauth.KindRole, Path: "/", Name: "ci"},
		"arn:P:iam::111122223333:role/team/sub/ci":       {Service: "iam", Resource: "role/team/sub/ci", Kind: awsauth.KindRole, Path: "/team/sub/", Name: "ci"},
		"arn:P:iam::111122223333:role//ci":               {Service: "iam", Resource: "role//ci", Kind: awsauth.KindRole, Path: "//", Name: "ci"},
		"arn:P:iam::111122223333:role/":                  {Service: "iam", Resource: "role/", Kind: awsauth.KindRole, Path: "/"},
		"arn:P:iam::111122223333:role/team/":             {Service: "iam", Resource: "role/team/", Kind: awsauth.KindRole, Path: "/team/"},
		"arn:P:iam::111122223333:role/*":                 {Service: "iam", Resource: "role/*", Kind: awsauth.KindRole, Path: "/", Name: "*"},
		"arn:P:iam::111122223333:ROLE/Ci":                {Service: "iam", Resource: "ROLE/Ci", Kind: awsauth.KindRole, Path: "/", Name: "Ci"},
		"arn:P:iam::111122223333:user/ann":               {Service: "iam", Resource: "user/ann", Kind: awsauth.KindUser, Path: "/", Name: "ann"},
		"arn:P:iam::111122223333:user/team/ann":          {Service: "iam", Resource: "user/team/ann", Kind: awsauth.KindUser, Path: "/team/", Name: "ann"},
		"arn:P:iam::111122223333:u\u017fer/ann":          {Service: "iam", Resource: "u\u017fer/ann", Kind: awsauth.KindUser, Path: "/", Name: "ann"},
		"arn:P:iam::111122223333:root":                   {Service: "iam", Resource: "root", Kind: awsauth.KindRoot, Name: "root"},
		"arn:P:iam::111122223333:Root":                   {Service: "iam", Resource: "Root", Kind: awsauth.KindRoot, Name: "Root"},
		"arn:P:iam::111122223333:root/x":                 {Service: "iam", Resource: "root/x"},
		"arn:P:iam::111122223333:instance-profile/a/b":   {Service: "iam", Resource: "instance-profile/a/b", Kind: awsauth.KindInstanceProfile, Path: "/a/", Name: "b"},
		"arn:P:iam::111122223333:group/ops":              {Service: "iam", Resource: "group/ops", Kind: awsauth.KindGroup, Path: "/", Name: "ops"},
		"arn:P:iam::111122223333:policy/admin":           {Service: "iam", Resource: "policy/admin", Kind: awsauth.KindPolicy, Path: "/", Name: "admin"},
		"arn:P:iam::111122223333:role":                   {Service: "iam", Resource: "role"},
		"arn:P:iam::111122223333:role:ci":                {Service: "iam", Resource: "role:ci"},
		"arn:P:iam::111122223333:":                       {Service: "iam"},
		"arn:P:iam::111122223333:assumed-role/ci/s":      {Service: "iam", Resource: "assumed-role/ci/s"},
		"arn:P:sts::111122223333:assumed-role/ci/s":      {Service: "sts", Resource: "assumed-role/ci/s", Kind: awsauth.KindAssumedRole, Name: "ci", Session: "s"},
		"arn:P:sts::111122223333:assumed-role/ci/s/x":    {Service: "sts", Resource: "assumed-role/ci/s/x", Kind: awsauth.KindAssumedRole, Name: "ci", Session: "s/x"},
		"arn:P:sts::111122223333:assumed-role/ci":        {Service: "sts", Resource: "assumed-role/ci", Kind: awsauth.KindAssumedRole, Name: "ci"},
		"arn:P:sts::111122223333:federated-user/ann":     {Service: "sts", Resource: "federated-user/ann", Kind: awsauth.KindFederatedUser, Name: "ann"},
		"arn:P:sts::111122223333:role/ci":                {Service: "sts", Resource: "role/ci"},
		"arn:P:eks::111122223333:cluster/prod":           {Service: "eks", Resource: "cluster/prod"},
		"arn:P:IAM::111122223333:role/ci":                {Service: "IAM", Resource: "role/ci", Kind: awsauth.KindRole, Path: "/", Name: "ci"},
		"arn:P:iam::111122223333:role/a:b":               {Service: "iam", Resource: "role/a:b", Kind: awsauth.KindRole, Path: "/", Name: "a:b"},
		"arn:P:iam::111122223333:role/ci ":               {Service: "iam", Resource: "role/ci ", Kind: awsauth.KindRole, Path: "/", Name: "ci "},
		"arn:P:iam::111122223333: role/ci":               {Service: "iam", Resource: " role/ci"},
		"arn:P:iam::111122223333:role/" + long:           {Service: "iam", Resource: "role/" + long, Kind: awsauth.KindRole, Path: "/", Name: long},
		"arn:P:iam::111122223333:role/{{SessionName}}":   {Service: "iam", Resource: "role/{{SessionName}}", Kind: awsauth.KindRole, Path: "/", Name: "{{SessionName}}"},
		"arn:P:iam::111122223333:role/\x00\n":            {Service: "iam", Resource: "role/\x00\n", Kind: awsauth.KindRole, Path: "/", Name: "\x00\n"},
		"arn:P:iam::111122223333:role/" + "\u0130" + "I": {Service: "iam", Resource: "role/\u0130I", Kind: awsauth.KindRole, Path: "/", Name: "\u0130I"},
	}
	partitions := append([]string{"", "AWS", "aws-xx"}, awsauth.Partitions...)
	for text, want := range kinds {
		for _, partition := range partitions {
			s := strings.Replace(text, ":P:", ":"+partition+":", 1)
			want.Partition, want.Account = partition, "111122223333"
			got, err := awsauth.ParseARN(s)
			if err != nil {
				t.Errorf("%q: %v", s, err)
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", s, diff)
			}
			if got.String() != s {
				t.Errorf("%q is put together as %q", s, got)
			}
		}
	}
}

var long = strings.Repeat("a", 100_000)

// The parts of an ARN are cut at its first five colons, whatever is in them.
func TestParseARNParts(t *testing.T) {
	for s, want := range map[string]awsauth.ARN{
		"arn:aws:iam:us-east-1:111122223333:role/ci": {Partition: "aws", Service: "iam", Region: "us-east-1", Account: "111122223333", Resource: "role/ci",
			Kind: awsauth.KindRole, Path: "/", Name: "ci"},
		"arn:::::":                   {},
		"arn:::::::":                 {Resource: "::"},
		"ARN:aws:iam::1:role/ci":     {Partition: "aws", Service: "iam", Account: "1", Resource: "role/ci", Kind: awsauth.KindRole, Path: "/", Name: "ci"},
		"arn: aws:iam::x y:role/ci":  {Partition: " aws", Service: "iam", Account: "x y", Resource: "role/ci", Kind: awsauth.KindRole, Path: "/", Name: "ci"},
		"arn:aws:iam::\u0661:root":   {Partition: "aws", Service: "iam", Account: "\u0661", Resource: "root", Kind: awsauth.KindRoot, Name: "root"},
		"arn:aws:iam::arn:aws:iam::": {Partition: "aws", Service: "iam", Account: "arn", Resource: "aws:iam::"},
	} {
		got, err := awsauth.ParseARN(s)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", s, err, diff)
		}
	}
}

// What has not six parts, or does not begin with arn, is no ARN. The error shows it, and what one looks like.
func TestNoARN(t *testing.T) {
	for _, s := range []string{"", "ci", "arn", "arn:", "arn:aws:iam::111122223333", "aws:iam::111122223333:role/ci:", " arn:aws:iam::111122223333:role/ci",
		"\ufeffarn:aws:iam::111122223333:role/ci", "arn\uff1aaws:iam::111122223333:role/ci", "arm:aws:iam::111122223333:role/ci", ":::::", "\"arn:aws:iam::111122223333:role/ci\""} {
		got, err := awsauth.ParseARN(s)
		if err == nil {
			t.Errorf("%q is taken for %+v", s, got)
			continue
		}
		if want := " is not an ARN: want arn:PARTITION:iam::ACCOUNT:role/NAME or arn:PARTITION:iam::ACCOUNT:user/NAME"; !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", s, err)
		}
		if got != (awsauth.ARN{}) {
			t.Errorf("%q: %+v beside the error", s, got)
		}
	}
}

// TestMatchable: the canonical ARN is what EKS sees when the principal calls, and only a few kinds of ARN can equal one.
func TestMatchable(t *testing.T) {
	const account = "arn:aws-cn:iam::111122223333:"
	for _, tt := range []struct {
		arn, canonical         string
		matchable, sessionless bool
	}{
		{account + "role/ci", account + "role/ci", true, false},
		{account + "role/team/ci", account + "role/ci", false, false},
		{account + "ROLE/ci", account + "role/ci", true, false},
		{account + "role/", account + "role/", false, false},
		{account + "role/*", account + "role/*", false, false},
		{"arn:aws-cn:sts::111122223333:assumed-role/ci/s", account + "role/ci", false, false},
		{account + "user/ann", account + "user/ann", true, true},
		{account + "user/team/ann", account + "user/team/ann", true, true},
		{account + "user/", account + "user/", false, true},
		{account + "user/*", account + "user/*", false, true},
		{account + "root", account + "root", true, true},
		{"arn:aws-cn:sts::111122223333:federated-user/ann", "arn:aws-cn:sts::111122223333:federated-user/ann", true, true},
		{account + "instance-profile/ci", account + "instance-profile/ci", false, false},
		{account + "group/ops", account + "group/ops", false, false},
		{account + "policy/admin", account + "policy/admin", false, false},
		{"arn:aws-cn:s3:::bucket", "arn:aws-cn:s3:::bucket", false, false},
	} {
		a, err := awsauth.ParseARN(tt.arn)
		if err != nil {
			t.Fatal(err)
		}
		if a.Canonical() != tt.canonical || a.Matchable() != tt.matchable || a.Sessionless() != tt.sessionless {
			t.Errorf("%s: canonical %s, matchable %v, without a session %v; want %+v", tt.arn, a.Canonical(), a.Matchable(), a.Sessionless(), tt)
		}
	}
}

// TestKey compares two ARNs by their keys with strings.EqualFold, as EKS compares them, for every pair of letters that fold.
func TestKey(t *testing.T) {
	letters := []string{"i", "I", "\u0130", "\u0131", "s", "S", "\u017f", "k", "K", "\u212a", "\u00e5", "\u00c5", "\u212b", "\u00df", "\u1e9e", "\u03c3", "\u03c2", "\u03a3", "-", "1", "\U00010400", "\U00010428"}
	for _, a := range letters {
		for _, b := range letters {
			if same := awsauth.Key("x"+a) == awsauth.Key("x"+b); same && !strings.EqualFold(a, b) {
				t.Errorf("%U and %U have one key, and EKS takes them for different", []rune(a), []rune(b))
			} else if !same && strings.EqualFold(a, b) && ascii(a) {
				t.Errorf("%U and %U have two keys, and EKS takes them for the same", []rune(a), []rune(b))
			}
		}
	}
}

// ascii reports a letter that IAM takes in a name.
func ascii(s string) bool { return s[0] < 0x80 }

// TestSubject: an entry keeps its name while its ARN is being repaired.
func TestSubject(t *testing.T) {
	const want = "arn:aws:iam::111122223333:role/ci"
	for _, s := range []string{want, " " + want + "\n", "arn:aws:iam::111122223333:role/team/ci", "ARN:AWS:IAM::111122223333:ROLE/CI", "arn:aws:sts::111122223333:assumed-role/ci/session"} {
		if got := awsauth.Subject(s); got != want {
			t.Errorf("%q is called %q, want %q", s, got, want)
		}
	}
	for s, want := range map[string]string{"": "", " CI ": "ci", "arn:aws:iam::111122223333:user/team/Ann": "arn:aws:iam::111122223333:user/team/ann"} {
		if got := awsauth.Subject(s); got != want {
			t.Errorf("%q is called %q, want %q", s, got, want)
		}
	}
}
