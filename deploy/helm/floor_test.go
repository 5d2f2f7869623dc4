package helm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// current is aws-auth as it is stored.
func current(t *testing.T, c client.Client) *corev1.ConfigMap {
	t.Helper()
	cm := &corev1.ConfigMap{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(awsAuth("")), cm); err != nil {
		t.Fatal(err)
	}
	return cm
}

// store writes aws-auth as somebody whom the floor does not deny anything.
func store(t *testing.T, change func(*corev1.ConfigMap)) {
	t.Helper()
	c := user(t, "oncall", "break-glass")
	cm := current(t, c)
	change(cm)
	if err := c.Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
}

// try is a dry run of an edit.
func try(t *testing.T, c client.Client, change func(*corev1.ConfigMap)) error {
	t.Helper()
	cm := current(t, c)
	change(cm)
	return c.Update(t.Context(), cm, client.DryRunAll)
}

// verdict checks that an edit is denied by a rule, or allowed if the rule is "". A denial for any other reason, such as an
// expression that fails, is wrong in both cases.
func verdict(t *testing.T, what string, err error, rule string) {
	t.Helper()
	switch {
	case rule == "" && err != nil:
		t.Errorf("%s is denied: %.400v", what, err)
	case rule != "" && err == nil:
		t.Errorf("%s is allowed", what)
	case rule != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), rule) || strings.Contains(err.Error(), "cost limit")):
		t.Errorf("%s: %.400q, want a denial by %s", what, err, rule)
	case rule != "" && strings.Contains(err.Error(), "\n"):
		t.Errorf("%s: %q has several lines", what, err)
	}
}

func label(cm *corev1.ConfigMap) {
	cm.Labels = map[string]string{"a": fmt.Sprint(time.Now().UnixNano())}
}

// notUTF8 are byte sequences of every kind that utf8.DecodeRune does not take.
var notUTF8 = map[string]string{
	"a lone byte":                  "\xff",
	"a lone continuation byte":     "\x80",
	"a lead byte alone":            "\xc3",
	"two bytes of three":           "\xe2\x82",
	"three bytes of four":          "\xf0\x9f\x98",
	"Latin-1":                      "M\xfcller",
	"overlong with two bytes":      "\xc0\xaf",
	"overlong with three bytes":    "\xe0\x80\xaf",
	"overlong with four bytes":     "\xf0\x80\x80\xaf",
	"overlong NUL":                 "\xc0\x80",
	"a high surrogate":             "\xed\xa0\x80",
	"a low surrogate":              "\xed\xbf\xbf",
	"a pair of surrogates":         "\xed\xa0\xbd\xed\xb8\x80",
	"beyond U+10FFFF":              "\xf4\x90\x80\x80",
	"five bytes":                   "\xf8\x88\x80\x80\x80",
	"the character for all others": "\ufffd",
}

