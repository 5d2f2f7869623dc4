package eks_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/test/eks"
	"github.com/aws-auth-guard/aws-auth-guard/test/signin/draw"
)

// The first ones of the names below have nothing wrong with them.
const soundUsernames, soundGroups = 7, 6

// dice draws worlds, documents and edits. The same seed draws the same.
type dice struct{ *rand.Rand }

func pick[T any](d dice, of []T) T { return of[d.IntN(len(of))] }

func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

// line is an entry of aws-auth as it is written.
type line struct {
	arn, username string
	groups        []string
	bare          bool // no username and no groups
}

// document is aws-auth before it is written down.
type document struct {
	roles, users []line
	accounts     []string
	flow         bool
}

var (
	usernames = []string{"dev", "ops:{{SessionName}}", "ci:{{SessionNameRaw}}", "{{AccountID}}-{{SessionName}}", "key:{{AccessKeyID}}",
		"jürgen", "alice@example.com", "a:b:c", "1234", "yes", "{{SessionName}}", "system:node:{{SessionName}}",
		"system:node:{{EC2PrivateDNSName}}", "{{ SessionName }}", "{{sessionName}}", "it's", `say "hi"`, "team:{{Unknown}}"}
	groupNames = []string{"developers", "viewers", "ops", "team-{{SessionName}}", "{{AccountID}}", "deployers", "system:nodes", "system:bootstrappers",
		"system:masters", "system:authenticated", "system:unauthenticated", "a,b", "x{{EC2PrivateDNSName}}", "10", "off"}
	mangles = []string{"\t", " ", "\"", "'", ":", "-", "\u00a0", "#", "{", "[", "&a ", "*a", "\n", "|", "“", "é", "\u200b", ",", "\r", "!!str ", "<<: "}
)

func (d dice) username() string {
	switch {
	case d.oneIn(8):
		template, _ := draw.Template(d.Rand)
		return template
	case d.oneIn(2):
		return pick(d, usernames[:soundUsernames])
	}
	return pick(d, usernames)
}

func (d dice) groups() []string {
	groups := []string{}
	for range d.IntN(4) {
		switch {
		case d.oneIn(12):
			template, _ := draw.Template(d.Rand)
			groups = append(groups, template)
		case d.oneIn(3):
			groups = append(groups, pick(d, groupNames))
		default:
			groups = append(groups, pick(d, groupNames[:soundGroups]))
		}
	}
	return groups
}

// arn writes the ARN of a principal, mostly as EKS wants it.
func (d dice) arn(canonical string) string {
	switch d.IntN(30) {
	case 0:
		return strings.Replace(canonical, "/", "/team/", 1)
	case 1:
		return strings.Replace(strings.Replace(canonical, ":iam:", ":sts:", 1), ":role/", ":assumed-role/", 1) + "/alice"
	case 2:
		return strings.ToUpper(canonical)
	case 3:
		return strings.Replace(canonical, "arn:aws:", "arn:aws-cn:", 1)
	case 4:
		return strings.Replace(canonical, "::", ":us-west-2:", 1)
	case 5:
		return strings.Replace(canonical, "111122223333", "11112222333", 1)
	}
	return canonical
}

func (d dice) line() line {
	return line{arn: d.arn(pick(d, principals)), username: d.username(), groups: d.groups(), bare: d.oneIn(12)}
}

// start draws a sound document, in which the nodes' role is.
func (d dice) start() document {
	doc := document{flow: d.oneIn(2), roles: []line{{arn: nodeRole, username: "system:node:{{EC2PrivateDNSName}}", groups: []string{"system:bootstrappers", "system:nodes"}}}}
	for range 1 + d.IntN(3) {
		canonical := pick(d, principals)
		l := line{arn: canonical, username: pick(d, usernames[:soundUsernames]), groups: []string{pick(d, groupNames[:soundGroups])}}
		switch {
		case canonical == nodeRole:
		case strings.Contains(canonical, ":role/"):
			doc.roles = append(doc.roles, l)
		default:
			doc.users = append(doc.users, l)
		}
	}
	return doc
}

// edit changes a document in one or two places.
func (d dice) edit(old document) document {
	doc := document{slicesClone(old.roles), slicesClone(old.users), slicesClone(old.accounts), old.flow}
	for range 1 + d.IntN(2) {
		d.change(&doc)
	}
	return doc
}

func slicesClone[T any](s []T) []T { return append([]T(nil), s...) }

