package cli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/fatih/color"

	"github.com/aws-auth-guard/aws-auth-guard/test/picture"
)

// TestPicture: the picture of `kubectl awsauth check` shows what the command prints on a terminal about the file in testdata/picture.
func TestPicture(t *testing.T) {
	const (
		file   = "../../../../docs/pictures/check.svg" // from testdata/picture
		prompt = "\x1b[36m$ kubectl awsauth check -f aws-auth.yaml\x1b[0m\n"
	)
	t.Chdir("testdata/picture")
	text := onTerminal(t, "check", "-f", "aws-auth.yaml", "--color", "always")
	svg, err := picture.Window{Title: "kubectl awsauth check"}.Draw(prompt + text)
	if err != nil {
		t.Fatal(err)
	}
	if err := picture.Keep(file, svg, *update); err != nil {
		t.Error(err)
	}
}

// onTerminal is what a command prints where its output is a terminal.
func onTerminal(t *testing.T, args ...string) string {
	t.Helper()
	t.Setenv("KUBECONFIG", "none")
	defer func(before bool) { color.NoColor = before }(color.NoColor)
	screen, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: picture.Columns}); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&text, screen) // fails when the terminal is closed
	}()
	if code := run(context.Background(), args, streams{strings.NewReader(""), terminal, terminal}, func() {}); code == exitFailed {
		t.Errorf("%q could not run", args)
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	_ = screen.Close() // the text is there
	return text.String()
}
