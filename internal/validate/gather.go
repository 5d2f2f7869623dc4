package validate

import (
	"context"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rules"
)

// gather reads both versions, and collects everything else that the rules may know. Nothing is asked after it but the
// authorizer (MayGrant).
func (v *Validator) gather(ctx context.Context, req Request) rule.EditContext {
	edit := rule.EditContext{Operation: req.Operation, User: req.User, MayGrant: privilege.Asking(ctx, v.ports.Grants, req.User)}
	edit.Old, edit.New = v.read(req)
	edit.Policy, edit.Now = v.policy, v.now()
	edit.Privileges = privilege.NewResolver(v.policy, v.ports.Privileges, edit.Now)
	edit.Fleet = v.fleet()
	edit.Partition = v.partition(edit)
	edit.Claims = nodes.Claims(edit.Old.Text(), edit.New.Text(), edit.Fleet.Ignored())
	edit.Grants = edit.Privileges.Compare(edit.Old.Text(), edit.New.Text())
	forNodes := nodesEdit(edit)
	if v.ports.Principals != nil && edit.New != nil {
		if self, ok := v.ports.Principals.Self(); ok {
			edit.Account = self.Account
		}
		asker := principal.Asker{Username: req.User.Username, DryRun: req.DryRun}
		edit.IAM = principal.Ask(ctx, v.ports.Principals, asker, append(v.toAsk(edit), forNodes.MayBeDeleted()...), v.shows(req.User))
	}
	edit.Losses = sync.OnceValue(func() nodes.Losses { return forNodes.Losses(edit.IAM.Missing) })
	return edit
}

// fleet is what is known of the running nodes; nil if nobody looks for them.
func (v *Validator) fleet() *nodes.View {
	if v.ports.Fleet == nil {
		return nil
	}
	if view := v.ports.Fleet.View(); view != nil {
		return view
	}
	return &nodes.View{} // no view yet is not the same as no fleet
}

// nodesEdit is the edit as package nodes looks at it.
func nodesEdit(edit rule.EditContext) nodes.Edit {
	e := nodes.Edit{View: edit.Fleet, Now: edit.Now, Old: edit.Old.Access(), New: edit.New.Access(),
		MatchesNobody: func(entry *awsauth.Entry) bool { return rules.MatchesNobody(entry, edit.Partition) }}
	if edit.New != nil {
		e.Unreadable = edit.New.Unreadable[awsauth.MapRoles]
	}
	return e
}

// read reads both versions of the object; nil for the one that is not there. Most of an edit is written as it was, and as it
// was in the edit before.
func (v *Validator) read(req Request) (old, updated *rule.Version) {
	last := v.last.Load()
	version := func(cm *corev1.ConfigMap) *rule.Version {
		if cm == nil {
			return nil
		}
		last = awsauth.Read(last, cm.Data)
		return &rule.Version{Version: last, Object: cm, Counted: last.Restored}
	}
	old, updated = version(req.Old), version(req.New)
	v.last.Store(last)
	if old != nil {
		old.Counted = old.InForce
		if updated != nil && len(updated.Unreadable) > 0 && !rule.ReadsLess(old, updated) {
			updated.Counted = updated.InForce
		}
	}
	return old, updated
}

// partition is the cluster's own, or "" if nothing shows it: the policy says so, or the guard's identity, or the caller's, who has
// just authenticated; or the node roles, which are always in the cluster's own account.
func (v *Validator) partition(edit rule.EditContext) string {
	if v.policy.Partition != "" {
		return v.policy.Partition
	}
	if v.ports.Principals != nil {
		if self, ok := v.ports.Principals.Self(); ok && self.Partition != "" {
			return self.Partition
		}
	}
	if a, err := awsauth.ParseARN(principal.CallerARN(edit.User)); err == nil {
		return a.Partition
	}
	return nodes.Partition(edit.Old.Text(), edit.New.Text())
}

// toAsk are the principals to ask IAM about: those that the edit brings, and the roles that become nodes'.
func (v *Validator) toAsk(edit rule.EditContext) []awsauth.ARN {
	var arns []awsauth.ARN
	for _, e := range principal.Brought(edit.Old.Text(), edit.New.Version) {
		a, _ := awsauth.ParseARN(principal.MeantBy(e)) // what is brought is one
		arns = append(arns, a)
	}
	for _, c := range edit.Claims {
		a, err := awsauth.ParseARN(c.Canonical)
		if err == nil && !v.policy.NodeRole(c.Canonical) && principal.Askable(a) {
			arns = append(arns, a)
		}
	}
	return arns
}

// shows says of which accounts a message may name principals that are not in the edit. Those who may edit aws-auth may see
// those of the guard's own account. On the command line IAM is asked with the reader's own credentials, so all may be shown.
func (v *Validator) shows(user authenticationv1.UserInfo) func(account string) bool {
	if user.Username == "" && len(user.Groups) == 0 {
		return func(string) bool { return true }
	}
	self, known := v.ports.Principals.Self()
	all := policy.Callers(v.policy.IAM.SuggestOtherAccounts).Has(user.Username, user.Groups)
	return func(account string) bool { return all || known && self.Account == account }
}
