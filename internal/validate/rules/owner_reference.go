package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var ownerReference = &rule.Rule{
	ID: "AA111", Name: "owner-reference", Severity: rule.Error, Category: rule.Object,
	What: "an object that owns aws-auth (metadata.ownerReferences)",
	Why:  "the garbage collector deletes aws-auth when its owners are gone or were never there, and tries again until nothing denies it: then everyone is locked out",
	Bad: `metadata:
  ownerReferences:
    - apiVersion: apps/v1
      kind: Deployment
      name: platform
      uid: 3f1b6a52-6f0e-4c55-9d0c-2d5f8a0b7c11
` + goodNodes, Good: goodNodes,
	Object: checkOwners,
}

func checkOwners(c *rule.ObjectContext) {
	said := map[rule.Owner]bool{} // an owner that is listed twice is one
	for i, o := range c.Object.OwnerReferences {
		owner := rule.OwnerOf(o)
		if said[owner] {
			continue
		}
		said[owner] = true
		value := strings.Join(owner[:], " ")
		c.Report(rule.AtField(fmt.Sprintf("metadata.ownerReferences[%d]", i), value), rule.Finding{Subject: strings.Join(owner[:], "\x00"),
			Message: phrase.Bare(o.Kind) + " " + phrase.Quote(o.Name) + " owns aws-auth", Why: "the garbage collector deletes aws-auth when that object is gone or was never there",
			Fix: "remove metadata.ownerReferences"})
	}
}
