package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

func (l *accessList) text(width int) string {
	between := ","
	if width > 0 { // a reader, whose terminal may be too narrow for all in one line
		between = ", "
	}
	var rows [][]string
	for _, p := range l.Principals {
		rows = append(rows, []string{report.Visible(p.Principal), report.Visible(p.Username),
			orDash(strings.Join(p.Groups, between)), p.mark(), report.Visible(p.Place)})
	}
	for _, a := range l.Accounts {
		rows = append(rows, []string{"account " + report.Visible(a.Account), "its ARN", "-", "-", report.Visible(a.Place)})
	}
	var b strings.Builder
	if len(rows) > 0 {
		b.WriteString(table(width, []string{"PRINCIPAL", "USERNAME", "GROUPS", "PRIVILEGES", "LINE"}, rows))
	} else if len(l.Unreadable) == 0 {
		b.WriteString("nobody can authenticate by aws-auth\n")
	}
	sections := []string{l.privilegedText(width), l.unboundText(width), l.permissionsText(width), l.unreadableText(width)}
	for _, section := range sections {
		if section != "" && b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString(section)
	}
	return b.String()
}

// wide has all that is known of a principal in its line, whatever the width.
func (l *accessList) wide(int) string {
	var rows [][]string
	for _, p := range l.Principals {
		var ways []string
		for _, w := range p.Ways {
			ways = append(ways, w.String())
		}
		rows = append(rows, []string{report.Visible(p.Principal), report.Visible(p.Username),
			orDash(strings.Join(p.Groups, ",")), p.mark(), p.Sessions, orDash(strings.Join(p.Unbound, ",")),
			report.Visible(p.Place), orDash(strings.Join(ways, "; "))})
	}
	for _, a := range l.Accounts {
		rows = append(rows, []string{"account " + report.Visible(a.Account), "its ARN", "-", "-", "any", "-",
			report.Visible(a.Place), "-"})
	}
	header := []string{"PRINCIPAL", "USERNAME", "GROUPS", "PRIVILEGES", "SESSIONS", "UNBOUND GROUPS", "LINE", "BY"}
	return table(0, header, rows) + l.unreadableText(0)
}

func orDash(s string) string { return report.Visible(cmp.Or(s, "-")) }

// privilegedText says by what each privileged principal is.
func (l *accessList) privilegedText(width int) string {
	var b strings.Builder
	for _, p := range l.Principals {
		if len(p.Ways) == 0 {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("Equivalent to cluster-admin:\n")
		}
		fmt.Fprintf(&b, "  %s\n", report.Visible(p.Principal))
		for _, w := range p.Ways {
			b.WriteString(hanging(width, "    ", "      ", report.Visible(w.String())))
		}
	}
	return b.String()
}

// unboundText names those who can authenticate and have groups that allow nothing.
func (l *accessList) unboundText(width int) string {
	var b strings.Builder
	for _, p := range l.Principals {
		names := p.unboundNames()
		if names == "" {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("Nothing is bound by RBAC to:\n")
		}
		fmt.Fprintf(&b, "  %s\n", report.Visible(p.Principal))
		b.WriteString(hanging(width, "    ", "      ", report.Visible(names)))
	}
	return b.String()
}

// unreadableText says what is missing from the list.
func (l *accessList) unreadableText(width int) string {
	var b strings.Builder
	for _, u := range l.Unreadable {
		fmt.Fprintf(&b, "EKS cannot read %s, so nobody can authenticate by it:\n", u.Key)
		if u.Message == "" {
			continue
		}
		b.WriteString(hanging(width, "  ", "    ", report.Visible(u.Place+": "+u.Message)))
		b.WriteString(hanging(width, "    fix: ", "      ", report.Visible(u.Fix)))
	}
	return b.String()
}

// permissionsText is what to change in the policy.
func (l *accessList) permissionsText(width int) string {
	var b strings.Builder
	for _, p := range l.Permissions {
		if p.State == "used" {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("Check these in the policy:\n")
		}
		b.WriteString(hanging(width, "  ", "    ",
			fmt.Sprintf("line %d: %s of %s %s", p.Line, p.Kind, report.Visible(p.What), p.say())))
	}
	return b.String()
}

// say is the state of an approval or waiver in words.
func (p permissionRecord) say() string {
	switch {
	case p.State == "expired" && len(p.Used) > 0:
		return fmt.Sprintf("expired on %s, and is needed by %s", p.Expires, report.Visible(strings.Join(p.Used, ", ")))
	case p.State == "expired":
		return fmt.Sprintf("expired on %s, and nobody needs it", p.Expires)
	case p.State == "expiring":
		return "expires on " + p.Expires
	}
	return "is not used"
}
