//go:build e2e

package installed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rounds of installing it, since a race between the replicas does not show every time.
const rounds = 3

// Both replicas begin at the same time, with no certificate there: they have to end up with one authority and no restart.
func TestInstall(t *testing.T) {
	fastest := struct{ refusal, ready time.Duration }{time.Hour, time.Hour}
	for round := range rounds {
		t.Run(fmt.Sprintf("round %d", round+1), func(t *testing.T) {
			helm(t, "uninstall", release, "--ignore-not-found", "--wait")
			eventually(t, "no pod is left", gone(t))
			given(t, base)

			begun := time.Now()
			var out bytes.Buffer
			install := exec.CommandContext(t.Context(), "helm", "install", release, *chart, "-n", namespace, "-f", values, "--wait", "--timeout", patience.String())
			install.Env, install.Stdout, install.Stderr = env, &out, &out
			if err := install.Start(); err != nil {
				t.Fatal(err)
			}
			startups := startups{}
			eventually(t, "the first refusal", func() error { return errors.Join(startups.look(t), refuses()) })
			refused := time.Since(begun)
			eventually(t, "two replicas", func() error {
				_, err := replicas(t.Context())
				return errors.Join(startups.look(t), err)
			})
			if err := install.Wait(); err != nil {
				t.Fatalf("helm install: %v\n%s", err, &out)
			}
			measured("helm-install-to-first-refusal", refused)
			fastest.refusal = min(fastest.refusal, refused)
			for _, d := range startups {
				measured("process-start-to-ready", d)
				fastest.ready = min(fastest.ready, d)
			}
			if err := admits(); err != nil {
				t.Error(err)
			}
			if n := trusts(t); n != 1 {
				t.Errorf("caBundle holds %d authorities, want the one that both replicas share", n)
			}
			for _, p := range wantReplicas(t) {
				if n := p.Status.ContainerStatuses[0].RestartCount; n != 0 {
					t.Errorf("pod %s was started %d times again", p.Name, n)
				}
			}
			if try := "helm test " + release + " -n " + namespace; !strings.Contains(out.String(), try) {
				t.Errorf("helm install does not say how to try it, by %s:\n%s", try, &out)
			}
		})
	}
	// The bounds are what a busy machine keeps as well; how long it takes is in what was measured.
	if fastest.refusal >= patience {
		t.Errorf("from helm install to the first refusal: %v at best, want less than %v", fastest.refusal, patience)
	}
	if onNode() && fastest.ready >= patience/3 {
		t.Errorf("from the start of the process to ready: %v at best, want less than %v", fastest.ready, patience/3)
	}
}

// gone is nil if no pod of the guard is left.
func gone(t *testing.T) func() error {
	return func() error {
		left, err := pods(t.Context())
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d are left", len(left))
		}
		return err
	}
}

// startups are the times from the start of a pod's process until it was ready.
type startups map[string]time.Duration

// look notes who has become ready. Elsewhere than on the node it sees none.
func (s startups) look(t *testing.T) error {
	if !onNode() {
		return nil
	}
	all, err := pods(t.Context())
	if err != nil {
		return err
	}
	for _, p := range all {
		if _, known := s[p.Name]; known || p.Status.PodIP == "" || !answersReady(p) {
			continue
		}
		seen := time.Now()
		pid, err := process(p)
		if err != nil {
			continue // the kubelet has not reported its container yet: looked at again
		}
		old, err := age(pid)
		if err != nil {
			return err
		}
		s[p.Name] = old - time.Since(seen)
	}
	return nil
}

