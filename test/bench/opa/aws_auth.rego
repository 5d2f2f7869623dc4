# What the guard checks, as far as Rego can say it: one rule of Rego for a rule of docs/rules.md, under the same id. It is
# what the guard is measured against, and written to be fast: each value is parsed once, every look-up is by key, and a
# re-apply is allowed without a look.
#
# As with the guard, what the old object had already is no reason to refuse. The answer is an AdmissionReview: OPA serves
# it at /.
#
# What it cannot say: it sees what YAML became, not the text. So of AA102 it knows some marks in the text, and
# neither keys that appear twice nor yes, 1234 and null as they were written. It has no lines and columns and no fixes.
# It reads the keys of an entry as they are spelt, and EKS does not: TestBypass, beside the benchmark, shows what slips past.
package system

main := {
	"apiVersion": "admission.k8s.io/v1",
	"kind": "AdmissionReview",
	"response": response,
}

response := {"uid": input.request.uid, "allowed": true} if {
	count(refusals) == 0
} else := {
	"uid": input.request.uid,
	"allowed": false,
	"status": {"code": 422, "reason": "Invalid", "message": concat("\n", sort(refusals))},
}

partition := "aws"

approved := {"arn:aws:iam::111122223333:role/admin": {"system:masters"}}

whole_accounts := set()

fields := {
	"mapRoles": {"rolearn", "username", "groups"},
	"mapUsers": {"userarn", "username", "groups"},
}

arn_fields := {"mapRoles": "rolearn", "mapUsers": "userarn"}

kinds := {"mapRoles": "role", "mapUsers": "user"}

well_formed := {
	"mapRoles": `^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@-]{1,64}$`,
	"mapUsers": `^arn:aws[a-z-]*:iam::[0-9]{12}:user/([\x21-\x7e]{1,511}/)?[\w+=,.@-]{1,64}$`,
}

node_templates := {"system:node:{{EC2PrivateDNSName}}", "system:node:{{SessionName}}"}

node_groups := {"system:bootstrappers", "system:nodes"}

near_misses := {"system:master", "system:node", "system:bootstrapper", "system:boostrappers", "system-masters", "systems:masters"}

# What parsers read differently, or a reader does not see: merge keys, anchors and aliases, tags, a second document, a byte
# order mark, zero-width and bidirectional characters.
marks := {"<<:", ": &", "- &", ": *", "- *", "!!", "\n---", "\ufeff", "\u200b", "\u200c", "\u200d", "\u2060", "\u202e"}

# --- the two objects ---

objects := {"old": input.request.oldObject, "new": input.request.object}

content[version] := object.get(object.get(objects, version, null), "data", {}) if some version in ["old", "new"]

values[version][key] := yaml.unmarshal(text) if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers", "mapAccounts"]
	text := content[version][key]
}

# The entries that can be read. Comprehensions, here and below: a rule that adds to an object or a set one by one takes the
# square of the time.
entries[version] := [entry |
	some key in ["mapRoles", "mapUsers"]
	some item in values[version][key]
	is_object(item)
	arn := item[arn_fields[key]]
	is_string(arn)
	entry := {"key": key, "arn": arn, "subject": lower(arn), "username": object.get(item, "username", ""), "groups": groups_of(item)}
] if {
	some version in ["old", "new"]
}

groups_of(item) := {g | some g in item.groups; is_string(g)} if {
	is_array(item.groups)
} else := set()

# Who is in which group, by principal and group.
grants[version] := {[entry.subject, group] |
	some entry in entries[version]
	some group in entry.groups
} if {
	some version in ["old", "new"]
}

# The principals, each once.
subjects[version] := {entry.subject | some entry in entries[version]} if {
	some version in ["old", "new"]
}

# --- what is refused ---

refusals contains message if {
	input.request.operation == "DELETE"
	message := "AA501 deletes-aws-auth: aws-auth is being deleted"
}

refusals contains message if {
	changed
	some finding in object.get(findings, "new", set()) - object.get(findings, "old", set())
	message := sprintf("%s: %s: %v", finding)
}

refusals contains message if {
	changed
	some message in steps
}

default changed := false

changed if {
	input.request.operation != "DELETE"
	not same
}

same if content.new == content.old

# --- what is wrong with a version: its rule, its subject, its words ---

findings[version] contains ["AA101", key, "not one well-formed YAML document"] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers", "mapAccounts"]
	content[version][key]
	not values[version][key]
	trim_space(content[version][key]) != ""
}

findings[version] contains ["AA102", key, mark] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers", "mapAccounts"]
	some mark in marks
	contains(content[version][key], mark)
}

findings[version] contains ["AA103", key, "EKS ignores this key"] if {
	some version in ["old", "new"]
	some key, _ in content[version]
	lower(key) in {"maproles", "mapusers", "mapaccounts", "maprole", "mapuser", "mapaccount"}
	not key in {"mapRoles", "mapUsers", "mapAccounts"}
}

findings[version] contains ["AA104", key, "not a list"] if {
	some version in ["old", "new"]
	some key, value in values[version]
	not is_array(value)
	value != null
}

