package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// replaceFile writes a file anew, whole or not at all: beside it, and then into its place. A link stays one. was is what
// was read of it: what somebody has written since is not lost.
func replaceFile(name string, was, data []byte) (err error) {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fileError(name, err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return fileError(name, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("cannot write %s: it is not a regular file", name)
	}
	writable, err := os.OpenFile(target, os.O_WRONLY, 0) // a read-only file is meant to stay
	if err != nil {
		return cannotWrite(name, err)
	}
	if err := writable.Close(); err != nil {
		return cannotWrite(name, err)
	}
	beside, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return cannotWrite(name, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(beside.Name()) // the error says what is wrong
		}
	}()
	_, err = beside.Write(data)
	err = errors.Join(err, beside.Chmod(info.Mode().Perm()), beside.Sync(), beside.Close())
	if err != nil {
		return cannotWrite(name, err)
	}
	if now, err := os.ReadFile(target); err != nil || !bytes.Equal(now, was) {
		return fmt.Errorf("cannot write %s: it has changed in the meantime; try again", name)
	}
	return cannotWrite(name, os.Rename(beside.Name(), target))
}

func cannotWrite(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot write %s: %w", name, bareError(err))
}
