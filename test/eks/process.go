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

// process is the running aws-iam-authenticator.
type process struct {
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
func startProcess(program, dir string, env, args []string) (*process, error) {
	p := &process{ended: make(chan struct{}), log: filepath.Join(dir, "authenticator.log")}
	log, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), env...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		log.Close() //nolint:errcheck // nothing is in it
		return nil, err
	}
	go func() {
		defer close(p.ended)
		p.follow(out, log)
		_ = p.cmd.Wait() // it is killed: it ignores SIGTERM
	}()
	return p, nil
}

// follow copies the output, and counts.
func (p *process) follow(out io.Reader, log *os.File) {
	defer log.Close() //nolint:errcheck // a log
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		_, _ = log.WriteString(line)
		if strings.Contains(line, watchEvent) || strings.Contains(line, deleteEvent) {
			p.read.Add(1)
		}
		if err != nil {
			return
		}
	}
}

// stop kills it: it does not end on SIGTERM.
func (p *process) stop() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	return err
}

func (p *process) alive(context.Context) error {
	select {
	case <-p.ended:
		return fmt.Errorf("aws-iam-authenticator has ended, see %s", p.log)
	default:
		return nil
	}
}
