package baseline

import "github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"

// markCounted marks what the old version had as well. The same thing twice where it was once is new the second
// time: worse than before is new.
func markCounted(found, old []rule.Finding, continues map[string]string) {
	had := map[string]int{}
	for _, f := range old {
		had[f.Key()]++
	}
	for i := range found {
		f := &found[i]
		if f.AlwaysNew {
			continue
		}
		keys := []string{f.Key()}
		if before, ok := continues[f.Principal]; ok && f.Principal != "" && treatments[f.Category].renamed {
			// A difference that grants something names its principal, and so stays new.
			renamed := *f
			renamed.Principal = before
			keys = append(keys, renamed.Key())
		}
		for _, k := range keys {
			if had[k] > 0 {
				had[k]--
				f.Preexisting = true
				break
			}
		}
	}
}