func (d dice) change(doc *document) {
	list := &doc.roles
	if d.oneIn(3) {
		list = &doc.users
	}
	switch n := d.IntN(9); {
	case n < 2 || len(*list) == 0:
		at := d.IntN(len(*list) + 1)
		*list = append((*list)[:at:at], append([]line{d.line()}, (*list)[at:]...)...)
	case n == 2:
		at := d.IntN(len(*list))
		*list = append((*list)[:at:at], (*list)[at+1:]...)
	case n == 3:
		(*list)[d.IntN(len(*list))].username = d.username()
	case n == 4:
		(*list)[d.IntN(len(*list))].groups = d.groups()
	case n == 5: // the same principal once more, perhaps in another letter case
		l := pick(d, *list)
		l.username = d.username()
		if d.oneIn(2) {
			l.arn = strings.ToUpper(l.arn)
		}
		*list = append(*list, l)
	case n == 6:
		l := &(*list)[d.IntN(len(*list))]
		l.arn = d.arn(l.arn)
	case n == 7:
		doc.accounts = append(doc.accounts, pick(d, []string{draw.Account, "444455556666", "1111"}))
	default:
		doc.accounts = nil
	}
}

// text writes a document down; mangled: with one character too many or too few somewhere.
func (d dice) text(doc document, mangled bool) map[string]string {
	data := map[string]string{awsauth.MapRoles: d.list("rolearn", doc.roles, doc.flow), awsauth.MapUsers: d.list("userarn", doc.users, doc.flow)}
	if len(doc.accounts) > 0 {
		data[awsauth.MapAccounts] = ""
		for _, a := range doc.accounts {
			data[awsauth.MapAccounts] += "- \"" + a + "\"\n"
		}
	}
	if len(doc.users) == 0 {
		delete(data, awsauth.MapUsers)
	}
	if !mangled {
		return data
	}
	key := pick(d, awsauth.Keys)
	if data[key] == "" {
		key = awsauth.MapRoles
	}
	if d.oneIn(12) {
		data[strings.ToLower(key)] = data[key]
		delete(data, key)
		return data
	}
	data[key] = d.mangle(data[key])
	return data
}

func (d dice) mangle(s string) string {
	runes := []rune(s)
	at := d.IntN(len(runes) + 1)
	switch d.IntN(4) {
	case 0:
		return string(runes[:at]) + string(runes[min(at+1+d.IntN(2), len(runes)):])
	case 1: // the indentation of a line
		lines := strings.SplitAfter(s, "\n")
		i := d.IntN(len(lines))
		lines[i] = pick(d, []string{"\t", " ", "  ", "\u00a0", "# "}) + lines[i]
		return strings.Join(lines, "")
	case 2:
		lines := strings.SplitAfter(s, "\n")
		i := d.IntN(len(lines))
		return strings.Join(append(lines[:i:i], lines[min(i+1, len(lines)):]...), "")
	}
	return string(runes[:at]) + pick(d, mangles) + string(runes[at:])
}

func (d dice) list(key string, lines []line, flow bool) string {
	var b strings.Builder
	for _, l := range lines {
		switch {
		case l.bare:
			fmt.Fprintf(&b, "- %s: %s\n", key, quote(l.arn))
		case flow:
			quoted := []string{}
			for _, g := range l.groups {
				quoted = append(quoted, quote(g))
			}
			fmt.Fprintf(&b, "- {%s: %s, username: %s, groups: [%s]}\n", key, quote(l.arn), quote(l.username), strings.Join(quoted, ", "))
		default:
			fmt.Fprintf(&b, "- %s: %s\n  username: %s\n  groups:%s\n", key, quote(l.arn), quote(l.username), map[bool]string{true: " []"}[len(l.groups) == 0])
			for _, g := range l.groups {
				fmt.Fprintf(&b, "  - %s\n", quote(g))
			}
		}
	}
	return b.String()
}

// quote writes a YAML string: as it is where that is the same.
func quote(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(":/-.@_+=", r) && (r < '0' || r > '9' || len(s) < 13)
	})
	if plain && s[0] >= 'a' && s[0] <= 'z' && s[len(s)-1] != ':' && s != "yes" && s != "off" {
		return s
	}
	return fmt.Sprintf("%q", s)
}

// sessions are the names that roles are assumed under.
var sessions = []string{"alice", "bob@example.com", instance, "SessionNameRaw", "nodes"}

// who are all that sign in: every principal, roles under several session names.
func (d dice) who() []eks.Principal {
	var all []eks.Principal
	for _, arn := range principals {
		if !strings.Contains(arn, ":role/") {
			all = append(all, eks.Principal{ARN: arn})
			continue
		}
		session := pick(d, sessions)
		all = append(all, eks.Principal{ARN: arn, Session: session})
		if session != instance && d.oneIn(2) {
			all = append(all, eks.Principal{ARN: arn, Session: instance})
		}
	}
	return append(all, node)
}