// answersReady asks a pod itself, as the kubelet does.
func answersReady(p corev1.Pod) bool {
	quick := http.Client{Timeout: time.Second}
	answer, err := quick.Get("http://" + p.Status.PodIP + ":8081/readyz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // read by nobody
	return answer.StatusCode == http.StatusOK
}

// What a user sees, through the Service.
func TestDenial(t *testing.T) {
	installed(t)
	kubectl(t, edit(bad)...).want(t, refusal, 1)
	kubectl(t, edit(bad, "--dry-run=server")...).want(t, refusal, 1)
	kubectl(t, edit(bad, somebody...)...).want(t, refusal, 1)
	wantRoles(t, base)
	kubectl(t, edit(good)...).want(t, "configmap/aws-auth patched\n", 0)
	wantRoles(t, good)
	kubectl(t, "delete", "configmap", "aws-auth", "-n", metav1.NamespaceSystem).wantIn(t, 1, "AA501 deletes-aws-auth")
	// The witness says what the guard would have said.
	kubectl(t, edit(bad, glassBroken...)...).wantIn(t, 0, "Warning: ", "AA203", "configmap/aws-auth patched\n")
	eventually(t, "the Event of the broken glass", func() error {
		list, err := client.EventsV1().Events(metav1.NamespaceSystem).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=AllowedDespiteError"})
		if err == nil && len(list.Items) == 0 {
			err = errors.New("no Event")
		}
		return err
	})
}

func TestFootprint(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		needsNode(t)
		helm(t, "uninstall", release, "--ignore-not-found", "--wait")
		eventually(t, "no pod is left", gone(t))
		installed(t)
		for _, p := range wantReplicas(t) {
			if bytes := memory(t, p, "idle-rss-mib"); bytes >= 48<<20 { // how much of the program is mapped is the kernel's choice
				t.Errorf("pod %s holds %d bytes of memory, want less than 48 MiB", p.Name, bytes)
			}
		}
	})
	t.Run("image", func(t *testing.T) {
		if *imageTar == "" {
			t.Skip("needs the image's file: make e2e without KUBECONFIG names it")
		}
		stored, pulled, err := imageSize(*imageTar)
		if err != nil {
			t.Fatal(err)
		}
		measured("image-mb", fmt.Sprintf("%.1f", float64(stored)/1e6))
		measured("image-mb-compressed", fmt.Sprintf("%.1f", float64(pulled)/1e6))
		if stored >= 60e6 || pulled >= 25e6 {
			t.Errorf("the image has %d bytes, %d compressed; want less than 60 MB and 25 MB", stored, pulled)
		}
	})
}

// descriptor is what an OCI image layout says about a part of it.
type descriptor struct {
	Digest   string
	Size     int64
	Platform *struct{ Architecture string }
}

// imageSize adds up the layers of this machine's image in an OCI image layout, unpacked and as they are pulled.
func imageSize(file string) (stored, pulled int64, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	parts := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, 0, err
		}
		if parts[path.Clean(header.Name)], err = io.ReadAll(r); err != nil {
			return 0, 0, err
		}
	}
	// index.json names one index, that an image for each platform, and that its layers.
	var node struct{ Manifests, Layers []descriptor }
	for next := "index.json"; node.Layers == nil; {
		node.Manifests = nil
		if err := json.Unmarshal(parts[next], &node); err != nil {
			return 0, 0, fmt.Errorf("%s of %s: %w", next, file, err)
		}
		ours := slices.IndexFunc(node.Manifests, func(d descriptor) bool { return d.Platform == nil || d.Platform.Architecture == runtime.GOARCH })
		if ours < 0 && node.Layers == nil {
			return 0, 0, fmt.Errorf("%s holds no image for %s", file, runtime.GOARCH)
		}
		if ours >= 0 {
			next = blob(node.Manifests[ours])
		}
	}
	for _, layer := range node.Layers {
		unpacked, err := gzip.NewReader(bytes.NewReader(parts[blob(layer)]))
		if err != nil {
			return 0, 0, err
		}
		n, err := io.Copy(io.Discard, unpacked)
		if err != nil {
			return 0, 0, err
		}
		stored, pulled = stored+n, pulled+layer.Size
	}
	return stored, pulled, nil
}

func blob(d descriptor) string { return "blobs/" + strings.Replace(d.Digest, ":", "/", 1) }
