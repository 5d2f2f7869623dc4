package awsauth

import (
	"slices"
	"strconv"
	"strings"
)

// The data keys that EKS reads. They are case-sensitive; every other key is ignored.
const (
	MapRoles    = "mapRoles"
	MapUsers    = "mapUsers"
	MapAccounts = "mapAccounts"
)

// Keys are the data keys in the order in which EKS looks through them.
var Keys = []string{MapRoles, MapUsers, MapAccounts}

// Place is the position of something: a line and a column inside the value of a data key, both from 1, the column in
// characters. Line 0: nowhere in the text.
type Place struct {
	DataKey      string
	Line, Column int
}

// Text is a string with its place.
type Text struct {
	Place
	Value string
}

// Entry is one item of mapRoles or mapUsers. ARN, Username and Groups are what EKS reads, whatever the text looks
// like; a place that is not known is that of the item.
type Entry struct {
	Place
	Index    int
	ARN      Text // rolearn or userarn; Value "" if EKS drops the item
	Username Text
	Groups   []Text
	// SSO is set if the item has an sso block, which never matches on EKS.
	SSO *SSO
	// Recovered says that EKS reads nothing of the value, and that this is what the item seems to say.
	Recovered bool
	// name is what the problems with the item call it, "" where its text could not be read.
	name string
	// mapped is set once the document is read.
	mapped *mapped

	// lenient is what the lenient reading has instead, if it is something else.
	lenient *decodedItem
	// source is the text of the item, if the same text is the same entry in another list; see Reparse.
	source chunk
}

// mapped is whom an entry is about, taken from its ARN once.
type mapped struct {
	arn          ARN
	err          error
	key, subject string
}

func newMapped(arn string) *mapped {
	m := &mapped{key: Key(arn), subject: Subject(arn)}
	m.arn, m.err = ParseARN(arn)
	return m
}

// Principal is ParseARN of the entry's ARN.
func (e *Entry) Principal() (ARN, error) { return e.mapped.arn, e.mapped.err }

// Subject is Subject of the entry's ARN.
func (e *Entry) Subject() string { return e.mapped.subject }

// Key is Key of the entry's ARN.
func (e *Entry) Key() string { return e.mapped.key }

// Name is the entry's Subject, also where EKS keeps no ARN of it but the text has one; see Problem.Entry.
func (e *Entry) Name() string {
	if e.name != "" {
		return e.name
	}
	return Subject(e.ARN.Value)
}

// Templated reports that there is a {{ in the username or in a group.
func (e *Entry) Templated() bool {
	return strings.Contains(e.Username.Value, "{{") ||
		slices.ContainsFunc(e.Groups, func(g Text) bool { return strings.Contains(g.Value, "{{") })
}

// SSO is an sso block: Place is that of its first field.
type SSO struct {
	Place
	PermissionSetName, AccountID, Partition string
}

// GroupNames are the groups without their places.
func (e *Entry) GroupNames() []string {
	names := make([]string, len(e.Groups))
	for i, g := range e.Groups {
		names[i] = g.Value
	}
	return names
}

// Path names the item, or one of its fields: data.mapRoles[2].rolearn.
func (e *Entry) Path(field string) string { return fieldPath(e.DataKey, e.Index, field) }

func fieldPath(key string, index int, field string) string {
	p := "data." + key + "[" + strconv.Itoa(index) + "]"
	if field != "" {
		p += "." + field
	}
	return p
}

// ARNField is the field that holds an entry's ARN under a data key.
func ARNField(key string) string {
	if key == MapUsers {
		return "userarn"
	}
	return "rolearn"
}

// Subject names an entry by what stays the same while it is repaired: its ARN as EKS would compare it, without
// blanks, path or letter case.
func Subject(arn string) string {
	arn = strings.TrimSpace(arn)
	if a, err := ParseARN(arn); err == nil {
		return Key(a.Canonical())
	}
	return Key(arn)
}

// Document is a parsed aws-auth.
type Document struct {
	Roles, Users []Entry
	Accounts     []Text
	// Unreadable holds the data keys of which EKS reads nothing at all.
	Unreadable map[string]bool
	// Unread holds those of which the lenient reading keeps nothing either.
	Unread map[string]bool
	// Complained holds those about which EKS's parser complains, of YAML, of a type or of an item without an ARN, whether or
	// not it keeps something.
	Complained map[string]bool

	entries []*Entry
	// data is what the document was read from, and problems what was found; see Reparse.
	data     map[string]string
	problems []Problem
}

// Entries are the items of mapRoles and then of mapUsers, as EKS looks through them, for reading only.
func (d *Document) Entries() []*Entry { return d.entries }

// list makes the entries, once all are read.
func (d *Document) list() {
	d.entries = make([]*Entry, 0, len(d.Roles)+len(d.Users))
	for _, of := range [][]Entry{d.Roles, d.Users} {
		for i := range of {
			e := &of[i]
			if e.mapped == nil { // it is not taken over
				e.mapped = newMapped(e.ARN.Value)
			}
			d.entries = append(d.entries, e)
		}
	}
}
