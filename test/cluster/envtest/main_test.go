package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var platform = runtime.GOOS + "/" + runtime.GOARCH

func archiveName() string {
	return fmt.Sprintf("envtest-v%s-%s-%s.tar.gz", version, runtime.GOOS, runtime.GOARCH)
}

// pack is an archive as controller-tools makes them: the programs in a directory of their own.
func pack(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	files := tar.NewWriter(zipped)
	for _, name := range names {
		text := "#!/bin/sh\necho " + name + " of the archive\n"
		header := &tar.Header{Name: "controller-tools/envtest/" + name, Mode: 0o755, Size: int64(len(text))}
		if err := files.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(files, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sumOf(archive []byte) string {
	sum := sha512.Sum512(archive)
	return hex.EncodeToString(sum[:])
}

// serve serves an index with one archive, whose hash it lists as listed. send serves the archive.
func serve(t *testing.T, listed string, send http.HandlerFunc) (index string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "releases:\n  v%s:\n    %s:\n      hash: %s\n      selfLink: %s/archive\n",
			version, archiveName(), listed, server.URL)
	})
	mux.HandleFunc("/archive", send)
	return server.URL + "/index.yaml"
}

func sending(archive []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Write(archive) //nolint:errcheck // the client sees it
	}
}

// hanging answers nothing until the client has gone.
func hanging(first []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Write(first)                        //nolint:errcheck // the client sees it
		http.NewResponseController(w).Flush() //nolint:errcheck // the same
		<-r.Context().Done()
	}
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it was only to find a port
	return l.Addr().String()
}

// patient gives a source that says nothing else time enough for any machine.
func patient(t *testing.T, s source) source {
	t.Helper()
	s.progress, s.answer, s.pause = t.Output(), cmp.Or(s.answer, time.Minute), cmp.Or(s.pause, time.Minute)
	return s
}

func TestDownload(t *testing.T) {
	good := pack(t, programs...)
	asked := 0
	index := serve(t, sumOf(good), func(w http.ResponseWriter, r *http.Request) {
		asked++
		sending(good)(w, r)
	})
	s := patient(t, source{index: index, sums: map[string]string{platform: sumOf(good)}})
	cache := t.TempDir()
	dir, err := s.download(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range programs {
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, name)).CombinedOutput()
		if want := name + " of the archive\n"; err != nil || string(out) != want {
			t.Errorf("%s: %q, %v; want %q", name, out, err, want)
		}
	}
	if from, err := os.ReadFile(filepath.Join(dir, "index")); err != nil || string(from) != index+"\n" {
		t.Errorf("says that it is from %q, %v; want %q", from, err, index)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 1 {
		t.Errorf("left %v, %v; want the programs' directory alone", left, err)
	}

	s.index = "http://" + closedPort(t)
	again, err := s.download(t.Context(), cache)
	if err != nil || again != dir || asked != 1 {
		t.Errorf("the second time: %q, %v, %d downloads; want %q without a download", again, err, asked, dir)
	}
}

