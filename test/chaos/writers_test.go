//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// writers edit aws-auth at once, each an entry of its own.
const writers = 16

// counted finds the entries of the writers and how often each was edited.
var counted = regexp.MustCompile(`username: writer-(\d\d)-(\d+)\n`)

func counts(mapRoles string) (all [writers]int) {
	for _, m := range counted.FindAllStringSubmatch(mapRoles, -1) {
		w, _ := strconv.Atoi(m[1]) // digits
		all[w], _ = strconv.Atoi(m[2])
	}
	return all
}

// harm is what a bad edit does to the text. The writer's own entry is marked.
var harm = []func(text, own string) string{
	func(text, own string) string {
		return strings.Replace(text, own+"  groups: [team]", own+"  groups: [system:masters]", 1)
	},
	func(text, own string) string { return strings.Replace(text, own, own+"\t", 1) },
	func(text, own string) string { return strings.Replace(text, own, "", 1) },
	func(text, own string) string { return strings.Replace(text, nodes, "", 1) },
	func(text, own string) string {
		return text + "- {rolearn: 'arn:aws:iam::111122223333:role/a/path', username: x, groups: [team]}\n"
	},
	func(text, own string) string { return strings.Replace(text, own+"  groups:", own+"  Groups:", 1) },
	func(string, string) string { return "" },
}

// TestWriters: thousands of edits from many writers at once, conflicts and all. Every bad one is refused, every good one
// is allowed, and the stored versions show the same: each is one good edit away from the one before.
func TestWriters(t *testing.T) {
	edits := share(2000, 200)
	begin(t, setting{})
	var text strings.Builder
	text.WriteString(base)
	for w := range writers {
		fmt.Fprintf(&text, "- rolearn: arn:aws:iam::111122223333:role/writer-%02d\n  username: writer-%02d-0\n  groups: [team]\n", w, w)
	}
	start := given(t, text.String())
	watching, err := admins.CoreV1().ConfigMaps(metav1.NamespaceSystem).Watch(t.Context(),
		metav1.ListOptions{FieldSelector: "metadata.name=aws-auth", ResourceVersion: start.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Stop()

	var mu sync.Mutex
	var good, refusals, conflicts int
	var did [writers]int
	var group sync.WaitGroup
	started := time.Now()
	for w := range writers {
		group.Go(func() {
			for n := range edits / writers {
				// One in a hundred is bad, each writer's at another time.
				number := n*writers + w
				var spoil func(text, own string) string
				if number%100 == 99 {
					spoil = harm[number/100%len(harm)]
				}
				c, err := writeOnce(t.Context(), w, spoil)
				mu.Lock()
				conflicts += c
				switch {
				case err != nil:
					t.Errorf("writer %d: %v", w, err)
				case spoil != nil:
					refusals++
				default:
					good++
					did[w]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	took := time.Since(started)

	versions, before := 0, counts(start.Data["mapRoles"])
	last := time.NewTimer(patience)
	defer last.Stop()
	for versions < good {
		select {
		case e := <-watching.ResultChan():
			cm, ok := e.Object.(*corev1.ConfigMap)
			if !ok || e.Type != watch.Modified {
				t.Fatalf("the watch says %s: %v", e.Type, e.Object)
			}
			after := counts(cm.Data["mapRoles"])
			changed := 0
			for w := range writers {
				changed += after[w] - before[w]
				if after[w] < before[w] {
					t.Errorf("version %s takes back an edit of writer %d", cm.ResourceVersion, w)
				}
			}
			if changed != 1 || strings.Count(cm.Data["mapRoles"], "groups:") != writers+2 || strings.Count(cm.Data["mapRoles"], "system:masters") != 1 {
				t.Errorf("version %s is not one good edit away from the one before:\n%s", cm.ResourceVersion, cm.Data["mapRoles"])
			}
			versions, before = versions+1, after
		case <-last.C:
			t.Fatalf("%d versions were stored, want %d", versions, good)
		}
	}
	stored, err := operator.Get(t.Context(), "aws-auth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := counts(stored.Data["mapRoles"]); got != did || got != before {
		t.Errorf("stored in the end: %v, in the last version: %v, want %v", got, before, did)
	}
	if want := edits / writers * writers / 100; refusals != want {
		t.Errorf("%d bad edits, want %d", refusals, want)
	}
	measured("writers-good-edits", good)
	measured("writers-bad-edits-refused", refusals)
	measured("writers-conflicts", conflicts)
	measured("writers-versions", versions)
	measured("writers-edits-per-second", int(float64(good+refusals)/took.Seconds()))
}

// writeOnce makes one edit, as often as it takes until there is no conflict. A bad one is content with its refusal.
func writeOnce(ctx context.Context, w int, spoil func(text, own string) string) (conflicts int, err error) {
	for {
		cm, err := operator.Get(ctx, "aws-auth", metav1.GetOptions{})
		if err != nil {
			return conflicts, err
		}
		text := cm.Data["mapRoles"]
		own := fmt.Sprintf("username: writer-%02d-%d\n", w, counts(text)[w])
		if spoil == nil {
			cm.Data["mapRoles"] = strings.Replace(text, own, fmt.Sprintf("username: writer-%02d-%d\n", w, counts(text)[w]+1), 1)
		} else if cm.Data["mapRoles"] = spoil(text, own); cm.Data["mapRoles"] == text {
			return conflicts, fmt.Errorf("nothing is spoiled in %q", text)
		}
		_, err = operator.Update(ctx, cm, metav1.UpdateOptions{})
		switch {
		case apierrors.IsConflict(err):
			conflicts++
			continue
		case spoil == nil:
			return conflicts, err
		case err == nil:
			return conflicts, fmt.Errorf("a bad edit was allowed:\n%s", cm.Data["mapRoles"])
		case !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "AA"):
			return conflicts, err
		}
		return conflicts, nil
	}
}
