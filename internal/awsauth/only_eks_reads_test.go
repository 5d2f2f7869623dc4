package awsauth

import (
	"strings"
	"testing"
)

// YAML ends a line at a carriage return too, so its parsers may name a line that a text cut at line feeds does not have.
func TestEndBehindCarriageReturns(t *testing.T) {
	const item = " - rolearn: arn:aws:iam::111122223333:role/nodes\n   username: nodes\n   groups: [nodes]\n"
	for _, between := range []string{"", strings.Repeat("\r", 20), "# a\r\r\r\r# b\r", strings.Repeat("\u2028", 20)} {
		doc, problems := Parse(map[string]string{MapRoles: item + between + "- "})
		if len(doc.Roles) != 1 || doc.Roles[0].ARN.Value != "arn:aws:iam::111122223333:role/nodes" {
			t.Errorf("%q: the entries are %+v", between, doc.Roles)
		}
		if len(problems) == 0 {
			t.Errorf("%q: the end of the document is no problem", between)
		}
	}
}
