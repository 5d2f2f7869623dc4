package validate_test

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestAwoken: an entry that gave its principal nothing, since its ARN matched nobody or another entry won, and gives it something
// after the edit. What it gives is new, whether it is written out or a template.
func TestAwoken(t *testing.T) {
	v := validator(t, "partition: aws\nprivileged: {groups: [ops]}\nbreakGlass: {groups: [break-glass]}\n")
	const role = "arn:aws:iam::111122223333:role/dev"
	for _, given := range []string{
		"  username: dev\n  groups: [ops]\n", "  username: dev\n  groups: ['o{{SessionName}}']\n", "  username: dev\n  groups: [viewers, 'break-{{SessionNameRaw}}']\n",
		"  username: eks:node-manager\n  groups: []\n", "  username: eks:other\n  groups: []\n", "  username: system:kube-scheduler\n  groups: []\n", "  username: 'eks:{{SessionName}}'\n  groups: []\n",
		"  username: '{{SessionName}}s'\n  groups: ['system:{{SessionName}}']\n",
	} {
		asleep, wins := "- rolearn: "+strings.ToUpper(role[:3])+role[3:]+"\n"+given, "- rolearn: "+role+"\n  username: carl\n  groups: [viewers]\n"
		for how, old := range map[string]string{
			"the winner goes":     asleep + wins,
			"they change places":  asleep + wins,
			"a path goes":         strings.Replace(asleep, "role/dev", "role/team/dev", 1),
			"a blank goes":        "- rolearn: '" + role + " '\n" + given,
			"the winner is spent": asleep + wins,
		} {
			updated := asleep
			switch how {
			case "they change places":
				updated = wins + asleep
			case "the winner is spent":
				updated = asleep + strings.Replace(wins, "dev", "cd", 1)
			}
			if rep := step(v, roles0(nodeRole+old), roles0(nodeRole+updated)); rep.Allowed {
				t.Errorf("%s: %q is allowed%s", how, given, findingsOf(rep))
			}
			if strings.Contains(how, "path") || strings.Contains(how, "blank") {
				continue
			}
			for what, updated := range map[string]string{"an entry besides": old + item(), "it goes": wins} {
				if rep := step(v, roles0(nodeRole+old), roles0(nodeRole+updated)); !rep.Allowed {
					t.Errorf("%q, %s: denied%s", given, what, findingsOf(rep))
				}
			}
		}
		// What gave it before goes on to.
		for how, updated := range map[string]string{"a duplicate goes": asleep, "an entry besides": wins + asleep + item()} {
			if rep := step(v, roles0(nodeRole+wins+asleep), roles0(nodeRole+updated)); !rep.Allowed {
				t.Errorf("%q, %s: denied%s", given, how, findingsOf(rep))
			}
		}
	}
}

// TestAwokenReading: an item that EKS's two readings take differently counts only since the edit.
func TestAwokenReading(t *testing.T) {
	v := validator(t, "partition: aws\n")
	odd, wins := strings.Replace(nodesUnder("groups"), "username", "Username", 1), strings.Replace(nodesUnder("groups"), "EC2PrivateDNSName", "SessionName", 1)
	for what, updated := range map[string]string{"they change places": nodeRole + wins + odd, "the winner goes": nodeRole + odd} {
		if rep := step(v, roles0(nodeRole+odd+wins), roles0(updated)); rep.Allowed {
			t.Errorf("%s: allowed%s", what, findingsOf(rep))
		}
	}
	for what, updated := range map[string]string{"it goes": nodeRole + wins, "an entry besides": nodeRole + odd + wins + item()} {
		if rep := step(v, roles0(nodeRole+odd+wins), roles0(updated)); !rep.Allowed {
			t.Errorf("%s: denied%s", what, findingsOf(rep))
		}
	}
}

