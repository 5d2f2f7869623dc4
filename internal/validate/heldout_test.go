package validate_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
)

// TestHeldOut is promises 1 and 4 on documents that were not written for it: every file below the directory that
// AWS_AUTH_GUARD_DOCUMENTS names, and otherwise the golden cases. A file, and each document or section in it, is
// a ConfigMap, or a text that is tried in all places of one; of a golden case also the two objects.
// What is allowed, as a new object or over a sound one, both readings of the authenticator read as we say; a re-apply
// is allowed, and so is what replaces the document by a sound one.
func TestHeldOut(t *testing.T) {
	root := os.Getenv("AWS_AUTH_GUARD_DOCUMENTS")
	if root == "" {
		root = "testdata"
	}
	const sound = "- rolearn: arn:aws:iam::111122223333:role/held-out\n  username: system:node:{{EC2PrivateDNSName}}\n  groups:\n  - system:bootstrappers\n  - system:nodes\n"
	text, whole := textOnly(t), validator(t, "partition: aws\n")
	var files, documents, created, edited int
	seen := map[string]bool{} // many cases have the same old object
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if len(content) > manifest.MaxSize {
			t.Logf("%s: left out, since it has more than %d bytes", name, manifest.MaxSize)
			return nil
		}
		files++
		var tried []map[string]string
		archive := txtar.Parse(content)
		for _, part := range parts(content, archive) {
			tried = append(tried, placed(part, sound)...)
		}
		if c, err := parseCase(name, archive); err == nil && len(archive.Files) > 0 {
			for _, o := range []*caseObject{c.old, c.new} {
				if o != nil {
					tried = append(tried, o.Data)
				}
			}
		}
		for _, data := range tried {
			key := fmt.Sprintf("%q", data)
			if seen[key] {
				continue
			}
			seen[key] = true
			documents++
			if testing.Short() && documents%20 != 0 { // the race detector needs no more
				continue
			}
			if checkReadings(t, text, data).Allowed {
				created++
			}
			if step(whole, roles0(sound), data).Allowed {
				edited++
				checkAdmitted(t, data)
			}
			unclear := false // what is stored may be other bytes
			for _, text := range data {
				unclear = unclear || strings.ContainsRune(text, utf8.RuneError)
			}
			if r := step(whole, data, data); r.Allowed == unclear {
				t.Errorf("%s: a re-apply of %q: allowed %v\n%s", name, data, r.Allowed, sentences(r))
			}
			if r := step(whole, data, roles0(sound)); !r.Allowed && !moreNodes(data, roles0(sound)) {
				t.Errorf("%s: a sound map over %q is refused:\n%s", name, data, sentences(r))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("%s holds no file", root)
	}
	t.Logf("%d documents made of %d files in %s: %d allowed as a new object, %d over a sound one", documents, files, root, created, edited)
}

// parts are the sections of an archive, or the YAML documents of another file and the whole of it.
func parts(content []byte, archive *txtar.Archive) []string {
	var all []string
	if len(archive.Files) > 0 {
		for _, f := range archive.Files {
			all = append(all, string(f.Data))
		}
		return all
	}
	all = strings.Split(string(content), "\n---\n")
	if len(all) > 1 {
		all = append(all, string(content))
	}
	return all
}

// placed are the documents that a file's text makes: its own values if it is a ConfigMap; or else the text as each of the
// values, and before, in and after a sound one.
func placed(content, sound string) []map[string]string {
	if file, err := manifest.Read("", []byte(content)); err == nil && file.ConfigMap != nil {
		return []map[string]string{file.ConfigMap.Data}
	}
	return []map[string]string{
		roles0(content), roles0(sound + content), roles0(content + "\n" + sound),
		roles0(sound + "- rolearn: " + content), roles0(sound + "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: " + content + "\n  groups: []\n"),
		roles0(sound + "- rolearn: arn:aws:iam::111122223333:role/ci\n  groups: " + content),
		{awsauth.MapRoles: sound, awsauth.MapUsers: content}, {awsauth.MapRoles: sound, awsauth.MapAccounts: content},
	}
}