// TestFloorOfInvalidUTF8: what an API server stores as it comes in protobuf, and EKS's parser cannot read, is denied in
// every value that EKS reads, wherever it is, and also if it was there before.
func TestFloorOfInvalidUTF8(t *testing.T) {
	installFloor(t, nodesEntry+ciEntry)
	admin, rescuer := user(t, "admin"), user(t, "oncall", "break-glass")
	inJSON := userIn(t, "application/json", "admin")

	with := func(key, text string) func(*corev1.ConfigMap) {
		return func(cm *corev1.ConfigMap) {
			if key == "mapRoles" {
				text = nodesEntry + text
			}
			cm.Data[key] = text
		}
	}
	places := map[string]string{"in a comment": "# a%sb\n", "in a value": "- rolearn: arn:aws:iam::111122223333:role/c%si\n", "at the end": "%s"}
	for name, b := range notUTF8 {
		for _, key := range awsauth.Keys {
			for place, format := range places {
				verdict(t, fmt.Sprintf("%s %s of %s", name, place, key), try(t, admin, with(key, fmt.Sprintf(format, b))), "data."+key+": AA101 yaml-syntax")
			}
		}
		verdict(t, name+" by the break-glass group", try(t, rescuer, with("mapUsers", b)), "")
		// EKS does not read it.
		verdict(t, name+" in another key", try(t, admin, with("notes", b)), "")
		if err := try(t, admin, with("map"+b, "")); !apierrors.IsInvalid(err) {
			t.Errorf("%s in a key: %v, and the API server lets nothing but letters, digits and -._ be one", name, err)
		}
	}
	// The property itself, for whatever bytes come.
	dice := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", " ", "\n", "é", "\u2028", "\ufeff", "\ufffc", "\ufffe", "😀", "\U0010ffff", "\x7f"}
	for range 300 {
		var text strings.Builder
		text.WriteString("# ")
		for range dice.IntN(6) {
			if dice.IntN(4) == 0 {
				text.WriteByte(byte(dice.IntN(256)))
			} else {
				text.WriteString(pieces[dice.IntN(len(pieces))])
			}
		}
		rule := ""
		if s := text.String(); !utf8.ValidString(s) || strings.Contains(s, "\ufffd") {
			rule = "AA101"
		}
		verdict(t, fmt.Sprintf("%q", text.String()), try(t, admin, with("mapUsers", text.String())), rule)
	}

	for name, b := range notUTF8 {
		t.Run(name+" was there before", func(t *testing.T) {
			store(t, with("mapRoles", "# a"+b+"b\n"))
			if got := current(t, rescuer).Data["mapRoles"]; got != nodesEntry+"# a"+b+"b\n" {
				t.Fatalf("the API server stores %q", got)
			}
			verdict(t, "a label", try(t, admin, label), "AA101")
			verdict(t, "a label, in JSON", try(t, inJSON, label), "AA101")
			verdict(t, "another invalid byte", try(t, admin, with("mapRoles", "# a\xfeb\n")), "AA101")
			verdict(t, "U+FFFD in its place", try(t, admin, with("mapRoles", "# a\ufffdb\n")), "AA101")
			verdict(t, "its removal", try(t, admin, with("mapRoles", "# ab\n")), "")
			verdict(t, "its removal, in JSON", try(t, inJSON, with("mapRoles", "# ab\n")), "")
			verdict(t, "the removal of the key", try(t, admin, func(cm *corev1.ConfigMap) { delete(cm.Data, "mapRoles") }), "AA502")
		})
	}
}

// TestFloorOfAMegabyte: the largest text that fits into a ConfigMap stays below CEL's limit of cost, whatever is in it,
// before the edit and after it.
func TestFloorOfAMegabyte(t *testing.T) {
	installFloor(t, nodesEntry+ciEntry)
	admin := user(t, "admin")
	const most = corev1.MaxSecretSize // apimachinery validates ConfigMaps by the same figure
	// fill repeats a text up to the length, and puts the nodes first or last.
	fill := func(piece string, last bool) string {
		body := strings.Repeat(piece, most/len(piece)+1)
		if last {
			end := "\n" + nodesEntry
			body = body[:most-len(end)]
			for !utf8.ValidString(body) {
				body = body[:len(body)-1]
			}
			return body + end + strings.Repeat("\n", most-len(body)-len(end))
		}
		body = (nodesEntry + "# " + body)[:most]
		for !utf8.ValidString(body) {
			body = body[:len(body)-1]
		}
		return body + strings.Repeat("\n", most-len(body))
	}
	pieces := map[string]string{
		"hashes":             "#",
		"one long line":      "x",
		"empty lines":        "\n",
		"hashes in words":    "x#",
		"comments":           "# system:nodes\n",
		"almost":             "system:node ",
		"entries":            ciEntry,
		"node entries":       nodesEntry,
		"two bytes each":     "é",
		"four bytes each":    "😀",
		"commented entries":  "# " + strings.ReplaceAll(strings.TrimSpace(nodesEntry), "\n", "\n# ") + "\n",
		"beginnings of both": "system:nodes system:node#",
	}
	small := func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = nodesEntry }
	for name, piece := range pieces {
		for _, last := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, nodes last %v", name, last), func(t *testing.T) {
				text := fill(piece, last)
				if len(text) != most {
					t.Fatalf("%d bytes", len(text))
				}
				set := func(s string) func(*corev1.ConfigMap) {
					return func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = s }
				}
				store(t, small)
				verdict(t, "growth", try(t, admin, set(text)), "")
				store(t, set(text))
				begin := time.Now()
				verdict(t, "a label", try(t, admin, label), "")
				labelled := time.Since(begin)
				begin = time.Now()
				other := strings.Replace(text, "role/nodes", "role/node2", 1)
				verdict(t, "another text as large", try(t, admin, set(other)), "")
				t.Logf("a label took %s, an edit %s", labelled, time.Since(begin))
				verdict(t, "two values that are as large together", try(t, admin, func(cm *corev1.ConfigMap) {
					cm.Data = map[string]string{"mapRoles": nodesEntry + strings.Repeat("#", most/2), "mapUsers": strings.Repeat("#", most/2-len(nodesEntry))}
				}), "")
				verdict(t, "half of it", try(t, admin, set(nodesEntry+strings.ToValidUTF8(text[len(nodesEntry):most/2], ""))), "")
				verdict(t, "the small text", try(t, admin, small), "")
				if !strings.Contains(strings.ReplaceAll(piece, "# system:nodes", ""), "system:nodes") {
					verdict(t, "the loss of the nodes", try(t, admin, set(strings.ReplaceAll(text, "groups: [system:bootstrappers, system:nodes]", "groups: [system:bootstrappers, system:podes]"))), "AA502")
				}
			})
		}
	}
}

