package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// The username and the groups of a mapping go with every request that is made by it: the API server keeps them in its cache of tokens,
// compares every group with every subject of every binding, sends them on to extension API servers as one header a group
// (k8s.io/apiserver, authentication request headers), and writes them into every event of the audit log.
const (
	// maxName bounds a username and a group. A node's name has 253 characters at most (RFC 1123), an IAM user's ARN with its
	// longest path some 640.
	maxName = 1024
	// maxGroups and maxNames bound what a mapping gives. An audit log that may cut events drops those which are larger than 100 KiB
	// without the request and the answer (k8s.io/apiserver plugin/pkg/audit/truncate, and its default), so that nothing is kept of
	// what such a caller does. Go's servers take 1 MiB of headers (net/http, DefaultMaxHeaderBytes).
	maxGroups = 1000
	maxNames  = 64 << 10
	// manyGroups is worth a warning: identity providers list no more (Microsoft Entra ID, the groups claim of a token).
	manyGroups = 200
	// largeData is what kubectl apply can still handle: it keeps the whole object in an annotation, and annotations may have
	// 256 KiB (k8s.io/apimachinery, TotalAnnotationSizeLimitB). The API server takes 1 MiB of data (ValidateConfigMap).
	largeData = 256 << 10
)

var oversized = &rule.Rule{
	ID: "AA110", Name: "oversized", Severity: rule.Error, Category: rule.Object,
	What: "a username or group of more than 1,024 bytes, an entry with more than 1,000 groups or with more than 64 KiB of names; a warning for more than 200 groups, and for more than 256 KiB of data",
	Why:  "the username and all groups of a mapping go with every request that is made by it, into the API server's caches and headers and into every event of the audit log, which may be dropped if it is too large",
	Bad:  strings.Replace(goodNodesAndCI, "username: ci", "username: "+strings.Repeat("ci-", 342), 1), Good: goodNodesAndCI,
	Edit: checkSizes,
}

// checkSizes compares sizes. What was as large before is no new fault, so that an edit which makes it smaller is allowed however large
// it still is.
func checkSizes(c *rule.EditContext) {
	if c.New == nil {
		return
	}
	var before map[string]size
	for _, e := range c.New.Entries() {
		s := sizeOf(e)
		at, f, large := tooLarge(e, s)
		if !large {
			continue
		}
		if before == nil {
			before = largest(c.Old)
		}
		was, there := before[e.Subject()]
		f.Preexisting = there && s.within(was)
		c.Report(at, f)
	}
	data := rule.DataSize(c.New.Object)
	if data <= largeData {
		return
	}
	c.Report(rule.AtField("data", ""), rule.Finding{Severity: rule.Warning, Subject: "data", Preexisting: c.Old != nil && data <= rule.DataSize(c.Old.Object),
		Message: "aws-auth holds " + phrase.KiB(data) + " of data",
		Why:     "from " + phrase.KiB(largeData) + " on kubectl apply cannot write it; from 1,024 KiB on nobody can add an entry",
		Fix:     "remove unused entries and comments; map one role that people assume instead of each user"})
}

// largest is how large the entries of each principal are, by their subject.
func largest(v *rule.Version) map[string]size {
	sizes := map[string]size{}
	if v == nil {
		return sizes
	}
	for _, e := range v.Entries() {
		was, has := sizeOf(e), sizes[e.Subject()]
		sizes[e.Subject()] = size{max(was.groups, has.groups), max(was.names, has.names), max(was.longest, has.longest)}
	}
	return sizes
}

// tooLarge says what is too large about an entry, if anything is.
func tooLarge(e *awsauth.Entry, s size) (at rule.Position, f rule.Finding, large bool) {
	switch {
	case s.groups <= manyGroups && s.names <= maxName: // and so no name of it is too long
		return at, f, false
	case s.longest > maxName:
		at, f = longName(e)
		return at, f, true
	}
	at = rule.At(e, "groups", awsauth.Text{Place: e.Place})
	if len(e.Groups) > 0 {
		at.Place = e.Groups[0].Place
	}
	f = rule.Finding{Subject: "groups", Why: "each request by this entry and each event of the audit log has all of them",
		Fix: "keep one group that has the bindings, and remove the others"}
	arn := named(e)
	switch {
	case s.groups > maxGroups:
		f.Message = arn + " has " + phrase.Thousands(s.groups) + " groups, and the limit is " + phrase.Thousands(maxGroups)
	case s.names > maxNames:
		f.Message = "the username and groups of " + arn + " can come to " + phrase.KiB(s.names) + " together, and the limit is " + phrase.KiB(maxNames)
	case s.groups > manyGroups:
		f.Severity = rule.Warning
		f.Message = fmt.Sprintf("%s has %d groups, more than %d", arn, s.groups, manyGroups)
	default:
		return at, f, false
	}
	return at, f, true
}

// longName is about the first name of an entry that is too long.
func longName(e *awsauth.Entry) (rule.Position, rule.Finding) {
	at, what := rule.AtUsername(e), "the username"
	if len(e.Username.Value) <= maxName {
		i := slices.IndexFunc(e.Groups, func(g awsauth.Text) bool { return len(g.Value) > maxName })
		at, what = rule.AtGroup(e, i), "a group"
	}
	return at, rule.Finding{Subject: "name", Why: "each request by this entry and each event of the audit log has it", Fix: "write a shorter name",
		Message: fmt.Sprintf("%s of %s has %s bytes, and the limit is %s: %s", what, named(e), phrase.Thousands(len(at.Value)),
			phrase.Thousands(maxName), phrase.Quote(at.Value))}
}

// size is how large an entry is: how many groups it has, the bytes of its username and groups once their templates are rendered, and
// of the longest of them as it is written.
type size struct{ groups, names, longest int }

func sizeOf(e *awsauth.Entry) size {
	s := size{groups: len(e.Groups), names: rendered(e.Username.Value), longest: len(e.Username.Value)}
	for _, g := range e.GroupNames() {
		s.names += rendered(g)
		s.longest = max(s.longest, len(g))
	}
	return s
}

// rendered is how long a name can become: a session name has 64 characters at most (AWS STS, AssumeRole).
func rendered(s string) int { return len(s) + 64*strings.Count(s, "{{") }

// within reports that an entry is no larger in any way.
func (s size) within(o size) bool {
	return s.groups <= o.groups && s.names <= o.names && s.longest <= o.longest
}
