package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/fatih/color"
	"github.com/mattn/go-colorable"

	"github.com/aws-auth-guard/aws-auth-guard/test/picture"
)

// pictured are the chapters that the picture shows: the same edit without the guard and with it.
var pictured = []string{"Without the guard: a tab", "With the guard: the same tab"}

// pictureFile is below the directory of this module, in which make runs the demo.
const pictureFile = "docs/pictures/demo.svg"

// recorder passes the story on to standard output, and keeps its chapters, with their colours.
type recorder struct {
	chapter  *bytes.Buffer
	chapters map[string]*bytes.Buffer
}

// newRecorder has everything printed in colours. Where standard output should have none, they are taken off there.
func newRecorder() *recorder {
	if color.NoColor {
		color.NoColor, color.Output = false, colorable.NewNonColorable(os.Stdout)
	}
	return &recorder{chapter: new(bytes.Buffer), chapters: map[string]*bytes.Buffer{}}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.chapter.Write(p)
	return color.Output.Write(p)
}

// open begins a chapter.
func (r *recorder) open(title string) {
	r.chapter = new(bytes.Buffer)
	r.chapters[title] = r.chapter
}

// keepPicture compares the chapters with their picture, or writes that.
func (r *recorder) keepPicture(update bool) error {
	var text strings.Builder
	for _, title := range pictured {
		chapter, ok := r.chapters[title]
		if !ok {
			return fmt.Errorf("the story has no chapter %q for its picture", title)
		}
		text.Write(chapter.Bytes())
	}
	svg, err := picture.Window{Title: "make demo"}.Draw(strings.TrimPrefix(text.String(), "\n"))
	if err != nil {
		return err
	}
	return picture.Keep(pictureFile, svg, update)
}