func TestNoDownload(t *testing.T) {
	good := pack(t, programs...)
	other, partial := pack(t, append(programs, "more")...), pack(t, "etcd", "kubectl")
	pinned := func(archive []byte) map[string]string { return map[string]string{platform: sumOf(archive)} }
	unreachable := "http://" + closedPort(t) + "/index.yaml"
	silent := httptest.NewServer(hanging(nil))
	t.Cleanup(silent.Close)
	absent := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(absent.Close)
	for name, test := range map[string]struct {
		source source
		want   string
	}{
		"nobody listens": {
			source{index: unreachable, sums: pinned(good)}, "connection refused",
		},
		"the index does not answer": {
			source{index: silent.URL, sums: pinned(good), answer: 50 * time.Millisecond},
			silent.URL + " did not answer within 50ms",
		},
		"no index": {
			source{index: absent.URL, sums: pinned(good)}, "404",
		},
		"another hash in the index": {
			source{index: serve(t, sumOf(other), sending(other)), sums: pinned(good)}, "want the pinned",
		},
		"another archive": {
			source{index: serve(t, sumOf(good), sending(other)), sums: pinned(good)}, "checksum mismatch",
		},
		"half an archive": {
			source{index: serve(t, sumOf(good), sending(good[:len(good)/2])), sums: pinned(good)}, "checksum mismatch",
		},
		"an archive that stalls": {
			source{index: serve(t, sumOf(good), hanging(good[:10])), sums: pinned(good), pause: 50 * time.Millisecond},
			"nothing came for 50ms",
		},
		"no API server in the archive": {
			source{index: serve(t, sumOf(partial), sending(partial)), sums: pinned(partial)},
			`holds no program "kube-apiserver"`,
		},
		"another platform": {
			source{index: unreachable, sums: map[string]string{"plan9/mips": sumOf(good)}},
			"no archive is pinned for " + platform,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := patient(t, test.source).download(t.Context(), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%q, %v; want an error with %q", dir, err, test.want)
			}
		})
	}
}

// TestPinned holds the pins to the form in which they can match at all.
func TestPinned(t *testing.T) {
	for on, sum := range sums {
		if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha512.Size {
			t.Errorf("%s: %q is no SHA-512", on, sum)
		}
	}
}

// programsScript runs programs.sh with a cache of its own, and returns the directory that it prints and what it says.
func programsScript(t *testing.T, cache, index string, names ...string) (dir, said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../programs.sh", names...)
	cmd.Env = append(os.Environ(),
		"KUBEBUILDER_ASSETS=", "AWS_AUTH_GUARD_CACHE="+cache, "AWS_AUTH_GUARD_ENVTEST_INDEX="+index)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), stderr.String(), err
}

func TestProgramsOfAnArchive(t *testing.T) {
	good, cache := pack(t, programs...), t.TempDir()
	s := patient(t, source{index: serve(t, sumOf(good), sending(good)), sums: map[string]string{platform: sumOf(good)}})
	if _, err := s.download(t.Context(), cache); err != nil {
		t.Fatal(err)
	}
	dir, said, err := programsScript(t, cache, "http://"+closedPort(t), append(programs, "pause")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	want := fmt.Sprintf("control plane: Kubernetes v%s (test/cluster/go.mod: v1.", version)
	if !strings.Contains(said, want) || !strings.Contains(said, "downloaded from "+s.index) {
		t.Errorf("says %q; want %q and the index", said, want)
	}
	for _, name := range programs {
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, name)).CombinedOutput()
		if want := name + " of the archive\n"; err != nil || string(out) != want {
			t.Errorf("%s: %q, %v; want %q", name, out, err, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "pause")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("what the archive does not have: %v; want it to be built", err)
	}
}

// TestProgramsWithoutAnArchive names a program that build.sh does not know, so that nothing is built.
func TestProgramsWithoutAnArchive(t *testing.T) {
	good := pack(t, programs...)
	for name, test := range map[string]struct{ index, want string }{
		"nobody listens":  {"http://" + closedPort(t) + "/index.yaml", "connection refused"},
		"another archive": {serve(t, sumOf(good), sending(good)), "want the pinned"},
		"not wanted":      {"none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, said, err := programsScript(t, t.TempDir(), test.index, "none-such", "kubectl")
			if err == nil || dir != "" {
				t.Errorf("%q, %v; want the error of build.sh", dir, err)
			}
			reason, rest, found := strings.Cut(said, "control plane: Kubernetes v")
			if !found || !strings.Contains(reason, test.want) || (test.want == "") != (reason == "") {
				t.Errorf("says %q; want the reason %q first", said, test.want)
			}
			for _, want := range []string{"to be built from Go modules", `build.sh: unknown program "none-such"`} {
				if !strings.Contains(rest, want) {
					t.Errorf("says %q; want %q", said, want)
				}
			}
		})
	}
}