// TestFloorOfLongTexts: the longest texts that the messages look into cost no more than they may, whatever is in them. What costs too much
// gets the general sentence, and no other.
func TestFloorOfLongTexts(t *testing.T) {
	const most = 65536
	installFloor(t, nodesEntry)
	admin := user(t, "admin")
	fill := func(piece string) string {
		return strings.ToValidUTF8(strings.Repeat(piece, most/len(piece)+1)[:most-len(nodesEntry)], "")
	}
	for name, piece := range map[string]string{
		"empty lines":          "\n",
		"hashes":               "#",
		"one long word":        "s",
		"one long line":        "x ",
		"entries":              ciEntry,
		"items of one letter":  "-\n",
		"lists of one letter":  "[s,",
		"members":              "- s\n",
		"groups that are near": "- system:nodez\n",
		"other near groups":    "[system:ndoes,",
		"roles":                "arn:aws:iam::111122223333:role/a\n",
		"braces":               "},{",
		"entries of a letter":  "- a\n",
	} {
		t.Run(name, func(t *testing.T) {
			text := fill(piece)
			store(t, func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"mapRoles": nodesEntry + text} })
			for what, change := range map[string]func(*corev1.ConfigMap){
				"the loss of the nodes":     func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = text },
				"other text instead":        func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = fill("- System:nods\n") },
				"nothing instead":           func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = "" },
				"users as long, instead":    func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"mapUsers": text, "mapAccounts": text} },
				"a hundred keys, instead":   func(cm *corev1.ConfigMap) { cm.Data = manyKeys(100) },
				"a thousand keys, instead":  func(cm *corev1.ConfigMap) { cm.Data = manyKeys(1000) },
				"a key that is near, too":   func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"mapRole": nodesEntry + text} },
				"the same with binary data": func(cm *corev1.ConfigMap) { cm.Data, cm.BinaryData = nil, map[string][]byte{"mapRoles": []byte(text)} },
			} {
				err := try(t, admin, change)
				verdict(t, what, err, "AA")
				if err != nil && (strings.Contains(err.Error(), "messageExpression") || !strings.Contains(err.Error(), "; fix: ")) {
					t.Errorf("%s: %.300v", what, err)
				}
			}
			verdict(t, "another entry", try(t, admin, func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] = nodesEntry + ciEntry }), "")
		})
	}
}

func manyKeys(n int) map[string]string {
	keys := map[string]string{}
	for i := range n {
		keys[fmt.Sprintf("mapRole%d", i)] = "" // those of one digit are near to mapRoles
	}
	return keys
}

func owner(name string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: name, UID: types.UID("uid-of-" + name)}
}

