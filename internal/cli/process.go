package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"k8s.io/klog/v2"
)

// Main runs the plugin with the streams of the process, and returns its exit code. args are those of the process, with
// the program's name.
//
// It leaves signals to the Go runtime, as kubectl does: the process ends at once, by the signal itself, so that a shell
// reports 130 for Ctrl-C and ends its script. There is nothing to clean up but a temporary file of check --fix, and
// client-go would wait for an exec plugin whatever a context says.
func Main(args []string) int {
	stderr := os.Stderr
	logTo(&screen{Writer: stderr})
	settle, err := screenPlugins(&screen{Writer: stderr})
	if err != nil {
		fmt.Fprintf(stderr, "error: cannot read what exec plugins say: %s\n", errorText(err))
		return exitFailed
	}
	return run(context.Background(), arguments(args), streams{os.Stdin, os.Stdout, stderr}, settle)
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// logTo sends there, once, what client-go logs: it repeats what a server says, and writes to stderr as it is.
func logTo(w io.Writer) {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL", "one_output": "true"} {
		_ = flags.Set(name, value) // klog has these flags
	}
	klog.SetOutput(w)
}

// settleTime is how long a process that an exec plugin left behind may hold up the answer, by keeping stderr open.
const settleTime = 200 * time.Millisecond

// screenPlugins sends there what the exec plugins of kubeconfig files say. client-go gives them os.Stderr as it is when
// the first client is made, and has no other hook (plugin/pkg/client/auth/exec). settle returns when all is written
// that they said; nothing comes through after it.
func screenPlugins(w *screen) (settle func(), err error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	os.Stderr = to
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(w, from) // there is nobody to say it to
		w.flush()
	}()
	return func() {
		_ = to.Close()
		select {
		case <-done:
		case <-time.After(settleTime):
		}
	}, nil
}
