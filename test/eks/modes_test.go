package eks_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/eks"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// TestModes has a developer in aws-auth and in an access entry, under each authentication mode.
func TestModes(t *testing.T) {
	e := start(t, eks.Options{})
	if err := e.Put(t.Context(), map[string]string{awsauth.MapRoles: mapRoles}); err != nil {
		t.Fatal(err)
	}
	const byEntry, byMap, none = "arn:aws:sts::111122223333:assumed-role/dev/alice", "dev:alice", ""
	alive := fake.AccessEntry{Principal: dev.ARN, Groups: []string{"viewers"}}
	dead := alive
	dead.UniqueID = "AROAOFANOTHERROLE" // the role was deleted and made again since
	withPath := alive
	withPath.Principal = "arn:aws:iam::111122223333:role/team/dev"
	withPath.UniqueID = e.AWS.UniqueID(dev.ARN)
	for _, tt := range []struct {
		mode  eks.Mode
		byARN bool
		entry fake.AccessEntry
		want  string
	}{
		{eks.ConfigMap, false, alive, byMap},
		{eks.APIAndConfigMap, false, alive, byEntry},
		{eks.APIAndConfigMap, false, dead, byMap},
		{eks.APIAndConfigMap, true, dead, byEntry},
		{eks.APIAndConfigMap, false, withPath, byEntry},
		{eks.APIAndConfigMap, true, withPath, byMap},
		{eks.API, false, alive, byEntry},
		{eks.API, false, dead, none},
	} {
		t.Run(fmt.Sprintf("%s by ARN %v, %s %s", tt.mode, tt.byARN, filepath.Base(tt.entry.Principal), tt.entry.UniqueID), func(t *testing.T) {
			if err := e.SetMode(t.Context(), tt.mode, tt.byARN); err != nil {
				t.Fatal(err)
			}
			if err := e.SetAccessEntries(t.Context(), tt.entry); err != nil {
				t.Fatal(err)
			}
			switch tt.want {
			case none:
				refused(t, e, dev)
			case byMap:
				want(t, e, dev, byMap, "developers")
			default:
				want(t, e, dev, byEntry, "viewers")
			}
			if tt.mode == eks.API {
				refused(t, e, node)
			} else {
				want(t, e, node, "system:node:"+nodeName, "system:bootstrappers", "system:nodes")
			}
		})
	}
}

// childVariable names the directory of a child that TestEndsWithParent starts.
const childVariable = "AWS_AUTH_GUARD_EKS_CHILD"

// TestEndsWithParent kills a process that has started everything: nothing stays behind.
func TestEndsWithParent(t *testing.T) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
	}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("KUBEBUILDER_ASSETS is not set: `make test` builds a control plane and sets it")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestEndsWithParent$")
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child starts nothing: %v", err)
	}
	var pids []int
	if err := json.Unmarshal([]byte(line), &pids); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if len(pids) != 3 {
		t.Fatalf("the child has started %d, want etcd, kube-apiserver and %s", pids, eks.Program)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	err = guarded.Poll(t.Context(), func(context.Context) error {
		for _, pid := range pids {
			if state := stateOf(pid); state != "" {
				return fmt.Errorf("process %d is still there: %s", pid, state)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// stateOf is what /proc says of a process that has not ended; a zombie has.
func stateOf(pid int) string {
	if syscall.Kill(pid, 0) != nil {
		return ""
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return ""
	}
	_, state, _ := strings.Cut(string(status), "State:")
	state, _, _ = strings.Cut(strings.TrimSpace(state), "\n")
	if strings.HasPrefix(state, "Z") {
		return ""
	}
	return state
}

// child starts everything, prints the ids of its processes, and waits to be killed.
func child(dir string) {
	ctx := context.Background()
	if _, err := eks.Start(ctx, dir, eks.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.pid"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pids := []int{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		pids = append(pids, pid)
	}
	_ = json.NewEncoder(os.Stdout).Encode(pids)
	time.Sleep(time.Hour) // until it is killed
	os.Exit(0)
}
