package iam_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// document is a trust policy with these statements, as IAM returns it.
func document(statements ...string) *string {
	text := `{"Version": "2012-10-17", "Statement": [` + strings.Join(statements, ",\n") + "]}"
	return encoded(text)
}

func encoded(text string) *string {
	s := strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
	return &s
}

func allow(principal string) string {
	return `{"Effect": "Allow", "Principal": ` + principal + `, "Action": "sts:AssumeRole"}`
}

var (
	instances  = principal.Trust{Known: principal.TrustKnown, Instances: true}
	sessions   = principal.Trust{Known: principal.TrustKnown, Sessions: true}
	noTrust    = principal.Trust{Known: principal.TrustKnown}
	unreadable = principal.Trust{Known: principal.TrustUnreadable}
)

func others(who string) principal.Trust {
	return principal.Trust{Known: principal.TrustKnown, Other: who}
}

func service(name string) principal.Trust {
	return principal.Trust{Known: principal.TrustKnown, Service: name}
}

// Trust policies as they are found, and what must not be taken for one.
func TestTrustPolicies(t *testing.T) {
	const ec2 = `{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}`
	ssm := allow(`{"Service": "ssm.amazonaws.com"}`)
	ssm = strings.TrimSuffix(ssm, "}") + `, "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}, "ArnEquals": {"aws:SourceArn": "arn:aws:eks:us-west-2:111122223333:cluster/demo"}}}`
	for name, tt := range map[string]struct {
		document *string
		want     principal.Trust
	}{
		"EC2":                  {document(ec2), instances},
		"EC2, one statement":   {encoded(`{"Version":"2012-10-17","Statement":` + ec2 + `}`), instances},
		"EC2, a list of one":   {document(allow(`{"Service": ["ec2.amazonaws.com"]}`)), instances},
		"EC2 in China":         {document(allow(`{"Service": "ec2.amazonaws.com.cn"}`)), instances},
		"EC2, a region's name": {document(allow(`{"Service": "ec2.eu-south-1.amazonaws.com"}`)), instances},
		"EC2, isolated":        {document(allow(`{"Service": "ec2.c2s.ic.gov"}`)), instances},
		"EC2, denied to one":   {document(ec2, `{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "*"}`), instances},
		"Fargate":              {document(strings.TrimSuffix(allow(`{"Service": "eks-fargate-pods.amazonaws.com"}`), "}") + `, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:eks:*:111122223333:fargateprofile/demo/*"}}}`), sessions},
		"hybrid nodes, SSM":    {document(ssm), sessions},
		"hybrid nodes, IAM Roles Anywhere": {document(`{"Effect": "Allow", "Principal": {"Service": "rolesanywhere.amazonaws.com"}, "Action": ["sts:TagSession", "sts:SetSourceIdentity"]}`,
			`{"Effect": "Allow", "Principal": {"Service": "rolesanywhere.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:RoleSessionName": "${aws:PrincipalTag/x509Subject/CN}"}}}`), sessions},
		"EC2 and SSM":         {document(allow(`{"Service": ["ec2.amazonaws.com", "ssm.amazonaws.com"]}`)), principal.Trust{Known: principal.TrustKnown, Instances: true, Sessions: true}},
		"EC2 and Lambda":      {document(allow(`{"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}`)), principal.Trust{Known: principal.TrustKnown, Instances: true, Service: "lambda.amazonaws.com"}},
		"Lambda":              {document(allow(`{"Service": "lambda.amazonaws.com"}`)), service("lambda.amazonaws.com")},
		"Pod Identity":        {document(`{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}`), service("pods.eks.amazonaws.com")},
		"the EKS cluster":     {document(allow(`{"Service": "eks.amazonaws.com"}`)), noTrust},
		"Fargate, by eksctl":  {document(allow(`{"Service": ["eks.amazonaws.com", "eks-fargate-pods.amazonaws.com"]}`)), sessions},
		"EC2 and EKS":         {document(allow(`{"Service": ["ec2.amazonaws.com", "eks.amazonaws.com"]}`)), instances},
		"a name like EC2's":   {document(allow(`{"Service": "ec2.amazonaws.com.example.com"}`)), service("ec2.amazonaws.com.example.com")},
		"another like EC2's":  {document(allow(`{"Service": "my-ec2.amazonaws.com"}`)), service("my-ec2.amazonaws.com")},
		"every service":       {document(allow(`{"Service": "*"}`)), others("*")},
		"the account":         {document(allow(`{"AWS": "arn:aws:iam::111122223333:root"}`)), others("arn:aws:iam::111122223333:root")},
		"an account's number": {document(allow(`{"AWS": "444455556666"}`)), others("444455556666")},
		"a deleted user":      {document(allow(`{"AWS": "AIDAEXAMPLEEXAMPLEEXA"}`)), others("AIDAEXAMPLEEXAMPLEEXA")},
		"everybody":           {document(allow(`"*"`)), others("*")},
		"everybody of AWS":    {document(allow(`{"AWS": "*"}`)), others("*")},
		"SAML":                {document(`{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:saml-provider/login"}, "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"]}`), others("arn:aws:iam::111122223333:saml-provider/login")},
		"OIDC":                {document(`{"Effect": "Allow", "Principal": {"Federated": "accounts.google.com"}, "Action": "sts:AssumeRoleWithWebIdentity"}`), others("accounts.google.com")},
		"a canonical user":    {document(allow(`{"CanonicalUser": "79a59d"}`)), others("79a59d")},
		"all but one":         {document(`{"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}`), others("everybody but NotPrincipal")},
		"with a condition":    {document(strings.TrimSuffix(allow(`{"AWS": "*"}`), "}") + `, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}`), others("*")},
		"EC2 and the account": {document(ec2, allow(`{"AWS": "111122223333"}`)), principal.Trust{Known: principal.TrustKnown, Instances: true, Other: "111122223333"}},
		"in one statement":    {document(allow(`{"Service": "ec2.amazonaws.com", "AWS": ["111122223333"]}`)), principal.Trust{Known: principal.TrustKnown, Instances: true, Other: "111122223333"}},
		"every action":        {document(`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "*"}`), others("111122223333")},
		"every action of STS": {document(`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": ["STS:*"]}`), others("111122223333")},
		"an action with ?":    {document(`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:As?umeRole"}`), others("111122223333")},
		"all but an action":   {document(`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "NotAction": "sts:TagSession"}`), others("111122223333")},
		"none of these":       {document(`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "NotAction": "sts:*"}`), noTrust},
		"an action to come":   {document(`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRoleWithCard"}`), others("111122223333")},
		"another service's":   {document(`{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:GetObject"}`), noTrust},
		"tags alone":          {document(`{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:TagSession"}`), noTrust},
		"EC2 with SAML":       {document(`{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRoleWithSAML"}`), noTrust},
		"nobody":              {document(`{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}`), noTrust},
		"no statements":       {document(), noTrust},
		"keys in lower case":  {encoded(`{"version":"2012-10-17","statement":[{"effect":"Allow","principal":{"service":"ec2.amazonaws.com"},"action":"sts:assumerole"}]}`), instances},

		"no document":        {nil, unreadable},
		"an empty one":       {encoded(""), unreadable},
		"null":               {encoded("null"), unreadable},
		"an empty object":    {encoded("{}"), unreadable},
		"a list":             {encoded("[" + ec2 + "]"), unreadable},
		"cut off":            {encoded(`{"Version":"2012-10-17","Statement":[` + ec2), unreadable},
		"cut in an escape":   {new(strings.TrimSuffix(*document(ec2), "%7D") + "%7"), unreadable},
		"two documents":      {encoded(`{"Statement":[` + ec2 + `]}{"Statement":[]}`), unreadable},
		"statements twice":   {encoded(`{"Statement":[` + allow(`"*"`) + `],"Statement":[` + ec2 + `]}`), unreadable},
		"in two cases":       {encoded(`{"statement":[` + allow(`"*"`) + `],"Statement":[` + ec2 + `]}`), unreadable},
		"a principal twice":  {document(`{"Effect":"Allow","Principal":{"AWS":"*"},"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`), unreadable},
		"no effect":          {document(`{"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`), unreadable},
		"another effect":     {document(`{"Effect":"allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}`, ec2), unreadable},
		"no action":          {document(`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}`), unreadable},
		"both actions":       {document(`{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole","NotAction":"s3:*"}`), unreadable},
		"no principal":       {document(`{"Effect":"Allow","Action":"sts:AssumeRole"}`, ec2), unreadable},
		"an odd principal":   {document(allow(`"ec2.amazonaws.com"`)), unreadable},
		"an unknown kind":    {document(allow(`{"Service":"ec2.amazonaws.com","Martian":"m"}`)), unreadable},
		"a number":           {document(allow(`{"Service":7}`)), unreadable},
		"nested lists":       {document(allow(`{"Service":[["ec2.amazonaws.com"]]}`)), unreadable},
		"an empty name":      {document(allow(`{"Service":""}`)), unreadable},
		"an unknown element": {document(strings.TrimSuffix(ec2, "}") + `,"Unless":"now"}`), unreadable},
		"too deep":           {document(strings.TrimSuffix(ec2, "}") + `,"Condition":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}"), unreadable},
		"too long":           {encoded(`{"Id":"` + strings.Repeat("x", 1<<20) + `","Statement":[` + ec2 + `]}`), unreadable},
		"HTML":               {encoded("<html><body>Sign in</body></html>"), unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, iam.TrustOf(tt.document)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// choice is what a generated statement is made of, with what that means.
type choice struct {
	json string
	// who are the principals, by kind; means the actions that it allows.
	service, other []string
	means          func(action string) bool
}

var principals = []choice{
	{json: `"*"`, other: []string{"*"}},
	{json: `{"AWS": "*"}`, other: []string{"*"}},
	{json: `{"AWS": "111122223333"}`, other: []string{"111122223333"}},
	{json: `{"AWS": ["arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:role/ci"]}`, other: []string{"arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:role/ci"}},
	{json: `{"Federated": "cognito-identity.amazonaws.com"}`, other: []string{"cognito-identity.amazonaws.com"}},
	{json: `{"Service": "ec2.amazonaws.com"}`, service: []string{"ec2.amazonaws.com"}},
	{json: `{"Service": ["ec2.amazonaws.com.cn", "ssm.amazonaws.com"]}`, service: []string{"ec2.amazonaws.com.cn", "ssm.amazonaws.com"}},
	{json: `{"Service": ["eks-fargate-pods.amazonaws.com"]}`, service: []string{"eks-fargate-pods.amazonaws.com"}},
	{json: `{"Service": ["eks.amazonaws.com", "ec2.amazonaws.com"]}`, service: []string{"eks.amazonaws.com", "ec2.amazonaws.com"}},
	{json: `{"Service": "codebuild.amazonaws.com"}`, service: []string{"codebuild.amazonaws.com"}},
	{json: `{"Service": "rolesanywhere.amazonaws.com", "AWS": "444455556666"}`, service: []string{"rolesanywhere.amazonaws.com"}, other: []string{"444455556666"}},
}

func pattern(p string) func(string) bool {
	re := regexp.MustCompile("(?i)^" + strings.ReplaceAll(strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*"), `\?`, ".") + "$")
	return re.MatchString
}

func actions() []choice {
	var all []choice
	for _, list := range [][]string{{"sts:AssumeRole"}, {"sts:assumerole"}, {"*"}, {"sts:*"}, {"sts:Assume*"}, {"sts:*Role"}, {"sts:A?sumeRole"}, {"sts:AssumeRoleWithSAML"}, {"sts:AssumeRoleWithWebIdentity", "sts:TagSession"},
		{"sts:TagSession"}, {"sts:SetSourceIdentity", "sts:AssumeRole"}, {"iam:*"}, {"sts:GetCallerIdentity"}} {
		text, _ := json.Marshal(list)
		if len(list) == 1 {
			text, _ = json.Marshal(list[0])
		}
		in := func(action string) bool {
			return slices.ContainsFunc(list, func(p string) bool { return pattern(p)(action) })
		}
		all = append(all, choice{json: `"Action": ` + string(text), means: in}, choice{json: `"NotAction": ` + string(text), means: func(a string) bool { return !in(a) }})
	}
	return all
}

// TestGeneratedTrustPolicies compares with a plain account of who could get credentials: every principal, action by action.
func TestGeneratedTrustPolicies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := actions()
	one := func(list []choice) choice { return list[r.IntN(len(list))] }
	seen := map[string]int{}
	for range 20_000 {
		var statements []string
		want := principal.Trust{Known: principal.TrustKnown}
		may := map[string]bool{} // who may do what
		var order []choice
		for range 1 + r.IntN(3) {
			who, what := one(principals), one(all)
			effect, condition, form := "Allow", "", `{"Sid": "s", "Effect": %q, "Principal": %s, %s%s}`
			if r.IntN(4) == 0 {
				effect = "Deny"
			}
			if r.IntN(3) == 0 {
				condition = `, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": ["true"]}}`
			}
			if r.IntN(6) == 0 {
				form, who.service, who.other = strings.Replace(form, "Principal", "NotPrincipal", 1), nil, []string{"everybody but NotPrincipal"}
			}
			statements = append(statements, fmt.Sprintf(form, effect, who.json, what.json, condition))
			if effect == "Deny" {
				continue
			}
			order = append(order, who)
			for _, p := range slices.Concat(who.service, who.other) {
				for _, a := range []string{"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "TagSession", "SetSourceIdentity"} {
					may[p+" "+a] = may[p+" "+a] || what.means("sts:"+a)
				}
			}
		}
		credentials := func(p string) bool {
			return may[p+" AssumeRole"] || may[p+" AssumeRoleWithSAML"] || may[p+" AssumeRoleWithWebIdentity"]
		}
		hasOther, hasService := false, false
		for _, who := range order {
			for _, p := range who.other {
				hasOther = hasOther || credentials(p) || may[p+" TagSession"] || may[p+" SetSourceIdentity"]
			}
			for _, p := range who.service {
				switch p {
				case "ec2.amazonaws.com", "ec2.amazonaws.com.cn":
					want.Instances = want.Instances || may[p+" AssumeRole"]
				case "eks.amazonaws.com": // gives its credentials to nobody
				case "codebuild.amazonaws.com":
					hasService = hasService || credentials(p) || may[p+" TagSession"] || may[p+" SetSourceIdentity"]
				default:
					want.Sessions = want.Sessions || may[p+" AssumeRole"]
				}
			}
		}
		doc := document(statements...)
		if len(statements) == 1 && r.IntN(2) == 0 {
			doc = encoded(`{"Statement": ` + statements[0] + `}`)
		}
		got := iam.TrustOf(doc)
		if got.Known != principal.TrustKnown || got.Instances != want.Instances || got.Sessions != want.Sessions || (got.Other != "") != hasOther || (got.Service != "") != hasService {
			text, _ := url.PathUnescape(*doc)
			t.Fatalf("%s\ngot %+v, want instances %v, sessions %v, others %v, another service %v", text, got, want.Instances, want.Sessions, hasOther, hasService)
		}
		seen[fmt.Sprint(hasOther, hasService, want.Instances, want.Sessions)]++
	}
	if len(seen) < 16 {
		t.Errorf("only %d of the 16 verdicts came up: %v", len(seen), seen)
	}
}

