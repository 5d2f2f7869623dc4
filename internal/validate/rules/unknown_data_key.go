package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var unknownDataKey = &rule.Rule{
	ID: "AA103", Name: "unknown-data-key", Severity: rule.Error, Category: rule.Text,
	What: "a data key close to mapRoles, mapUsers or mapAccounts, and binaryData; any other extra key is a warning",
	Why:  "the keys are case-sensitive, and EKS ignores every other one: maproles is the same as no mapRoles",
	Bad:  goodNodes + "  mapusers: |\n" + goodUser, Good: goodNodes + "  mapUsers: |\n" + goodUser,
	Object: checkDataKeys,
}

func checkDataKeys(c *rule.ObjectContext) {
	for _, key := range slices.Sorted(maps.Keys(c.Object.Data)) {
		if slices.Contains(awsauth.Keys, key) {
			continue
		}
		f := rule.Finding{Subject: key, Severity: rule.Warning, Message: "data key " + phrase.Quote(key) + " is unknown to EKS",
			Why: "EKS reads only " + phrase.List(awsauth.Keys), Fix: "remove it, or move it to another ConfigMap"}
		if meant := meantKey(key); meant != "" {
			f.Severity = rule.Error
			f.Why, f.Fix = "EKS ignores everything in it without an error", "write "+meant
			if _, there := c.Object.Data[meant]; there {
				f.Fix = "move its entries to " + meant + ", which is there too, and delete it"
			}
		}
		c.Report(rule.AtKey(key, key), f)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Object.BinaryData)) {
		at := rule.AtKey(key, key)
		at.Field = "binaryData." + key
		c.Report(at, rule.Finding{Subject: "binary " + key, Message: "binary data key " + phrase.Quote(key) + " is unknown to EKS",
			Why: "EKS ignores binaryData without an error", Fix: "write it as text under data"})
	}
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
