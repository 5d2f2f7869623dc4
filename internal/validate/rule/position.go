package rule

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// Position is where a finding is: a field of the object, its place inside the text of a data key, and what is written there.
type Position struct {
	Field   string
	DataKey string
	awsauth.Place
	Value string
	// principal and entry are what is there.
	principal, entry string
}

// At is a field of an entry, such as "username" or "groups[1]"; "" is the entry itself.
func At(e *awsauth.Entry, field string, t awsauth.Text) Position {
	return Position{Field: e.Path(field), DataKey: e.DataKey, Place: t.Place, Value: t.Value, principal: e.Subject(), entry: e.Path("")}
}

// AtGroup is one of an entry's groups.
func AtGroup(e *awsauth.Entry, i int) Position {
	return At(e, fmt.Sprintf("groups[%d]", i), e.Groups[i])
}

// AtUsername is the username of an entry.
func AtUsername(e *awsauth.Entry) Position { return At(e, "username", e.Username) }

// AtARN is the rolearn or userarn of an entry.
func AtARN(e *awsauth.Entry) Position { return At(e, awsauth.ARNField(e.DataKey), e.ARN) }

// AtAccount is an item of mapAccounts.
func AtAccount(i int, account awsauth.Text) Position {
	return Position{Field: fmt.Sprintf("data.%s[%d]", awsauth.MapAccounts, i), DataKey: awsauth.MapAccounts, Place: account.Place, Value: account.Value}
}

// AtKey is a whole data key, without a place in its text.
func AtKey(key, value string) Position {
	return Position{Field: "data." + key, DataKey: key, Value: value}
}

// AtField is a field of the ConfigMap around the text.
func AtField(field, value string) Position { return Position{Field: field, Value: value} }

// Of says which principal a position without an entry is about.
func (p Position) Of(principal string) Position {
	p.principal = principal
	return p
}

// finding fills in what the position says.
func (p Position) finding(r *Rule, f Finding) Finding {
	f.Rule, f.Name, f.Category = r.ID, r.Name, r.Category
	if f.Severity == "" {
		f.Severity = r.Severity
	}
	f.Field, f.DataKey, f.Line, f.Column = p.Field, p.DataKey, p.Line, p.Column
	f.Value, f.Principal, f.Entry = phrase.Redact(p.Value), p.principal, p.entry
	return f
}

// AtProblem is where the reader found a problem.
func AtProblem(p awsauth.Problem) Position {
	at := Position{Field: p.Field, DataKey: p.DataKey, Place: p.Place, Value: p.Value, principal: p.Entry}
	if end := strings.IndexByte(p.Field, ']'); end >= 0 {
		at.entry = p.Field[:end+1]
	}
	return at
}