// A role's trust policy is read whether the role is asked for by its name or found in a list, and one that cannot be read is reported
// apart from one that was.
func TestTrustIsLookedUp(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Roles = append(s.Roles,
		fake.Role{ARN: own + "role/broken", TrustPolicy: `{"Statement": [`},
		fake.Role{ARN: own + "role/fargate", TrustPolicy: `{"Statement": {"Effect": "Allow", "Principal": {"Service": "eks-fargate-pods.amazonaws.com"}, "Action": "sts:AssumeRole"}}`})
	for i := range 20 {
		s.Roles = append(s.Roles, fake.Role{ARN: fmt.Sprintf("%srole/more-%d", own, i)})
	}
	want := map[string]principal.Trust{"nodes": instances, "broken": unreadable, "fargate": sessions,
		"irsa": others(own + "oidc-provider/oidc.example.com")}
	names := []string{"broken", "fargate", "irsa", "nodes"}
	for _, call := range []string{"GetRole", "ListRoles"} {
		w := newWorld(t, "guard", "", s)
		var arns []string
		for _, n := range names {
			arns = append(arns, own+"role/"+n)
		}
		if call == "ListRoles" {
			for i := range 20 { // more than are asked for one by one
				arns = append(arns, fmt.Sprintf("%srole/more-%d", own, i))
			}
		}
		for range 2 { // the second time from memory
			answers := w.lookup(arns...)
			for i, n := range names {
				if d := cmp.Diff(principal.Principal{Existence: principal.Exists, ARN: arns[i], Trust: want[n]}, answers[i]); d != "" {
					t.Errorf("%s of %s (-want +got):\n%s", call, n, d)
				}
			}
		}
		want := map[string]int{"GetRole": len(names) + 1, "ListRoles": 1} // the one that could not be read is asked for again
		if n := w.aws.Count(call); n != want[call] {
			t.Errorf("%d calls %s, want %d", n, call, want[call])
		}
	}
}

// Whatever goes wrong on the way: nothing is concluded from it.
func TestNoTrustFromFaults(t *testing.T) {
	t.Parallel()
	for _, answer := range fake.Answers {
		if answer == fake.Normal || answer == fake.Hang { // a hanging call ends as one that was given up
			continue
		}
		t.Run(string(answer), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "guard", "", seed())
			w.faults(fake.Faults{Answer: answer, Actions: []string{"GetRole", "ListRoles"}})
			if got := w.lookup(own + "role/nodes")[0]; got.Trust != (principal.Trust{}) || got.Existence == principal.Exists {
				t.Errorf("got %+v", got)
			}
		})
	}
}