func owners(n int) []metav1.OwnerReference {
	all := make([]metav1.OwnerReference, n)
	for i := range all {
		all[i] = owner(fmt.Sprint("owner-", i))
	}
	return all
}

// TestFloorOfOwners: an owner is denied that the aws-auth before did not have, and nothing else about owners.
func TestFloorOfOwners(t *testing.T) {
	installFloor(t, nodesEntry)
	admin, rescuer := user(t, "admin"), user(t, "oncall", "break-glass")
	const rule = "metadata.ownerReferences: AA111 owner-reference"
	set := func(refs ...metav1.OwnerReference) func(*corev1.ConfigMap) {
		return func(cm *corev1.ConfigMap) { cm.OwnerReferences = refs }
	}
	changed := func(change func(*metav1.OwnerReference)) metav1.OwnerReference {
		o := owner("b")
		change(&o)
		return o
	}
	flags := changed(func(o *metav1.OwnerReference) { o.Controller, o.BlockOwnerDeletion = new(true), new(true) })
	for name, c := range map[string]struct {
		before []metav1.OwnerReference
		edit   func(*corev1.ConfigMap)
		rule   string
	}{
		"the first":                   {nil, set(owner("a")), rule},
		"the first, as a controller":  {nil, set(flags), rule},
		"one more":                    {owners(1), set(append(owners(1), owner("a"))...), rule},
		"another":                     {owners(1), set(owner("a")), rule},
		"fewer, and another":          {owners(3), set(owner("a")), rule},
		"another version":             {[]metav1.OwnerReference{owner("b")}, set(changed(func(o *metav1.OwnerReference) { o.APIVersion = "v2" })), rule},
		"another kind":                {[]metav1.OwnerReference{owner("b")}, set(changed(func(o *metav1.OwnerReference) { o.Kind = "Secret" })), rule},
		"another name":                {[]metav1.OwnerReference{owner("b")}, set(changed(func(o *metav1.OwnerReference) { o.Name = "c" })), rule},
		"another uid":                 {[]metav1.OwnerReference{owner("b")}, set(changed(func(o *metav1.OwnerReference) { o.UID = "c" })), rule},
		"parts that look alike":       {[]metav1.OwnerReference{{APIVersion: "v1", Kind: "a", Name: "b/c", UID: "d"}}, set(metav1.OwnerReference{APIVersion: "v1", Kind: "a/b", Name: "c", UID: "d"}), rule},
		"the other fields":            {[]metav1.OwnerReference{owner("b")}, set(flags), ""},
		"the other order":             {owners(2), set(owners(2)[1], owners(2)[0]), ""},
		"one fewer":                   {owners(2), set(owners(1)...), ""},
		"none":                        {owners(2), set(), ""},
		"a label":                     {owners(2), label, ""},
		"another mapping":             {owners(2), func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] += ciEntry }, ""},
		"of 500, one fewer":           {owners(500), set(owners(499)...), ""},
		"of 500, another":             {owners(500), set(append(owners(499), owner("a"))...), rule},
		"of very many, a label":       {owners(2000), label, ""},
		"of very many, none":          {owners(2000), set(), ""},
		"of very many, one fewer":     {owners(2000), set(owners(1999)...), rule}, // as documented: all or none
		"of very many, another":       {owners(2000), set(append(owners(1999), owner("a"))...), rule},
		"very many":                   {nil, set(owners(2000)...), rule},
		"of very many, another entry": {owners(2000), func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] += ciEntry }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			store(t, set(c.before...))
			verdict(t, "the edit", try(t, admin, c.edit), c.rule)
			verdict(t, "the same by the break-glass group", try(t, rescuer, c.edit), "")
			verdict(t, "the same by EKS's writer", try(t, user(t, "eks:node-manager"), c.edit), "")
		})
	}

	t.Run("created with one", func(t *testing.T) {
		if err := rescuer.Delete(t.Context(), awsAuth("")); err != nil {
			t.Fatal(err)
		}
		cm := awsAuth(nodesEntry)
		verdict(t, "none", admin.Create(t.Context(), cm.DeepCopy(), client.DryRunAll), "")
		set(owner("a"))(cm)
		verdict(t, "one", admin.Create(t.Context(), cm.DeepCopy(), client.DryRunAll), rule)
		verdict(t, "one by the break-glass group", rescuer.Create(t.Context(), cm, client.DryRunAll), "")
	})
}

