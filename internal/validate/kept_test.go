package validate_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

const (
	nodeRole = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
  - system:bootstrappers
  - system:nodes
`
	alice = `- userarn: arn:aws:iam::111122223333:user/alice
  username: alice
  groups:
  - viewers
`
)

// item is a role entry with one thing changed: the line of that field is replaced.
func item(changes ...string) string {
	lines := []string{
		"- rolearn: arn:aws:iam::111122223333:role/ci",
		"  username: ci",
		"  groups: [deployers]",
	}
	for _, c := range changes {
		field, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(c, "- ")), ":")
		replaced := false
		for i, l := range lines {
			if strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(l, "- ")), field+":") {
				lines[i], replaced = c, true
			}
		}
		if !replaced {
			lines = append(lines, c)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// keptText is what EKS keeps, one mapping a line.
func keptText(roles, users []identity) string {
	var b strings.Builder
	for _, list := range []struct {
		key  string
		kept []identity
	}{{awsauth.MapRoles, roles}, {awsauth.MapUsers, users}} {
		for _, i := range list.kept {
			fmt.Fprintf(&b, "%s: %q is %q in %q\n", list.key, i.arn, i.username, strings.Split(i.groups, "\x00"))
		}
	}
	return b.String()
}

// TestWhatParseMapKeeps is about the cases of testdata/kept: what EKS keeps of each, as the authenticator's own code reads it, is in its
// section kept and is what we say. What is allowed, both readings of the authenticator read as we do.
func TestWhatParseMapKeeps(t *testing.T) {
	for _, c := range readCases(t, "kept") {
		t.Run(filepath.Base(c.name), func(t *testing.T) {
			data := c.new.Data
			doc, _ := awsauth.Parse(data)
			theirRoles, theirUsers, _, _ := strict(data)
			if got := ours(doc.Roles); !slices.Equal(got, theirRoles) {
				t.Errorf("mapRoles: we keep %q, the authenticator %q", got, theirRoles)
			}
			if got := ours(doc.Users); !slices.Equal(got, theirUsers) {
				t.Errorf("mapUsers: we keep %q, the authenticator %q", got, theirUsers)
			}
			c.compareSection(t, "kept", keptText(theirRoles, theirUsers))
			if c.run(t).Allowed {
				for way, read := range map[string]reading{"strict": strict, "lenient": lenient} {
					if diff := agree(data, read); diff != "" {
						t.Errorf("allowed, but the %s reading differs: %s", way, diff)
					}
				}
			}
		})
	}
}

// aliasBomb is a list that grows tenfold with every level.
func aliasBomb(levels int) string {
	var b strings.Builder
	b.WriteString("- &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i <= levels; i++ {
		prev := "*a" + string(rune('0'+i-1))
		b.WriteString("- &a" + string(rune('0'+i)) + " [" + strings.TrimSuffix(strings.Repeat(prev+",", 10), ",") + "]\n")
	}
	return b.String()
}
