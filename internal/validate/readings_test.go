package validate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// oddTexts are texts that EKS reads, in both of its readings alike, and other YAML parsers do not: ODD is the odd item, fixed
// the item as it should be, tail the text behind the list.
var oddTexts = map[string]struct{ odd, fixed, tail string }{
	"comment behind a bracket": {
		odd:   "- rolearn: ODD\n  username: x\n  groups: [viewers]# team x\n",
		fixed: "- rolearn: ODD\n  username: x\n  groups: [viewers] # team x\n",
	},
	"comment behind quotes": {
		odd:   "- rolearn: ODD\n  username: \"x\"# team x\n  groups: [viewers]\n",
		fixed: "- rolearn: ODD\n  username: \"x\"\n  groups: [viewers]\n",
	},
	"comment behind an ARN": {
		odd:   "- rolearn: 'ODD'#team x\n  username: x\n  groups:\n  - viewers\n",
		fixed: "- rolearn: 'ODD' #team x\n  username: x\n  groups:\n  - viewers\n",
	},
	"comment behind braces": {
		odd:   "- {rolearn: ODD, username: x, groups: [viewers]}# e\n",
		fixed: "- {rolearn: ODD, username: x, groups: [viewers]}\n",
	},
	"two such comments": {
		odd:   "- rolearn: \"ODD\"# x\n  username: 'x'# y\n  groups: [viewers]\n",
		fixed: "- rolearn: \"ODD\"\n  username: 'x'\n  groups: [viewers]\n",
	},
	"a dash in braces": {
		odd:   "- {rolearn: ODD, groups: [viewers], username: -}\n",
		fixed: "- {rolearn: ODD, groups: [viewers], username: \"-\"}\n",
	},
	"a colon in braces": {
		odd:   "- {rolearn: ODD, groups: [viewers], username: a:}\n",
		fixed: "- {rolearn: ODD, groups: [viewers], username: \"a:\"}\n",
	},
	"text behind the end": {
		odd:   "- rolearn: ODD\n  username: x\n  groups: [viewers]\n",
		fixed: "- rolearn: ODD\n  username: x\n  groups: [viewers]\n",
		tail:  "...\n@@@\n",
	},
	"a list behind the end": {
		odd:   "- rolearn: ODD\n  username: x\n  groups: [viewers]\n",
		fixed: "- rolearn: ODD\n  username: x\n  groups: [viewers]\n",
		tail:  "...\n- {rolearn: 'arn:aws:iam::111122223333:role/z', username: z, groups: [system:masters]}\n",
	},
	"a tab behind ---": {
		odd:   "- rolearn: ODD\n  username: x\n  groups: [viewers]\n",
		fixed: "- rolearn: ODD\n  username: x\n  groups: [viewers]\n",
		tail:  "---\n\t@\n",
	},
	"colons behind ---": {
		odd:   "- rolearn: ODD\n  username: x\n  groups: [viewers]\n",
		fixed: "- rolearn: ODD\n  username: x\n  groups: [viewers]\n",
		tail:  "---\n- a: b: c\n",
	},
}

const oddARN = "arn:aws:iam::111122223333:role/odd"

// misread are items that EKS's two readings take differently: instead of the node item, or of ci's.
var misread = map[string]struct{ nodes, ci string }{
	"masters under groups, others under groupſ": {ci: item("  groups: [system:masters]") + "  groupſ: [deployers]\n"},
	"masters under groups, others under Groups": {ci: item("  groups: [system:masters]") + "  Groups: [deployers]\n"},
	"others under groups, masters under GROUPS": {ci: item() + "  GROUPS: [system:masters]\n"},
	"another username":                          {ci: item() + "  USERNAME: other\n"},
	"another ARN":                               {ci: item() + "  RoleARN: arn:aws:iam::111122223333:role/other\n"},
	"an admin's ARN for one reading":            {ci: item("  groups: [viewers]") + "  rolearN: " + oddARN + "\n"},
	"a number for a username":                   {ci: item("  username: 7")},
	"a number for a group":                      {ci: item("  groups: [7]")},
	"the nodes under ROLEARN":                   {nodes: strings.Replace(nodeRole, "rolearn", "ROLEARN", 1)},
	"the nodes' groups under Groups":            {nodes: strings.Replace(nodeRole, "groups", "Groups", 1)},
	"the nodes' groups under groupſ":            {nodes: strings.Replace(nodeRole, "groups", "groupſ", 1)},
	"the nodes' username under userName":        {nodes: strings.Replace(nodeRole, "username", "userName", 1)},
}

