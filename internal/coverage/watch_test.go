package coverage

import (
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
)

// TestGapLog: what one look sees alone, as between the policy and the configuration of an upgrade, is not logged.
func TestGapLog(t *testing.T) {
	const none, lost, found = "", "not every edit of aws-auth is judged", "every edit of aws-auth is judged again"
	for name, c := range map[string]struct{ looks, want []string }{
		"nothing":                     {[]string{none, none, none}, nil},
		"an upgrade":                  {[]string{none, "a", none, none}, nil},
		"one upgrade after another":   {[]string{none, "a", "b", none, "c", none}, nil},
		"from the start":              {[]string{"a", "a", "a"}, []string{lost}},
		"and back":                    {[]string{none, "a", "a", none, none, none}, []string{lost, found}},
		"back for one look":           {[]string{none, "a", "a", none, "a", "a"}, []string{lost}},
		"something else":              {[]string{none, "a", "a", "b", "b"}, []string{lost, lost}},
		"something else for one look": {[]string{none, "a", "a", "b", "a", "a"}, []string{lost}},
	} {
		var got []string
		log := funcr.NewJSON(func(string) {}, funcr.Options{RenderArgsHook: func(kv []any) []any { return kv }, RenderBuiltinsHook: func(kv []any) []any {
			for i := 0; i+1 < len(kv); i += 2 {
				if kv[i] == "msg" {
					got = append(got, kv[i+1].(string))
				}
			}
			return kv
		}})
		var l gapLog
		for _, gap := range c.looks {
			gaps := []string{}
			if gap != none {
				gaps = append(gaps, gap)
			}
			l.look(log, gaps)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