// TestFloorOfFinalizers: the update that removes the last finalizer of an object that is being deleted is its deletion.
func TestFloorOfFinalizers(t *testing.T) {
	installFloor(t, nodesEntry)
	admin, rescuer := user(t, "admin"), user(t, "oncall", "break-glass")
	finalizers := func(names ...string) func(*corev1.ConfigMap) {
		return func(cm *corev1.ConfigMap) { cm.Finalizers = names }
	}
	for name, c := range map[string]struct {
		finalizers []string
		how        client.DeleteOption
		left       []string
		rule       string
	}{
		"the last one":                {[]string{"example.com/a"}, client.PropagationPolicy("Background"), nil, "AA501 deletes-aws-auth"},
		"both of two":                 {[]string{"example.com/a", "example.com/b"}, client.PropagationPolicy("Background"), nil, "AA501 deletes-aws-auth"},
		"one of two":                  {[]string{"example.com/a", "example.com/b"}, client.PropagationPolicy("Background"), []string{"example.com/a"}, ""},
		"the garbage collector's":     {nil, client.PropagationPolicy("Foreground"), nil, ""},
		"that for orphans":            {nil, client.PropagationPolicy("Orphan"), nil, ""},
		"one and that for orphans":    {[]string{"example.com/a"}, client.PropagationPolicy("Orphan"), nil, "AA501 deletes-aws-auth"},
		"that for orphans, one stays": {[]string{"example.com/a"}, client.PropagationPolicy("Orphan"), []string{"example.com/a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := rescuer.Create(t.Context(), awsAuth(nodesEntry)); err != nil && !apierrors.IsAlreadyExists(err) {
				t.Fatal(err)
			}
			verdict(t, "a finalizer", try(t, admin, finalizers("example.com/a")), "")
			store(t, finalizers(c.finalizers...))
			verdict(t, "its removal", try(t, admin, finalizers()), "")
			if err := rescuer.Delete(t.Context(), awsAuth(""), c.how); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				cm := awsAuth("")
				err := rescuer.Patch(context.Background(), cm, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
				if client.IgnoreNotFound(err) != nil {
					t.Error(err)
				}
			})
			verdict(t, "a label", try(t, admin, label), "")
			verdict(t, "another mapping", try(t, admin, func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] += ciEntry }), "")
			cm := current(t, admin)
			finalizers(c.left...)(cm)
			err := admin.Update(t.Context(), cm) // in earnest, to see that it does delete it
			verdict(t, "the update", err, c.rule)
			err = admin.Get(t.Context(), client.ObjectKeyFromObject(cm), cm)
			if gone := apierrors.IsNotFound(err); gone != (c.rule == "" && len(c.left) == 0) {
				t.Errorf("Get() = %v after an update that was to leave %q", err, c.left)
			}
			if c.rule != "" {
				verdict(t, "the update by the break-glass group", try(t, rescuer, finalizers(c.left...)), "")
			}
		})
	}
}