// sameInBoth fails the test unless both readings take what is admitted alike.
func sameInBoth(t *testing.T, what, text string) {
	t.Helper()
	for way, read := range map[string]reading{"strict": strict, "lenient": lenient} {
		if diff := agree(roles0(text), read); diff != "" {
			t.Errorf("%s: %q is allowed, but the %s reading differs: %s", what, text, way, diff)
		}
	}
}

// TestOddTexts: where a text is odd already, no edit brings in what EKS's two readings take differently, and all others are
// allowed.
func TestOddTexts(t *testing.T) {
	v := validator(t, "partition: aws\n")
	for name, o := range oddTexts {
		odd, fixed := strings.ReplaceAll(o.odd, "ODD", oddARN), strings.ReplaceAll(o.fixed, "ODD", oddARN)
		old := nodeRole + odd + item() + o.tail
		for _, read := range []reading{strict, lenient} {
			if diff := agree(roles0(old), read); diff != "" {
				t.Fatalf("%s: EKS reads it otherwise: %s", name, diff)
			}
		}
		created := create(v, roles0(old))
		if created.Allowed {
			t.Errorf("%s: can be created", name)
		}
		if s := sentences(created); strings.Contains(s, "EKS reads nothing") {
			t.Errorf("%s: EKS reads it, and we say: %s", name, s)
		}
		for what, m := range misread {
			updated := nodeRole + odd + m.ci + o.tail
			if m.nodes != "" {
				updated = m.nodes + odd + item() + o.tail
			}
			if rep := step(v, roles0(old), roles0(updated)); rep.Allowed {
				t.Errorf("%s, then %s: allowed%s", name, what, findingsOf(rep))
			}
		}
		// The odd item itself is changed, and stays odd.
		for what, changed := range map[string]string{
			"masters under groups":     strings.Replace(odd, "viewers", "system:masters", 1),
			"one more key":             strings.TrimSuffix(strings.Replace(odd, "}", ", GROUPS: [a]}", 1), "\n") + "\n" + map[bool]string{false: "  GROUPS: [a]\n"}[strings.Contains(odd, "}")],
			"a look-alike of a key":    strings.Replace(odd, "groups", "groupſ", 1),
			"a key in capitals":        strings.Replace(odd, "rolearn", "RoleArn", 1),
			"the same kind once again": odd + strings.ReplaceAll(o.odd, "ODD", oddARN+"2"),
		} {
			if o.tail != "" && what == "the same kind once again" {
				continue // that is another role
			}
			if rep := step(v, roles0(old), roles0(nodeRole+changed+item()+o.tail)); rep.Allowed {
				t.Errorf("%s, then %s in it: %q is allowed%s", name, what, changed, findingsOf(rep))
			}
		}
		other := item("- rolearn: arn:aws:iam::111122223333:role/cd")
		for what, updated := range map[string]string{
			"nothing":               old,
			"a comment first":       "# our roles ⚠️\n" + old,
			"another item":          nodeRole + odd + item() + other + o.tail,
			"another item first":    other + old,
			"another item between":  nodeRole + odd + other + item() + o.tail,
			"another group":         nodeRole + odd + item("  groups: [deployers, viewers]") + o.tail,
			"an item goes":          nodeRole + odd + o.tail,
			"the odd item is fixed": nodeRole + fixed + item(),
			"the odd item goes":     nodeRole + item(),
			"the order":             nodeRole + item() + odd + o.tail,
		} {
			if o.tail == "" && strings.Contains(what, "odd item") {
				sameInBoth(t, name+", "+what, updated)
			}
			if rep := step(v, roles0(old), roles0(updated)); !rep.Allowed {
				t.Errorf("%s, then %s: denied:\n%s", name, what, sentences(rep))
			}
		}
		rep := step(v, roles0(old), roles0(nodeRole+fixed+item()))
		if len(rep.Findings) > 0 {
			t.Errorf("%s, fixed: %s", name, findingsOf(rep))
		}
	}
}

