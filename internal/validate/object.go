package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// objectFamily judges the ConfigMap around the text.
var objectFamily = family{
	state: checkObject,
	rules: []Rule{
		{ID: "AA103", Name: "unknown-data-key", Severity: Error,
			What: "a data key close to mapRoles, mapUsers or mapAccounts, and binaryData; any other extra key is a warning",
			Why:  "the keys are case-sensitive, and EKS ignores every other one: maproles is the same as no mapRoles",
			Bad:  goodNodes + "  mapusers: |\n" + goodUser, Good: goodNodes + "  mapUsers: |\n" + goodUser},
		{ID: "AA109", Name: "frozen", Severity: Error,
			What: "immutable: true",
			Why:  "no edit of aws-auth is possible ever after: only deleting it, which locks everybody out, undoes it",
			Bad:  "immutable: true\n" + goodNodes, Good: goodNodes},
		{ID: "AA111", Name: "owner-reference", Severity: Error,
			What: "an object that owns aws-auth (metadata.ownerReferences)",
			Why:  "the garbage collector deletes aws-auth when its owners are gone or were never there, and tries again until nothing denies it: then everybody is locked out",
			Bad: `metadata:
  ownerReferences:
    - apiVersion: apps/v1
      kind: Deployment
      name: platform
      uid: 3f1b6a52-6f0e-4c55-9d0c-2d5f8a0b7c11
` + goodNodes, Good: goodNodes},
	},
}

const goodUser = `    - userarn: arn:aws:iam::111122223333:user/alice
      username: alice
      groups: [viewers]
`

func checkObject(p *pass) {
	cm := p.at.object
	for _, key := range slices.Sorted(maps.Keys(cm.Data)) {
		if slices.Contains(awsauth.Keys, key) {
			continue
		}
		f := Finding{Field: "data." + key, DataKey: key, subject: key, Value: key}
		if meant := meantKey(key); meant != "" {
			f.Message, f.Why, f.Fix = q(key)+" is not a key that EKS reads", "and all that stands in it is ignored without an error", "write "+meant
		} else {
			f.Severity = Warning
			f.Message, f.Fix = q(key)+" is not a key that EKS reads", "remove it, or keep it in another ConfigMap; EKS reads "+list(awsauth.Keys)
		}
		p.report("AA103", f)
	}
	for _, key := range slices.Sorted(maps.Keys(cm.BinaryData)) {
		p.report("AA103", Finding{Field: "binaryData." + key, DataKey: key, subject: "binary " + key, Value: key,
			Message: "EKS does not read binaryData", Why: "and all that stands in it is ignored without an error", Fix: "write it as text under data"})
	}
	if cm.Immutable != nil && *cm.Immutable {
		p.report("AA109", Finding{Field: "immutable", subject: "immutable", Value: "true",
			Message: "immutable: true freezes aws-auth for good", Why: "and only deleting it, which locks everybody out, can ever change it", Fix: "remove immutable"})
	}
	said := map[[4]string]bool{} // an owner that is listed twice is one
	for i, o := range cm.OwnerReferences {
		known := ownerKey(o)
		if said[known] {
			continue
		}
		said[known] = true
		value := strings.Join(known[:], " ")
		p.report("AA111", Finding{Field: fmt.Sprintf("metadata.ownerReferences[%d]", i), subject: strings.Join(known[:], "\x00"), Value: redact(value),
			Message: q(value) + " owns aws-auth", Why: "and the garbage collector deletes aws-auth when that object is gone or was never there", Fix: "remove metadata.ownerReferences"})
	}
}

// ownerKey is by what the garbage collector knows an owner (k8s.io/kubernetes pkg/controller/garbagecollector, isDangling). With
// the same uid and another name, an object that is there is taken for one that is not. The fields controller and
// blockOwnerDeletion make no difference to the owned.
func ownerKey(o metav1.OwnerReference) [4]string {
	return [...]string{o.APIVersion, o.Kind, o.Name, string(o.UID)}
}

// unjoined takes out what the words of a key are joined by.
var unjoined = strings.NewReplacer("-", "", "_", "", ".", "", " ", "")

// meantKey is the data key that was probably meant, or "".
func meantKey(key string) string {
	folded := strings.ToLower(unjoined.Replace(key))
	for _, k := range awsauth.Keys {
		if levenshtein.Distance(folded, strings.ToLower(k), nil) <= 2 {
			return k
		}
	}
	return ""
}
