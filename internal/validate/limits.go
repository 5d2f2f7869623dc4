package validate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
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

var limitFamily = family{
	edit: checkLimits,
	rules: []Rule{
		{ID: "AA110", Name: "oversized", Severity: Error,
			What: "a username or group of more than 1,024 bytes, an entry with more than 1,000 groups or with more than 64 KiB of names; a warning for more than 200 groups, and for more than 256 KiB of data",
			Why:  "the username and all groups of a mapping go with every request that is made by it, into the API server's caches and headers and into every event of the audit log, which may be dropped if it is too large",
			Bad:  strings.Replace(goodNodesAndCI, "username: ci", "username: "+strings.Repeat("ci-", 342), 1), Good: goodNodesAndCI},
	},
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

// checkLimits compares sizes. What was as large before is no new fault, so that an edit which makes it smaller is allowed however large
// it still is.
func checkLimits(p *pass) {
	if p.new == nil {
		return
	}
	before := map[string]size{}
	for _, e := range p.new.doc.Entries() {
		s := sizeOf(e)
		if s.groups <= manyGroups && s.names <= maxName {
			continue // and so no name of it is too long
		}
		f, large := oversized(e, s)
		if !large {
			continue
		}
		if len(before) == 0 && p.old != nil {
			for _, o := range p.old.doc.Entries() {
				was := sizeOf(o)
				has := before[o.Subject()]
				before[o.Subject()] = size{max(was.groups, has.groups), max(was.names, has.names), max(was.longest, has.longest)}
			}
		}
		was, there := before[e.Subject()]
		f.Preexisting = there && s.within(was)
		p.report("AA110", f)
	}
	data := dataSize(p.new)
	if data <= largeData {
		return
	}
	p.report("AA110", Finding{Severity: Warning, Field: "data", subject: "data", Preexisting: p.old != nil && data <= dataSize(p.old),
		Message: fmt.Sprintf("the object holds %s of data", kib(data)), Why: "and from " + kib(largeData) + " on kubectl apply cannot write it; from 1,024 KiB on nobody can add an entry",
		Fix: "remove unused entries and comments; map one role that people assume instead of each user"})
}

// oversized says what is too large about an entry, if anything is.
func oversized(e *awsauth.Entry, s size) (f Finding, large bool) {
	f = Finding{DataKey: e.DataKey, entry: e.Subject(), Why: "and every request by this entry and every event of the audit log has it", Fix: "write a shorter name"}
	long := func(field, what string, t awsauth.Text) (Finding, bool) {
		f.Field, f.Line, f.Column, f.subject = e.Path(field), t.Line, t.Column, "name"
		f.Value = redact(t.Value)
		f.Message = fmt.Sprintf("%s of %s has %s bytes, and the limit is %s: %s", what, q(e.ARN.Value), thousands(len(t.Value)), thousands(maxName), q(t.Value))
		return f, true
	}
	if len(e.Username.Value) > maxName {
		return long("username", "the username", e.Username)
	}
	for i, g := range e.Groups {
		if len(g.Value) > maxName {
			return long("groups["+strconv.Itoa(i)+"]", "a group", g)
		}
	}
	at := e.Place
	if len(e.Groups) > 0 {
		at = e.Groups[0].Place
	}
	f.Field, f.Line, f.Column, f.subject = e.Path("groups"), at.Line, at.Column, "groups"
	f.Fix = "bind the rights to one group, and leave the others out"
	switch {
	case s.groups > maxGroups:
		f.Message = fmt.Sprintf("%s has %s groups, and the limit is %s", q(e.ARN.Value), thousands(s.groups), thousands(maxGroups))
	case s.names > maxNames:
		f.Message = fmt.Sprintf("the username and groups of %s can come to %s together, and the limit is %s", q(e.ARN.Value), kib(s.names), kib(maxNames))
	case s.groups > manyGroups:
		f.Severity = Warning
		f.Message = fmt.Sprintf("%s has %d groups, more than %d", q(e.ARN.Value), s.groups, manyGroups)
	default:
		return Finding{}, false
	}
	f.Why = "and every request by this entry and every event of the audit log has all of them"
	return f, true
}

// dataSize is how much the API server counts of an object (k8s.io/kubernetes, ValidateConfigMap).
func dataSize(s *state) int {
	n := 0
	for _, v := range s.object.Data {
		n += len(v)
	}
	for _, v := range s.object.BinaryData {
		n += len(v)
	}
	return n
}

func kib(n int) string { return thousands((n+1023)>>10) + " KiB" }

// thousands writes a number with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
