package firstpolicy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// addAccounts proposes the accounts whose principals aws-auth maps, but for the cluster's own: those of its nodes.
func (p *Proposal) addAccounts(c Cluster) {
	p.Accounts = kept(c.Policy.Accounts)
	p.refuseWholeAccounts(c)
	own, mapped := map[string]bool{}, map[string][]string{} // by account: those of nodes, and ARNs
	for _, id := range c.AWSAuth.Restored.Winners {
		arn, ok := principal(id.Canonical)
		if !ok {
			continue
		}
		a, _ := awsauth.ParseARN(arn) // it is one
		own[a.Account] = own[a.Account] || nodes.KindMeant(id) != nodes.None
		mapped[a.Account] = append(mapped[a.Account], arn)
	}
	accounts := slices.Sorted(maps.Keys(mapped))
	if !slices.ContainsFunc(accounts, func(id string) bool { return own[id] }) {
		if len(accounts) > 1 {
			p.Undecided = append(p.Undecided,
				"no node mapping shows which account is the cluster's; list the others of "+phrase.Few(accounts))
		}
		return
	}
	for _, id := range accounts {
		if _, listed := c.Policy.Account(id); !listed && !own[id] {
			p.Accounts = append(p.Accounts, Entry[policy.Account]{Value: policy.Account{ID: id, Trust: policy.Unchecked},
				Notes: []string{check + "aws-auth maps " + phrase.Few(mapped[id])}})
		}
	}
}

// refuseWholeAccounts names what mapAccounts lists and the policy does not allow. It gets no entry: that would be for
// principals too that are created later.
func (p *Proposal) refuseWholeAccounts(c Cluster) {
	for _, id := range slices.Sorted(maps.Keys(c.AWSAuth.Restored.Accounts)) {
		if known, listed := c.Policy.Account(id); listed && known.MapAccounts {
			continue
		}
		p.Undecided = append(p.Undecided, fmt.Sprintf("mapAccounts lists account %s, so every role and user in it can "+
			"authenticate; map those that need access and remove it, or set mapAccounts: true for the account",
			phrase.Quote(id)))
	}
}
