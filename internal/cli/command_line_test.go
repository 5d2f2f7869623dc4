package cli

import "testing"

// What to type instead is about the cluster that was named, as whom it was asked, and by what was judged. Flags that the
// command to type does not have, and those of the change itself, are left out.
func TestCommandLine(t *testing.T) {
	root := newRoot()
	set, _, err := root.Find([]string{"set"})
	if err != nil {
		t.Fatal(err)
	}
	if err := set.ParseFlags([]string{"--context", "prod eu", "--as", "on-call", "--as-group=a", "--as-group=b", "--kubeconfig", "k",
		"--dry-run", "--add-group", "x", "--policy", "live", "--fleet", "off"}); err != nil {
		t.Fatal(err)
	}
	const cluster = " --context 'prod eu' --as on-call --as-group a --as-group b --kubeconfig k"
	for want, words := range map[string][]string{
		"kubectl awsauth edit" + cluster + " --policy live --fleet off":                {"edit"},
		"kubectl awsauth add user a:b" + cluster + " --policy live --fleet off":        {"add", "user", "a:b"},
		"kubectl awsauth fleet" + cluster:                                              {"fleet"},
		"kubectl awsauth set 'a b' --group c" + cluster + " --policy live --fleet off": {"set", "a b", "--group", "c"},
	} {
		if got := commandLine(set, "", words...); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
