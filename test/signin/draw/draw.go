// Package draw draws templates by dice, and callers to render them for.
package draw

import (
	"math/rand/v2"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Account is that of every principal.
const Account = "111122223333"

// Principals are one of every kind that EKS matches, by their canonical ARNs.
var Principals = []string{
	"arn:aws:iam::" + Account + ":role/drawn",
	"arn:aws:iam::" + Account + ":user/drawn",
	"arn:aws:iam::" + Account + ":root",
	"arn:aws:sts::" + Account + ":federated-user/drawn",
}

// Instance is a session name that is an EC2 instance's id.
const Instance = "i-0123456789abcdef0"

// literals are pieces of names and of placeholders, and braces that nothing closes.
var literals = []string{"a", "-", ":", "@", "system:", "masters", "eks-break-glass", "{", "}", "{{", "}}", "{{}}", "{{Unknown}}", " ",
	"Session", "Name", "Raw", "Access", "KeyID", "Account", "ID", "EC2Private", "DNSName", "\x00"}

// Template draws a template, and pieces that were taken out of placeholders and may have to be put back by what another one
// becomes.
func Template(r *rand.Rand) (template string, out []string) {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString(piece(r, 3, &out))
	}
	return b.String(), out
}

func piece(r *rand.Rand, depth int, out *[]string) string {
	p := awsauth.Placeholders[r.IntN(len(awsauth.Placeholders))]
	switch n := r.IntN(8); {
	case n < 2:
		return literals[r.IntN(len(literals))]
	case n < 4 || depth == 0:
		return p
	case n == 4: // a name with a piece taken out
		name := "system:masters"
		i := r.IntN(len(name))
		j := i + r.IntN(len(name)-i+1)
		*out = append(*out, name[i:j])
		return name[:i] + piece(r, depth-1, out) + name[j:]
	}
	i := r.IntN(len(p) + 1)
	j := i + r.IntN(len(p)-i+1)
	*out = append(*out, p[i:j])
	return p[:i] + piece(r, depth-1, out) + p[j:]
}

// Session draws a session name: a piece that was taken out, if it can be one, or another.
func Session(r *rand.Rand, out []string) string {
	names := []string{"alice", "bob@example.com", "SessionNameRaw", "SessionName", "AccessKeyID", "masters", Instance, "i-01234567", "i-ABCDEFGH", "i-012345678"}
	for _, s := range out {
		if len(s) >= 2 && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool { return strings.ContainsRune(":{} \x00", c) }) {
			names = append(names, s, s, s)
		}
	}
	return names[r.IntN(len(names))]
}
