package validate_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// ciGroups is an entry up to the items of its groups, and ciGroup and ciAlone are entries of the same role on one line.
const (
	ciGroups = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups:\n"
	ciGroup  = "- {rolearn: arn:aws:iam::111122223333:role/ci, username: ci, groups: ['%s%%d']}\n"
	ciAlone  = "- {rolearn: arn:aws:iam::111122223333:role/ci, username: ci}\n"
	nodeOnly = "- {rolearn: arn:aws:iam::111122223333:role/n%d, username: 'system:node:{{EC2PrivateDNSName}}', " +
		"groups: ['system:bootstrappers', 'system:nodes']}\n"
	wrongARNField = "- userarn: arn:aws:iam::111122223333:user/ci\n"
)

// hostileEdits are values of mapRoles and what somebody makes of them so that every finding has to look through the other
// version, or through a whole entry.
var hostileEdits = map[string]struct{ old, updated string }{
	"typos instead of groups": {numbered(ciGroups, "  - g%d\n"), ciGroups + strings.Repeat("  - system:master\n", maxValue/18-12)},
	"typos among groups":      {numbered(ciGroups, "  - g%d\n"), numbered(ciGroups, "  - system:master\n  - h%d\n")},
	"asterisks among groups":  {numbered(ciGroups, "  - g%d\n"), numbered(ciGroups, "  - *\n  - h%d\n")},
	"grants of one entry":     {numbered(ciGroups, "  - g%d\n"), numbered(ciGroups, "  - '{{SessionName}}:%d'\n")},
	"grants of many entries":  {numbered("", fmt.Sprintf(ciGroup, "g")), numbered("", fmt.Sprintf(ciGroup, "{{SessionName}}:"))},
	"each loses its group":    {numbered("", fmt.Sprintf(ciGroup, "g")), filled(ciAlone)},
	"a long group is lost":    {ciGroups + "  - " + strings.Repeat("a", maxValue-200) + "\n", filled(ciAlone)},
	"many groups are lost":    {numbered(ciGroups, "  - g%d\n"), filled(ciAlone)},
	"many node roles go":      {numbered("", nodeOnly), "[]"},
	"fields of mapUsers":      {nodeRole, wrongARNField + strings.Repeat("  userarn: x\n", maxValue/13-10)},
	"misspelled fields":       {nodeRole, wrongARNField + "  username: ci\n" + strings.Repeat("  Userarn: x\n", maxValue/13-10)},
	"equals signs":            {nodeRole, numbered("", "- rolearn = arn:aws:iam::111122223333:role/r%d\n  username = ci\n")},
	"groups like entries":     {nodeRole, numbered(ciGroups, "- g%d\n")},
}

// TestHostileEdit: the bounds of TestHostileInput hold for an edit as well, whose findings say what was there before.
func TestHostileEdit(t *testing.T) {
	if testing.Short() {
		t.Skip("a megabyte takes a second or two")
	}
	for name, edit := range hostileEdits {
		t.Run(name, func(t *testing.T) {
			v := validator(t, "")
			bounded(t, func() {
				rep := v.Validate(context.Background(), validate.Request{Operation: validate.Update,
					Old: aconfigmap(roles0(edit.old)), New: aconfigmap(roles0(edit.updated))})
				if len(rep.Findings) == 0 {
					t.Error("nothing was found")
				}
				render(t, rep, edit.updated)
			})
			runtime.KeepAlive(v)
		})
	}
}
