package validate_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// oneAnswer is a port that says of every ARN that this one exists.
type oneAnswer string

func (o oneAnswer) Lookup(_ context.Context, _ principal.Asker, arns []awsauth.ARN) []principal.Principal {
	answers := make([]principal.Principal, len(arns))
	for i := range arns {
		answers[i] = principal.Principal{Existence: principal.Exists, ARN: string(o)}
	}
	return answers
}

func (oneAnswer) Self() (principal.Self, bool) {
	return principal.Self{Account: "111122223333", Partition: "aws"}, true
}

// missing is a port that knows nobody.
type missing struct{ oneAnswer }

func (missing) Lookup(_ context.Context, _ principal.Asker, arns []awsauth.ARN) []principal.Principal {
	answers := make([]principal.Principal, len(arns))
	for i := range arns {
		answers[i].Existence = principal.Missing
	}
	return answers
}

// An sso block does not vouch for a role: IAM is asked about the role, whether the block was there before or comes with it.
func TestRoleLikeSSOBlock(t *testing.T) {
	t.Parallel()
	const nodeRole = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	const block = "- sso: {permissionSetName: Admin, accountID: '111122223333'}\n  username: admin\n  groups: [viewers]\n"
	const role = "- rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_\n  username: ci\n  groups: [deployers]\n"
	v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Principals: missing{}}))
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"existing block": {nodeRole + block, nodeRole + block + role},
		"block in place": {nodeRole + block, nodeRole + role},
		"both new":       {nodeRole, nodeRole + block + role},
		"role alone":     {nodeRole, nodeRole + role},
	} {
		report := v.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: aconfigmap(map[string]string{"mapRoles": edit[0]}),
			New: aconfigmap(map[string]string{"mapRoles": edit[1]}), User: authenticationv1.UserInfo{Username: "operator"}})
		asked := slices.ContainsFunc(report.Findings, func(f validate.Finding) bool { return f.Rule == "AA301" && f.Severity == validate.Error })
		if report.Allowed || !asked {
			t.Errorf("%s: allowed %t, want it denied by AA301: %+v", name, report.Allowed, report.Findings)
		}
	}
}

// Whatever the port says: only what differs in letter case, or in the path of a role, is the same principal.
func TestAnswerAboutAnother(t *testing.T) {
	t.Parallel()
	const role, user = "arn:aws:iam::111122223333:role/ci", "arn:aws:iam::111122223333:user/people/alice"
	for name, tt := range map[string]struct {
		asked, answered string
		want            string // rule and severity; "" for nothing
	}{
		"the same":                 {role, role, ""},
		"with a path":              {role, "arn:aws:iam::111122223333:role/team/ci", ""},
		"another letter case":      {role, "arn:aws:iam::111122223333:role/CI", "AA301 warning"},
		"another account":          {role, "arn:aws:iam::777788889999:role/ci", "AA302 error"},
		"another partition":        {role, "arn:aws-cn:iam::111122223333:role/ci", "AA302 error"},
		"another kind":             {role, "arn:aws:iam::111122223333:user/ci", "AA302 error"},
		"another name":             {role, "arn:aws:iam::111122223333:role/cd", "AA302 error"},
		"a session of it":          {role, "arn:aws:sts::111122223333:assumed-role/ci/x", "AA302 error"},
		"no ARN":                   {role, "ci", "AA302 error"},
		"nothing":                  {role, "", "AA302 error"},
		"the same user":            {user, user, ""},
		"a user of another path":   {user, "arn:aws:iam::111122223333:user/alice", "AA302 error"},
		"a user in other letters":  {user, "arn:aws:iam::111122223333:user/People/Alice", "AA301 warning"},
		"another account's user":   {user, "arn:aws:iam::777788889999:user/people/alice", "AA302 error"},
		"a role, asked for a user": {user, "arn:aws:iam::111122223333:role/people/alice", "AA302 error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Principals: oneAnswer(tt.answered)}))
			if err != nil {
				t.Fatal(err)
			}
			key, field := "mapRoles", "rolearn"
			if strings.Contains(tt.asked, ":user/") {
				key, field = "mapUsers", "userarn"
			}
			before := map[string]string{"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"}
			after := map[string]string{"mapRoles": before["mapRoles"]}
			after[key] += "- " + field + ": " + tt.asked + "\n  username: ci\n  groups: [deployers]\n"
			report := v.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: aconfigmap(before), New: aconfigmap(after),
				User: authenticationv1.UserInfo{Username: "operator"}})
			var got []string
			for _, f := range report.Findings {
				got = append(got, f.Rule+" "+string(f.Severity))
			}
			if s := strings.Join(got, ", "); s != tt.want || report.Allowed != !strings.Contains(tt.want, "error") {
				t.Errorf("allowed %t, %q, want %q: %+v", report.Allowed, s, tt.want, report.Findings)
			}
		})
	}
}
