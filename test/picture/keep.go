package picture

import (
	"bytes"
	"fmt"
	"os"

	"github.com/aymanbagabas/go-udiff"
)

// Keep compares a file with the picture that is drawn now, and says how they differ. With update it writes the file.
func Keep(file string, picture []byte, update bool) error {
	if update {
		return os.WriteFile(file, picture, 0o644)
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w: write it with make pictures", err)
	}
	if !bytes.Equal(kept, picture) {
		return fmt.Errorf("%s is out of date: write it with make pictures\n%s", file, udiff.Unified(file, "now", string(kept), string(picture)))
	}
	return nil
}
