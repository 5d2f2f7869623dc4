package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/tools/setup-envtest/remote"
	"sigs.k8s.io/controller-runtime/tools/setup-envtest/store"
	"sigs.k8s.io/controller-runtime/tools/setup-envtest/versions"
)

// programs are what an archive holds.
var programs = []string{"etcd", "kube-apiserver", "kubectl"}

// source is where the archives come from, and how long it may take. setup-envtest itself waits for ever.
type source struct {
	index    string            // URL
	sums     map[string]string // SHA-512 of the pinned archives, by OS/ARCH
	answer   time.Duration     // until the index is there
	pause    time.Duration     // in which nothing of an archive comes
	progress io.Writer
}

// download returns the directory below dir that holds the pinned programs.
func (s source) download(ctx context.Context, dir string) (string, error) {
	platform := versions.PlatformItem{Platform: versions.Platform{OS: runtime.GOOS, Arch: runtime.GOARCH}}
	sum, ok := s.sums[platform.String()]
	if !ok {
		return "", fmt.Errorf("no archive is pinned for %s", platform)
	}
	archive := platform.ArchiveName(version)
	to := filepath.Join(dir, strings.TrimSuffix(archive, ".tar.gz"))
	if missing(to) == "" {
		return to, nil
	}
	client := &remote.HTTPClient{Log: logr.Discard(), IndexURL: s.index}
	if err := s.listed(ctx, client, &platform); err != nil {
		return "", err
	}
	if platform.Hash.Value != sum {
		return "", fmt.Errorf("%s lists %s with the SHA-512 %q, want the pinned %q",
			s.index, archive, platform.Hash.Value, sum)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	stage, err := os.MkdirTemp(dir, ".downloading.")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(stage) //nolint:errcheck // in a cache, where the next run leaves it alone
	fmt.Fprintf(s.progress, "downloading %s from %s\n", archive, s.index)
	packed := filepath.Join(stage, archive)
	if err := s.fetch(ctx, client, platform, packed); err != nil {
		return "", err
	}
	unpacked, err := unpack(ctx, packed, stage, platform.Platform)
	if err != nil {
		return "", err
	}
	if name := missing(unpacked); name != "" {
		return "", fmt.Errorf("%s of %s holds no program %q", archive, s.index, name)
	}
	if err := os.WriteFile(filepath.Join(unpacked, "index"), []byte(s.index+"\n"), 0o644); err != nil {
		return "", err
	}
	if err := os.Rename(unpacked, to); err != nil && missing(to) != "" { // another run may have been faster
		return "", err
	}
	return to, nil
}

// listed asks the index for the archive, and writes its hash into platform.
func (s source) listed(ctx context.Context, client remote.Client, platform *versions.PlatformItem) error {
	ctx, cancel := context.WithTimeout(ctx, s.answer)
	defer cancel()
	err := client.FetchSum(ctx, version, platform)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s did not answer within %s", s.index, s.answer)
	}
	return err
}

// fetch writes the archive to a file, and compares its hash.
func (s source) fetch(ctx context.Context, client remote.Client, platform versions.PlatformItem, file string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(s.pause, func() {
		cancel(fmt.Errorf("of %s nothing came for %s", filepath.Base(file), s.pause))
	})
	defer stalled.Stop()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	err = client.GetVersion(ctx, version, platform, io.MultiWriter(out, resets{stalled, s.pause}))
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return errors.Join(err, out.Close())
}

// resets starts a timer again with everything that is written.
type resets struct {
	timer *time.Timer
	after time.Duration
}

func (r resets) Write(p []byte) (int, error) {
	r.timer.Reset(r.after)
	return len(p), nil
}

// unpack writes an archive's files below stage, and returns their directory.
func unpack(ctx context.Context, archive, stage string, platform versions.Platform) (string, error) {
	in, err := os.Open(archive)
	if err != nil {
		return "", err
	}
	defer in.Close() //nolint:errcheck // read only
	kept, item := store.NewAt(stage), store.Item{Version: version, Platform: platform}
	if err := kept.Add(logr.NewContext(ctx, logr.Discard()), item, in); err != nil {
		return "", err
	}
	dir, err := kept.Path(item)
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755) // the store's directories are read-only, and cannot be moved
}

// missing names a program that dir does not hold, and is empty if it holds all.
func missing(dir string) string {
	for _, name := range programs {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode()&0o100 == 0 {
			return name
		}
	}
	return ""
}