// TestFloorLetsADeletionEnd: whatever is wrong with the object, the garbage collector removes its finalizer once its deletion was
// allowed. Otherwise it stays, and no valid one can replace it.
func TestFloorLetsADeletionEnd(t *testing.T) {
	installFloor(t, nodesEntry)
	admin, rescuer := user(t, "admin"), user(t, "oncall", "break-glass")
	for name, change := range map[string]func(*corev1.ConfigMap){
		"mapRoles":    func(cm *corev1.ConfigMap) { cm.Data["mapRoles"] += "# \xff\n" },
		"mapUsers":    func(cm *corev1.ConfigMap) { cm.Data["mapUsers"] = "# \xff\n" },
		"mapAccounts": func(cm *corev1.ConfigMap) { cm.Data["mapAccounts"] = "# \xff\n" },
		"immutable":   func(cm *corev1.ConfigMap) { cm.Immutable = new(true) },
	} {
		for _, how := range []metav1.DeletionPropagation{metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan} {
			t.Run(name+" "+string(how), func(t *testing.T) {
				if err := rescuer.Create(t.Context(), awsAuth(nodesEntry)); err != nil && !apierrors.IsAlreadyExists(err) {
					t.Fatal(err)
				}
				store(t, change)
				if err := rescuer.Delete(t.Context(), awsAuth(""), client.PropagationPolicy(how)); err != nil {
					t.Fatal(err)
				}
				finalizers := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
				t.Cleanup(func() {
					if err := rescuer.Patch(context.Background(), awsAuth(""), finalizers); client.IgnoreNotFound(err) != nil {
						t.Error(err)
					}
				})
				verdict(t, "what the garbage collector does", admin.Patch(t.Context(), awsAuth(""), finalizers), "")
				if err := admin.Get(t.Context(), client.ObjectKeyFromObject(awsAuth("")), awsAuth("")); !apierrors.IsNotFound(err) {
					t.Errorf("Get() = %v, want it gone", err)
				}
			})
		}
	}
}

// TestFloorOfOddObjects: no expression fails, for an object that lacks what it looks at.
func TestFloorOfOddObjects(t *testing.T) {
	installFloor(t, nodesEntry)
	inJSON, rescuer := userIn(t, "application/json", "admin"), user(t, "oncall", "break-glass")
	bodies := []string{
		`{}`,
		`{"data": null}`,
		`{"data": {}}`,
		`{"data": {"mapRoles": null}}`,
		`{"data": {"mapUsers": null, "mapAccounts": null}}`,
		`{"data": {"mapUsers": "", "mapAccounts": ""}}`,
		`{"data": null, "binaryData": {"mapRoles": "/w=="}}`,
		`{"binaryData": null}`,
		`{"binaryData": {}}`,
		`{"immutable": null}`,
		`{"immutable": false}`,
		`{"metadata": {"ownerReferences": null}}`,
		`{"metadata": {"ownerReferences": []}}`,
		`{"metadata": {"finalizers": null}}`,
		`{"metadata": {"finalizers": []}}`,
		`{"metadata": {"labels": null, "annotations": null}}`,
		`{"metadata": {"managedFields": null}}`,
		`{"metadata": {"generateName": "aws-auth-"}}`,
	}
	for _, before := range bodies {
		// The object itself, for the next edits to begin with.
		cm := awsAuth(ciEntry)
		base, err := json.Marshal(cm)
		if err != nil {
			t.Fatal(err)
		}
		merged := mergePatch(t, base, before)
		if err := rescuer.Delete(t.Context(), awsAuth("")); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(merged, cm); err != nil {
			t.Fatal(err)
		}
		if err := userIn(t, "application/json", "oncall", "break-glass").Create(t.Context(), cm); err != nil {
			t.Fatalf("%s: %v", before, err)
		}
		for _, after := range bodies {
			err := inJSON.Patch(t.Context(), awsAuth(""), client.RawPatch(types.MergePatchType, []byte(after)), client.DryRunAll)
			verdict(t, before+", then "+after, err, "")
		}
		verdict(t, "to delete "+before, inJSON.Delete(t.Context(), awsAuth(""), client.DryRunAll), "AA501")
		verdict(t, "to delete the collection with "+before, inJSON.DeleteAllOf(t.Context(), &corev1.ConfigMap{}, client.InNamespace("kube-system"), client.DryRunAll), "AA501")
	}
}

// mergePatch is as much of RFC 7386 as the cases need: of nested objects, members are replaced one by one.
func mergePatch(t *testing.T, object []byte, patch string) []byte {
	t.Helper()
	var o, p map[string]any
	if err := json.Unmarshal(object, &o); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(patch), &p); err != nil {
		t.Fatal(err)
	}
	merge(o, p)
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b)
}

func merge(o, p map[string]any) {
	for k, v := range p {
		if inner, ok := v.(map[string]any); ok {
			if _, ok := o[k].(map[string]any); !ok {
				o[k] = map[string]any{}
			}
			merge(o[k].(map[string]any), inner)
			continue
		}
		o[k] = v
	}
}