// TestMisreadAlready: an item that the two readings take differently is known, and may be fixed or removed; but what one of
// them takes from it is not changed.
func TestMisreadAlready(t *testing.T) {
	v := validator(t, "partition: aws\n")
	for name, c := range map[string]struct{ old, updated string }{
		"masters for the lenient reading": {
			old:     item() + "  groupſ: [viewers]\n",
			updated: item("  groups: [system:masters]") + "  groupſ: [viewers]\n",
		},
		"a username for it": {
			old:     item() + "  uſername: cd\n",
			updated: item("  username: ce") + "  uſername: cd\n",
		},
		"another number": {
			old:     item("  username: 7"),
			updated: item("  username: 8"),
		},
		"its groups for another principal": {
			old:     item("  groups: [a]") + "  groupſ: [viewers]\n",
			updated: item("- rolearn: "+adminRole, "  groups: [a]") + "  groupſ: [viewers]\n",
		},
		"a path goes, and it grants to the role": {
			old:     item("- rolearn: arn:aws:iam::111122223333:role/x/ci") + "  groupſ: [viewers]\n",
			updated: item() + "  groupſ: [viewers]\n",
		},
		"the strict one reads the nodes' groups": {
			old:     nodesUnder("groups") + "  GROUPS: [system:nodes, system:bootstrappers]\n",
			updated: nodesUnder("grups") + "  GROUPS: [system:nodes, system:bootstrappers]\n",
		},
		"the strict one loses the nodes' groups": {
			old:     nodesUnder("groups"),
			updated: nodesUnder("groups") + "  groupſ: []\n",
		},
		"hidden behind --- until now": {
			old:     "---\n" + item("  groups: [a]") + "  groupſ: [viewers]\n",
			updated: item("  groups: [a]") + "  groupſ: [viewers]\n",
		},
		"hidden in a comment, in a broken value": {
			old:     "# groups: [a]\n# groupſ: [viewers]\n---\n- x\n",
			updated: item("  groups: [a]") + "  groupſ: [viewers]\n---\n- x\n",
		},
		"an item like it for another principal": {
			old:     item() + "  groupſ: [viewers]\n",
			updated: item() + "  groupſ: [viewers]\n" + item("- rolearn: "+oddARN) + "  groupſ: [viewers]\n",
		},
		"a second difference of the same item": {
			old:     item() + "  USERNAME: cd\n",
			updated: item() + "  USERNAME: cd\n  GROUPS: [a]\n",
		},
		"both readings swap": {
			old:     item("  groups: [a]") + "  groupſ: [b]\n",
			updated: item("  groups: [b]") + "  groupſ: [a]\n",
		},
		"the same, where an alias is the reason": {
			old: "- rolearn: &a " + oddARN + "\n  username: x\n  groups: []\n" +
				item("  username: *a"),
			updated: "- rolearn: &a " + oddARN + "\n  username: x\n  groups: []\n" +
				item("  username: *a") + "  GROUPS: [a]\n",
		},
		"the same, where an unknown field is not": {
			old:     item() + "  note: x\n",
			updated: item() + "  note: x\n  GROUPS: [a]\n",
		},
	} {
		old := nodeRole + c.old
		if rep := step(v, roles0(old), roles0(nodeRole+c.updated)); rep.Allowed {
			t.Errorf("%s: %q is allowed%s", name, c.updated, findingsOf(rep))
		}
		if strings.Contains(c.old, "---") {
			continue
		}
		for what, updated := range map[string]string{
			"nothing":      old,
			"another item": old + item("- rolearn: arn:aws:iam::111122223333:role/cd"),
			"a comment":    "# a\n" + old,
			"it goes":      nodeRole + "- rolearn: " + oddARN + "\n  username: x\n  groups: []\n",
		} {
			if rep := step(v, roles0(old), roles0(updated)); !rep.Allowed && !strings.Contains(c.old, "system:nodes") {
				t.Errorf("%s, then %s: denied:\n%s", name, what, sentences(rep))
			}
		}
	}
}

// nodesUnder is another node item with its groups under a key.
func nodesUnder(key string) string {
	return strings.Replace(strings.Replace(nodeRole, "groups:", key+":", 1), "role/nodes", "role/others", 1)
}