findings[version] contains ["AA104", key, item] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers"]
	some item in values[version][key]
	not is_object(item)
}

findings[version] contains ["AA104", name(key, item), "groups is not a list of texts"] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers"]
	some item in values[version][key]
	item.groups != null
	not texts(item.groups)
}

texts(list) if {
	is_array(list)
	every one in list { is_string(one) }
}

findings[version] contains ["AA104", name(key, item), "username is not a text"] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers"]
	some item in values[version][key]
	item.username != null
	not is_string(item.username)
}

findings[version] contains ["AA105", name(key, item), field] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers"]
	some item in values[version][key]
	some field, _ in item
	not field in fields[key]
	field != "sso"
}

findings[version] contains ["AA106", i, "no ARN"] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers"]
	some i, item in values[version][key]
	is_object(item)
	not is_string(object.get(item, arn_fields[key], null))
	not item.sso
}

findings[version] contains ["AA106", name(key, item), "no username"] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers"]
	some item in values[version][key]
	is_object(item)
	object.get(item, "username", null) in {null, ""}
}

findings[version] contains ["AA107", entry.subject, group] if {
	some version in ["old", "new"]
	some entry in entries[version]
	some group in entry.groups
	suspicious(group)
}

suspicious(group) if contains(group, " ")

suspicious("")

suspicious(group) if group in near_misses

findings[version] contains ["AA108", subject, "mapped twice"] if {
	some version in ["old", "new"]
	count(entries[version]) > count(subjects[version])
	all := sort([entry.subject | some entry in entries[version]])
	some i, subject in all
	all[i + 1] == subject
}

findings[version] contains ["AA109", "immutable", true] if {
	some version in ["old", "new"]
	objects[version].immutable == true
}

findings[version] contains [id, entry.subject, words] if {
	some version in ["old", "new"]
	some entry in entries[version]
	not regex.match(well_formed[entry.key], entry.arn)
	[id, words] := wrong_arn(entry.key, entry.arn)
}

wrong_arn(key, arn) := ["AA203", "the path has to go"] if {
	key == "mapRoles"
	regex.match(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\x21-\x7e]+/[\w+=,.@-]{1,64}$`, arn)
} else := ["AA202", "matches nobody"] if {
	regex.match(`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(root$|(assumed-role|federated-user|instance-profile|group|policy|role|user)/)`, arn)
} else := ["AA201", "not the ARN of a role or user"]

findings[version] contains ["AA204", entry.subject, partition] if {
	some version in ["old", "new"]
	some entry in entries[version]
	startswith(entry.arn, "arn:")
	not startswith(entry.arn, sprintf("arn:%s:", [partition]))
}

findings[version] contains ["AA205", i, "an sso block"] if {
	some version in ["old", "new"]
	some key in ["mapRoles", "mapUsers"]
	some i, item in values[version][key]
	item.sso
}

findings[version] contains ["AA403", entry.subject, group] if {
	some version in ["old", "new"]
	some entry in entries[version]
	some group in entry.groups
	contains(group, "{{")
}

findings[version] contains ["AA404", entry.subject, entry.username] if {
	some version in ["old", "new"]
	some entry in entries[version]
	regex.match(`^(system|eks|aws|amazon|iam):`, entry.username)
	not entry.username in node_templates
}

findings[version] contains ["AA405", entry.subject, "a node's identity"] if {
	some version in ["old", "new"]
	some entry in entries[version]
	entry.key == "mapUsers"
	of_node(entry)
}

of_node(entry) if startswith(entry.username, "system:node:")

of_node(entry) if count(entry.groups & node_groups) > 0

findings[version] contains ["AA406", account, "the whole account"] if {
	some version in ["old", "new"]
	some account in values[version].mapAccounts
	not account in whole_accounts
}

findings[version] contains ["AA505", entry.subject, "not what a node needs"] if {
	some version in ["old", "new"]
	some entry in entries[version]
	of_node(entry)
	not works(entry)
}

works(entry) if {
	entry.username in node_templates
	count(node_groups - entry.groups) == 0
}

name(key, item) := lower(item[arn_fields[key]]) if {
	is_string(item[arn_fields[key]])
} else := key

# --- what is wrong with the step from the old version to the new one ---

steps contains sprintf("AA401 unapproved-grant: %s gets system:masters", [subject]) if {
	some [subject, "system:masters"] in grants.new - grants.old
	not "system:masters" in object.get(approved, subject, set())
}

nodes[version] contains entry.subject if {
	some version in ["old", "new"]
	some entry in entries[version]
	works(entry)
}

steps contains "AA502 empties-mappings: nobody is mapped" if {
	count(entries.new) == 0
	count(object.get(values, ["new", "mapAccounts"], [])) == 0
}

steps contains "AA503 cuts-live-nodes: the last node mapping goes" if {
	count(object.get(nodes, "old", set())) > 0
	count(object.get(nodes, "new", set())) == 0
}

caller := lower(input.request.userInfo.extra.canonicalArn[0])

steps contains sprintf("AA506 self-lockout: %s is who makes this request", [caller]) if {
	caller in subjects.old
	not caller in subjects.new
}
