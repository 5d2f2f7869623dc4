//go:build e2e

package installed

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// node is where test/cluster keeps the process ids of the cluster's programs, inside its namespaces.
const node = "/run/cluster/"

// onNode reports whether the tests run where the node's processes are.
func onNode() bool {
	_, err := os.Stat(node + "kube-apiserver.pid")
	return err == nil
}

// needsNode skips a test on a cluster that is somewhere else.
func needsNode(t *testing.T) {
	t.Helper()
	if !onNode() {
		t.Skip("needs the node's processes: make e2e without KUBECONFIG, as root on Linux, runs it")
	}
}

// process is the guard's process in a pod.
func process(pod corev1.Pod) (int, error) {
	if len(pod.Status.ContainerStatuses) != 1 {
		return 0, fmt.Errorf("pod %s has no container yet", pod.Name)
	}
	_, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	out, err := exec.Command("ctr", "tasks", "ls").Output()
	if err != nil {
		return 0, fmt.Errorf("ctr tasks ls: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && id != "" && f[0] == id {
			return strconv.Atoi(f[1])
		}
	}
	return 0, fmt.Errorf("the container %q of pod %s does not run", id, pod.Name)
}

// memory is that of a pod's process, in bytes, and measured.
func memory(t *testing.T, p corev1.Pod, as string) int64 {
	t.Helper()
	pid, err := process(p)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := resident(pid)
	if err != nil {
		t.Fatal(err)
	}
	measured(as, fmt.Sprintf("%.1f", float64(bytes)/(1<<20)))
	return bytes
}

// resident is the memory of a process, in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}

// age is how long ago a process was started.
func age(pid int) (time.Duration, error) {
	const tick = 10 * time.Millisecond // USER_HZ, the same on every Linux that Kubernetes runs on
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, which may hold anything, ends with the last parenthesis; starttime is the 20th field after it.
	fields := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])
	started, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil {
		return 0, err
	}
	f, err := os.Open("/proc/uptime")
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // read only
	var uptime float64
	if _, err := fmt.Fscan(bufio.NewReader(f), &uptime); err != nil {
		return 0, err
	}
	return time.Duration(uptime*float64(time.Second)) - time.Duration(started)*tick, nil
}

// program is the process id of one of the cluster's programs.
func program(name string) (int, error) {
	text, err := os.ReadFile(node + name + ".pid")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
