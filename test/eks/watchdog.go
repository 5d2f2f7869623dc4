package eks

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// watchdog kills the processes when this one is gone, however it ended: it reads from a pipe that nobody writes to, and whose
// end it sees when the last writer, this process, does not exist any more.
type watchdog struct {
	dir  string
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// watchScript kills every process whose id is in a .pid file of the directory.
const watchScript = `cat >/dev/null
for f in "$1"/*.pid; do
  [ -s "$f" ] && kill -9 "$(cat "$f")" 2>/dev/null
done
exit 0`

func startWatchdog(dir string) (*watchdog, error) {
	w := &watchdog{dir: dir, cmd: exec.Command("sh", "-c", watchScript, "watchdog", dir)}
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a Ctrl-C in the terminal is not for it
	var err error
	if w.pipe, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return w, w.cmd.Start()
}

// guard names a process that must not outlive this one.
func (w *watchdog) guard(name string, pid int) error {
	return os.WriteFile(filepath.Join(w.dir, name+".pid"), []byte(strconv.Itoa(pid)), 0o600)
}

// stop ends the watchdog after all that it watches has ended.
func (w *watchdog) stop() error {
	files, err := filepath.Glob(filepath.Join(w.dir, "*.pid"))
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	return errors.Join(err, w.pipe.Close(), w.cmd.Wait())
}
