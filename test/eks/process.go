package eks

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// authenticator is the running aws-iam-authenticator.
type authenticator struct {
	cmd   *exec.Cmd
	ended chan struct{}
	// read counts how often it says that it reads aws-auth.
	read atomic.Int64
	log  string
}

const (
	watchEvent  = "Received aws-auth watch event"
	deleteEvent = "Resetting configmap on delete"
)

// startAuthenticator starts one whose output goes to a file in dir.
func startAuthenticator(program, dir string, env, args []string) (*authenticator, error) {
	a := &authenticator{ended: make(chan struct{}), log: filepath.Join(dir, "authenticator.log")}
	log, err := os.OpenFile(a.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	a.cmd = exec.Command(program, args...)
	a.cmd.Env = append(os.Environ(), env...)
	out, err := a.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		log.Close() //nolint:errcheck // nothing is in it
		return nil, err
	}
	go func() {
		defer close(a.ended)
		a.follow(out, log)
		_ = a.cmd.Wait() // it is killed: it ignores SIGTERM
	}()
	return a, nil
}

// follow copies the output, and counts.
func (a *authenticator) follow(out io.Reader, log *os.File) {
	defer log.Close() //nolint:errcheck // a log
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		_, _ = log.WriteString(line)
		if strings.Contains(line, watchEvent) || strings.Contains(line, deleteEvent) {
			a.read.Add(1)
		}
		if err != nil {
			return
		}
	}
}

// stop kills it: it does not end on SIGTERM.
func (a *authenticator) stop() error {
	err := a.cmd.Process.Kill()
	<-a.ended
	return err
}

func (a *authenticator) alive(context.Context) error {
	select {
	case <-a.ended:
		return fmt.Errorf("aws-iam-authenticator has ended, see %s", a.log)
	default:
		return nil
	}
}
