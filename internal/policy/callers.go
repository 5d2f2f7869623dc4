package policy

import "slices"

// Masters is the group that the API server lets do everything, without asking RBAC.
const Masters = "system:masters"

// Callers are named by username or by one of their groups.
type Callers struct {
	Usernames, Groups []string
}

// Empty says that nobody is named.
func (c Callers) Empty() bool { return len(c.Usernames) == 0 && len(c.Groups) == 0 }

// Has says whether a caller is among them.
func (c Callers) Has(username string, groups []string) bool {
	return slices.Contains(c.Usernames, username) ||
		slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(c.Groups, g) })
}

// PrivilegedGroups are the groups that need an approval: their members can do everything, or are never denied by the
// guard, or may add those who can.
func (p *Policy) PrivilegedGroups() []string {
	return distinct([]string{Masters}, p.Privileged.Groups, p.BreakGlass.Groups, p.Privileged.Approvers.Groups)
}

// PrivilegedUsernames are the usernames that need an approval, for what this policy lets them do.
func (p *Policy) PrivilegedUsernames() []string {
	return distinct(p.Exempt.Usernames, p.Privileged.Approvers.Usernames)
}

func distinct(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// NeverDenies reports that the requests of a caller are never denied, and why: "exempt" for a username, "break-glass" for a group. The API
// server's match conditions send such requests to the witness webhook, by the same lists.
func (p *Policy) NeverDenies(username string, groups []string) (why string, ok bool) {
	if slices.Contains(p.Exempt.Usernames, username) {
		return "exempt", true
	}
	if (Callers{Groups: p.BreakGlass.Groups}).Has(username, groups) {
		return "break-glass", true
	}
	return "", false
}