// TestMisreadUsers: in mapUsers even the ARN has a letter that looks like another.
func TestMisreadUsers(t *testing.T) {
	v := validator(t, "partition: aws\n")
	users := func(text string) map[string]string {
		return map[string]string{awsauth.MapRoles: nodeRole, awsauth.MapUsers: strings.ReplaceAll(text, "USER", "arn:aws:iam::111122223333:user/")}
	}
	both := func(one, other, groups string) map[string]string {
		return users("- userarn: USER" + one + "\n  uſerarn: USER" + other + "\n  username: x\n  groups: [" + groups + "]\n")
	}
	old := both("jane", "john", "viewers")
	roles, lenientUsers, _, _ := lenient(old)
	_, strictUsers, _, _ := strict(old)
	if len(roles) != 1 || lenientUsers[0].arn == strictUsers[0].arn {
		t.Fatalf("read as %q and %q", lenientUsers, strictUsers)
	}
	for what, updated := range map[string]map[string]string{
		"another for the lenient reading": both("mallory", "john", "viewers"),
		"another for the strict reading":  both("jane", "mallory", "viewers"),
		"another group":                   both("jane", "john", "deployers"),
		"one more group":                  both("jane", "john", "viewers, deployers"),
		"both swap":                       both("john", "jane", "viewers"),
	} {
		if rep := step(v, old, updated); rep.Allowed {
			t.Errorf("%s: allowed%s", what, findingsOf(rep))
		}
	}
	for what, updated := range map[string]map[string]string{
		"nothing": old, "the keys of the item change places": users("- uſerarn: USERjohn\n  userarn: USERjane\n  username: x\n  groups: [viewers]\n"),
		"one of the two stays": users("- userarn: USERjane\n  username: x\n  groups: [viewers]\n"), "it goes": {awsauth.MapRoles: nodeRole},
		"a group goes": both("jane", "john", ""),
	} {
		if rep := step(v, old, updated); !rep.Allowed {
			t.Errorf("%s: denied%s", what, findingsOf(rep))
		}
	}
	if rep := step(v, users(alice), old); rep.Allowed {
		t.Error("it is allowed where it was not")
	}
}

// TestLenientReading holds the second reading against the authenticator's structs, on the cases of what it keeps.
func TestLenientReading(t *testing.T) {
	for _, c := range readCases(t, "kept") {
		doc, problems := awsauth.Parse(c.new.Data)
		roles, users, _, err := lenient(c.new.Data)
		differs := slices.ContainsFunc(problems, func(p awsauth.Problem) bool { return p.Code == awsauth.TwoReadings })
		if same := slices.Equal(ours(doc.Roles), withARN(roles)) && slices.Equal(ours(doc.Users), withARN(users)); same || differs || err != nil {
			continue
		}
		t.Errorf("%s: the lenient reading has %q and %q, we have %q and %q and say nothing of it: %v", c.name, roles, users, ours(doc.Roles), ours(doc.Users), problems)
	}
}

func withARN(ids []identity) []identity {
	return slices.DeleteFunc(slices.Clone(ids), func(id identity) bool { return id.arn == "" })
}

// Of a megabyte of odd items, one can be changed anyway.
func TestManyOddItems(t *testing.T) {
	if testing.Short() {
		t.Skip("a second or two")
	}
	var b strings.Builder
	b.WriteString(nodeRole)
	for i := range 5000 {
		fmt.Fprintf(&b, "- rolearn: %s\n  username: team\n  groups: [viewers]# team %d\n", roleKey(fmt.Sprint("team-", i)), i)
		fmt.Fprintf(&b, "- {rolearn: '%s', groups: [], username: -}\n", roleKey(fmt.Sprint("r", i)))
	}
	v := validator(t, "")
	started := cpuTime(t)
	rep := step(v, roles0(b.String()), roles0(b.String()+item()))
	if !rep.Allowed {
		t.Errorf("denied: %s", rep.Findings[0].Sentence())
	}
	if rep := step(v, roles0(b.String()), roles0(b.String()+item()+"  GROUPS: [a]\n")); rep.Allowed {
		t.Error("allowed")
	}
	took := cpuTime(t) - started
	t.Logf("%v of CPU", took)
	if took > maxCPU {
		t.Errorf("want at most %v", maxCPU)
	}
}
