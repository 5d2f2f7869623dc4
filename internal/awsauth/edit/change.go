package edit

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Entry is an entry to add to mapRoles or mapUsers.
type Entry struct {
	ARN, Username string
	Groups        []string
}

// Settings are what to set of an entry. What is nil stays as it is.
type Settings struct {
	Username *string
	// Groups are all that the entry shall have; Add and Remove change those that it has.
	Groups      *[]string
	Add, Remove []string
}

// Find returns the entries that an ARN names: those with this ARN, or else those of the same principal, which may be
// written with a path or as a session.
func Find(doc *awsauth.Document, arn string) []*awsauth.Entry {
	written := func(e *awsauth.Entry) bool { return e.ARN.Value != "" && e.Key() == awsauth.Key(arn) }
	same := func(e *awsauth.Entry) bool { return e.ARN.Value != "" && e.Subject() == awsauth.Subject(arn) }
	for _, named := range []func(*awsauth.Entry) bool{written, same} {
		var found []*awsauth.Entry
		for _, e := range doc.Entries() {
			if named(e) {
				found = append(found, e)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// Add adds an entry at the end of mapRoles or mapUsers.
func Add(data map[string]string, key string, e Entry) (map[string]string, error) {
	if err := legal(append([]string{e.ARN, e.Username}, e.Groups...)); err != nil {
		return nil, err
	}
	was, err := read(data, key)
	if err != nil {
		return nil, err
	}
	d, err := compose(data[key])
	if err != nil {
		return nil, unusual(key, err)
	}
	s := d.style(key)
	if s == nil {
		s = styleOfOther(data, key)
	}
	text, err := d.insert(func(flow bool) []string { return s.entry(key, e, flow) })
	if err != nil {
		return nil, unusual(key, err)
	}
	want := was.entries(key)
	return was.checked(key, text, append(want, meaning{e.ARN, e.Username, e.Groups, false}), e.ARN)
}

// styleOfOther is the style of the other list of mappings, or the usual one.
func styleOfOther(data map[string]string, key string) *style {
	other := awsauth.MapUsers
	if key == awsauth.MapUsers {
		other = awsauth.MapRoles
	}
	if d, err := compose(data[other]); err == nil {
		if s := d.style(other); s != nil && !s.flow {
			return s
		}
	}
	return usualStyle()
}

// Remove removes the entries that an ARN names; see Find.
func Remove(data map[string]string, arn string) (map[string]string, error) {
	doc, _ := awsauth.Parse(data)
	found := Find(doc, arn)
	for _, e := range slices.Backward(found) {
		was, err := read(data, e.DataKey)
		if err != nil {
			return nil, err
		}
		d, err := compose(data[e.DataKey])
		if err != nil {
			return nil, unusual(e.DataKey, err)
		}
		text, err := d.remove(e.Index)
		if err != nil {
			return nil, unusual(e.DataKey, err)
		}
		want := slices.Delete(was.entries(e.DataKey), e.Index, e.Index+1)
		if data, err = was.checked(e.DataKey, text, want, ""); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// Set changes the entry that an ARN names. There must be one, since it is not known which of several is meant.
func Set(data map[string]string, arn string, s Settings) (map[string]string, error) {
	doc, _ := awsauth.Parse(data)
	found := Find(doc, arn)
	if len(found) != 1 {
		return nil, fmt.Errorf("%d entries are for %s, want one", len(found), arn)
	}
	e := found[0]
	if s.Username != nil && *s.Username != e.Username.Value {
		if err := legal([]string{*s.Username}); err != nil {
			return nil, err
		}
		steps, change := []step{setUsername(*s.Username)}, func(m *meaning) { m.username = *s.Username }
		var err error
		if data, err = setEntry(data, e, steps, change); err != nil {
			return nil, err
		}
	}
	remove, add := s.groups(e.GroupNames())
	if len(remove) == 0 && len(add) == 0 {
		return data, nil
	}
	if err := legal(add); err != nil {
		return nil, err
	}
	var steps []step
	for _, g := range add {
		steps = append(steps, addGroup(g))
	}
	for _, g := range e.GroupNames() {
		if slices.Contains(remove, g) {
			steps = append(steps, removeGroup(g))
		}
	}
	return setEntry(data, e, steps, func(m *meaning) {
		m.groups = slices.DeleteFunc(m.groups, func(g string) bool { return slices.Contains(remove, g) })
		m.groups = append(m.groups, add...)
	})
}

// groups are those to remove from an entry that has some, and those to add. Their order makes no difference.
func (s Settings) groups(has []string) (remove, add []string) {
	wanted := slices.Clone(has)
	if s.Groups != nil {
		wanted = *s.Groups
	}
	wanted = slices.Concat(wanted, s.Add)
	wanted = slices.DeleteFunc(wanted, func(g string) bool { return slices.Contains(s.Remove, g) })
	for _, g := range has {
		if !slices.Contains(wanted, g) && !slices.Contains(remove, g) {
			remove = append(remove, g)
		}
	}
	for _, g := range wanted {
		if !slices.Contains(has, g) && !slices.Contains(add, g) {
			add = append(add, g)
		}
	}
	return remove, add
}

// AddAccount adds an account to mapAccounts.
func AddAccount(data map[string]string, id string) (map[string]string, error) {
	const key = awsauth.MapAccounts
	if err := legal([]string{id}); err != nil {
		return nil, err
	}
	was, err := read(data, key)
	if err != nil {
		return nil, err
	}
	d, err := compose(data[key])
	if err != nil {
		return nil, unusual(key, err)
	}
	indent, quote := d.accountStyle()
	text, err := d.insert(func(flow bool) []string {
		if flow {
			return []string{scalar(id, quote, true)}
		}
		return []string{indent + "- " + scalar(id, quote, false)}
	})
	if err != nil {
		return nil, unusual(key, err)
	}
	return was.checkedAccounts(text, append(was.accounts(), id))
}

// RemoveAccount removes an account from mapAccounts, as often as it is there.
func RemoveAccount(data map[string]string, id string) (map[string]string, error) {
	const key = awsauth.MapAccounts
	for {
		was, err := read(data, key)
		if err != nil {
			return nil, err
		}
		accounts := was.accounts()
		i := slices.Index(accounts, id)
		if i < 0 {
			return data, nil
		}
		d, err := compose(data[key])
		if err != nil {
			return nil, unusual(key, err)
		}
		text, err := d.remove(i)
		if err != nil {
			return nil, unusual(key, err)
		}
		if data, err = was.checkedAccounts(text, slices.Delete(accounts, i, i+1)); err != nil {
			return nil, err
		}
	}
}

// legal is an error for texts that nobody means: those with what a reader does not see, and no text at all.
func legal(texts []string) error {
	for _, s := range texts {
		if s == "" {
			return errors.New(`"" is no name of a group or a user`)
		}
		if !utf8.ValidString(s) {
			return fmt.Errorf("%q is not UTF-8 text", s)
		}
		for _, r := range s {
			if !unicode.IsPrint(r) {
				return fmt.Errorf("%q has a character that cannot be seen (%U): type it again without", s, r)
			}
		}
	}
	return nil
}

// with is data with another text for a key.
func with(data map[string]string, key, text string) map[string]string {
	out := maps.Clone(data)
	if out == nil {
		out = map[string]string{}
	}
	out[key] = text
	return out
}
