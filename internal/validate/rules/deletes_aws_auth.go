package rules

import (
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var deletesAWSAuth = &rule.Rule{
	ID: "AA501", Name: "deletes-aws-auth", Severity: rule.Error, Category: rule.Loss,
	What: "deleting aws-auth, by itself, with all ConfigMaps of kube-system, or by removing the last finalizer while it is being deleted; another edit of the mappings while it is being deleted is a warning",
	Why:  "EKS forgets every mapping at once: all nodes and everyone but the cluster creator can no longer authenticate",
	Good: goodNodes,
	Edit: checkDeletion,
}

// writeAnew is the only way out, since nothing takes a deletion back.
const writeAnew = "save a copy, then ask a member of a break-glass group to remove the finalizer and to create aws-auth from the copy at once"

func checkDeletion(c *rule.EditContext) {
	switch {
	case c.Fleet.Ignored(): // AA508 says that there was nothing to lose
	case c.Operation == rule.Delete:
		reportDeletion(c)
	case c.Operation == rule.Update:
		checkPending(c)
	}
}

func reportDeletion(c *rule.EditContext) {
	at := rule.AtField("metadata.name", "aws-auth")
	f := rule.Finding{Subject: "delete", Message: "aws-auth is being deleted",
		Why: "EKS forgets every mapping at once: all nodes and everyone but the cluster creator can no longer authenticate",
		Fix: "edit it instead: kubectl edit configmap aws-auth -n kube-system (to replace it: kubectl replace, without --force)"}
	if cut := nodes.LostSets(c.Fleet, c.Old.Text(), c.New.Text(), c.Now); len(cut) > 0 {
		f.Why = "EKS forgets every mapping at once: everyone but the cluster creator can no longer authenticate, and neither can " +
			nodes.Count(cut) + ": " + nodes.Which(cut)
		f.Nodes = cut
	}
	if c.Finalized {
		at = rule.AtField("metadata.finalizers", strings.Join(c.Old.Object.Finalizers, " "))
		f.Message = "removing the last finalizer deletes aws-auth"
		f.Fix = "keep the finalizer; " + writeAnew
	}
	c.Report(at, f)
}

// checkPending speaks of an aws-auth that is being deleted and that a finalizer keeps: it works, until that is removed.
func checkPending(c *rule.EditContext) {
	deleted, kept := c.New.Object.DeletionTimestamp, c.New.Object.Finalizers
	if deleted == nil || len(kept) == 0 {
		return
	}
	at := rule.AtField("metadata.deletionTimestamp", deleted.UTC().Format(time.RFC3339))
	c.Report(at, rule.Finding{Severity: rule.Warning, Subject: "pending",
		Message: "aws-auth is being deleted and waits only for its finalizers: " + phrase.Bare(strings.Join(kept, ", ")),
		Why:     "EKS forgets every mapping at once when the last one is removed",
		Fix:     writeAnew})
}