// TestUnreadMakesUpForNothing: what is in a value that EKS cannot read, before the edit and after it, keeps no node and no caller,
// and keeps nobody from what mapAccounts gives.
func TestUnreadMakesUpForNothing(t *testing.T) {
	const broken = "\n---\n\t@: [\n"
	asUsers := strings.ReplaceAll(nodeRole, "rolearn", "userarn")
	bot := "- userarn: arn:aws:iam::111122223333:user/bot\n  username: carl\n  groups: [viewers]\n"
	unread := func(text string) string { return text + "- {userarn: [\n" }
	fleet := validate.WithPorts(validate.Ports{Fleet: fleetPort{view()}})
	for name, v := range map[string]*validate.Validator{"no fleet": validator(t, "partition: aws\n"), "the fleet": validator(t, "partition: aws\n", fleet)} {
		old := map[string]string{awsauth.MapRoles: nodeRole + item(), awsauth.MapUsers: unread(asUsers)}
		if rep := step(v, old, map[string]string{awsauth.MapRoles: item(), awsauth.MapUsers: unread(asUsers)}); rep.Allowed {
			t.Errorf("%s: the nodes go%s", name, findingsOf(rep))
		}
		if rep := step(v, old, map[string]string{awsauth.MapRoles: nodeRole + item() + item("- rolearn: "+oddARN), awsauth.MapUsers: unread(asUsers)}); !rep.Allowed {
			t.Errorf("%s, an entry besides: denied%s", name, findingsOf(rep))
		}
		old = map[string]string{awsauth.MapRoles: unread(nodeRole + item()), awsauth.MapUsers: asUsers}
		if rep := step(v, old, map[string]string{awsauth.MapRoles: unread(nodeRole + item())}); rep.Allowed {
			t.Errorf("%s: the nodes go, which mapUsers maps%s", name, findingsOf(rep))
		}
		// An entry that matches nobody is no node's.
		if name == "the fleet" {
			blank := strings.Replace(strings.Replace(nodeRole, "rolearn: ", "rolearn: '", 1), "role/nodes", "role/nodes '", 1)
			if rep := step(v, roles0(nodeRole+blank), roles0(nodeRole)); !rep.Allowed {
				t.Errorf("%s, an ARN with a blank goes: denied%s", name, findingsOf(rep))
			}
		}
		// The lenient reading alone can read it: a key that is null.
		lenientOnly := "- &a : \n"
		old = map[string]string{awsauth.MapRoles: lenientOnly + nodeRole + item()}
		if doc, _ := awsauth.Parse(old); !doc.Unreadable[awsauth.MapRoles] || doc.Unread[awsauth.MapRoles] {
			t.Fatal("the text is not as it should be")
		}
		if rep := step(v, old, roles0(lenientOnly+item())); rep.Allowed {
			t.Errorf("%s: the nodes go, in the lenient reading%s", name, findingsOf(rep))
		}
		if rep := step(v, old, roles0(lenientOnly+nodeRole+item()+broken)); rep.Allowed {
			t.Errorf("%s: the lenient reading cannot read it any more%s", name, findingsOf(rep))
		}
		for what, updated := range map[string]string{"it is fixed": nodeRole + item(), "an entry besides": lenientOnly + nodeRole + item() + item("- rolearn: "+oddARN)} {
			if rep := step(v, old, roles0(updated)); !rep.Allowed {
				t.Errorf("%s, %s: denied%s", name, what, findingsOf(rep))
			}
		}
	}
	v := validator(t, "partition: aws\naccounts: [{id: \"111122223333\", mapAccounts: true}]\nexempt: {usernames: [\"arn:aws:iam::111122223333:user/bot\"]}\n")
	with := func(users string) map[string]string {
		return map[string]string{awsauth.MapRoles: nodeRole + strings.ReplaceAll(bot, "userarn", "rolearn") + "- {rolearn: [\n", awsauth.MapUsers: users, awsauth.MapAccounts: "- \"111122223333\"\n"}
	}
	if rep := step(v, with(bot), with("[]")); rep.Allowed {
		t.Errorf("the entry by which somebody has another username than an exempt one goes: allowed%s", findingsOf(rep))
	}
	// A caller whose other entry is in such a value.
	v = validator(t, "partition: aws\n")
	me := authenticationv1.UserInfo{Username: "carl", Groups: []string{"viewers"}, Extra: map[string]authenticationv1.ExtraValue{"canonicalArn": {"arn:aws:iam::111122223333:user/bot"}}}
	old := map[string]string{awsauth.MapRoles: nodeRole + strings.ReplaceAll(bot, "userarn", "rolearn"), awsauth.MapUsers: unread(bot)}
	h := handout{old: old, new: map[string]string{awsauth.MapRoles: nodeRole, awsauth.MapUsers: unread(bot)}}
	if rep := h.judge(t, v, me); rep.Allowed {
		t.Errorf("a caller removes its own entry: allowed%s", findingsOf(rep))
	}
}
