package policy_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// opened is a store with what it said.
type opened struct {
	*policy.Store
	inForce []policy.Mode // every policy that came into force, by its mode
	reports []error
	refuse  error // what apply answers
}

func open(t *testing.T, name string) *opened {
	t.Helper()
	o := &opened{}
	var err error
	o.Store, err = policy.Open(name, func(p *policy.Policy) error {
		if o.refuse != nil {
			return o.refuse
		}
		o.inForce = append(o.inForce, p.Mode)
		return nil
	}, func(err error) { o.reports = append(o.reports, err) })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

const (
	enforcing = header + "mode: enforce\n"
	auditing  = header + "mode: audit\n"
	broken    = header + "mode: x\n"
)

func TestOpenRefusesToStart(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	write(t, bad, broken)
	good := filepath.Join(dir, "good.yaml")
	write(t, good, enforcing)
	no := func(*policy.Policy) error { return errors.New("unknown rule") }
	yes := func(*policy.Policy) error { return nil }
	for name, test := range map[string]struct {
		path  string
		apply func(*policy.Policy) error
		want  string
	}{
		"no file":        {filepath.Join(dir, "none.yaml"), yes, "none.yaml"},
		"a directory":    {dir, yes, "is a directory"},
		"a bad file":     {bad, yes, "line 3: mode"},
		"not applicable": {good, no, "unknown rule"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := policy.Open(test.path, test.apply, func(error) {}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func (o *opened) expect(t *testing.T, step string, policies, reports int, err string) {
	t.Helper()
	if len(o.inForce) != policies || len(o.reports) != reports {
		t.Fatalf("%s: %d policies came into force and %d reloads were reported, want %d and %d", step, len(o.inForce), len(o.reports), policies, reports)
	}
	switch got := o.Err(); {
	case err == "" && got != nil:
		t.Fatalf("%s: %v", step, got)
	case err != "" && (got == nil || !strings.Contains(got.Error(), err)):
		t.Fatalf("%s: error %v, want %q", step, got, err)
	}
}

func TestReload(t *testing.T) {
	name := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, name, enforcing)
	o := open(t, name)
	o.expect(t, "opened", 1, 0, "")
	o.Reload()
	o.expect(t, "nothing changed", 1, 0, "")
	write(t, name, auditing)
	o.Reload()
	o.expect(t, "changed", 2, 1, "")
	write(t, name, broken)
	o.Reload()
	o.expect(t, "broken: the previous one stays in force", 2, 2, "line 3: mode")
	o.Reload()
	o.expect(t, "still broken: not reported again", 2, 2, "line 3: mode")
	write(t, name, header+"mode: [y]\n")
	o.Reload()
	o.expect(t, "broken in another way", 2, 3, "is a list")
	write(t, name, auditing)
	o.Reload()
	o.expect(t, "repaired, to what is in force", 3, 4, "")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	o.Reload()
	o.expect(t, "vanished: the previous one stays in force", 3, 5, "no such file")
	o.Reload()
	o.expect(t, "still not there: not reported again", 3, 5, "no such file")
	write(t, name, auditing)
	o.Reload()
	o.expect(t, "back again", 4, 6, "")
	write(t, name, header+"breakGlass: {groups: [system:authenticated]}\n")
	o.Reload()
	o.expect(t, "spares everybody: the previous one stays in force", 4, 7, `every authenticated caller is in "system:authenticated"`)
	o.refuse = errors.New("policy line 3: rules: unknown rule")
	write(t, name, enforcing)
	o.Reload()
	o.expect(t, "not applicable", 4, 8, "unknown rule")
	o.refuse = nil
	write(t, name, "")
	o.Reload()
	o.expect(t, "emptied", 4, 9, "the file is empty")
	write(t, name, enforcing)
	o.Reload()
	o.expect(t, "filled", 5, 10, "")
	for i, want := range []policy.Mode{policy.Enforce, policy.Audit, policy.Audit, policy.Audit, policy.Enforce} {
		if o.inForce[i] != want {
			t.Errorf("policy %d in force is %s, want %s", i, o.inForce[i], want)
		}
	}
}

// TestTakeOfNothing: an empty text is a fault of its own, whatever was there before it.
func TestTakeOfNothing(t *testing.T) {
	for name, before := range map[string]func(*policy.Store){
		"after a good text":  func(*policy.Store) {},
		"after a broken one": func(s *policy.Store) { s.Take([]byte(broken), nil) },
		"after none":         func(s *policy.Store) { s.Take(nil, errors.New("it is gone")) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := policy.OpenText(policy.Source{ConfigMap: "guard/p"}, []byte(enforcing), func(*policy.Policy) error { return nil }, func(error) {})
			if err != nil {
				t.Fatal(err)
			}
			before(s)
			s.Take([]byte(""), nil)
			if err := s.Err(); err == nil || !strings.Contains(err.Error(), "the file is empty") {
				t.Errorf("Err() = %v, want that it is empty", err)
			}
			s.Take([]byte(enforcing), nil)
			if err := s.Err(); err != nil {
				t.Errorf("Err() = %v after a good text", err)
			}
		})
	}
}

// TestReloadOfAMountedConfigMap swaps the symbolic link that the kubelet swaps: policy.yaml -> ..data/policy.yaml, and
// ..data -> a directory with the time in its name.
func TestReloadOfAMountedConfigMap(t *testing.T) {
	dir := t.TempDir()
	mount := func(version, text string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "policy.yaml"), text)
		link := filepath.Join(dir, "..data_tmp")
		if err := os.Symlink(version, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount("..2026_11_24_12_00_00.1", enforcing)
	name := filepath.Join(dir, "policy.yaml")
	if err := os.Symlink(filepath.Join("..data", "policy.yaml"), name); err != nil {
		t.Fatal(err)
	}
	o := open(t, name)
	mount("..2026_11_24_12_01_00.2", auditing)
	o.Reload()
	o.expect(t, "swapped", 2, 1, "")
	mount("..2026_11_24_12_02_00.3", broken)
	if err := os.RemoveAll(filepath.Join(dir, "..2026_11_24_12_01_00.2")); err != nil {
		t.Fatal(err)
	}
	o.Reload()
	o.expect(t, "swapped for a broken one", 2, 2, "line 3: mode")
	mount("..2026_11_24_12_03_00.4", auditing)
	o.Reload()
	o.expect(t, "repaired", 3, 3, "")
	if got := o.inForce[len(o.inForce)-1]; got != policy.Audit {
		t.Errorf("%s is in force", got)
	}
}
