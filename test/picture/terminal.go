// Package picture draws what a program printed on a terminal, as an SVG for the documentation, and keeps such a file up to date.
package picture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"math"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// Columns is how wide the terminal is.
const Columns = 80

// Sizes in the picture's unit, a pixel where it is not scaled. A letter of most monospaced fonts is 0.6 of the font size
// wide; the attribute textLength makes it so in all of them, so that columns line up whatever font the reader has.
const (
	fontSize  = 14.0
	cell      = fontSize * 0.6
	lineSpace = 20.0
	margin    = 18.0
	bar       = 36.0 // the bar with the title, on top of the window
)

// frame begins a picture: width, height, title, width, height, the middle, and the title.
const frame = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]g %[2]g" width="%[1]g" height="%[2]g" role="img">
<title>%[3]s</title>
<style>
text { font: %[4]gpx ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace; fill: #d5dbe3; white-space: pre }
.title { fill: #9aa4b2; text-anchor: middle }
.bold { font-weight: bold; fill: #ffffff }
.faint { fill: #9aa4b2 }
.red { fill: #ff8880 }
.green { fill: #7ee2a0 }
.yellow { fill: #f2cc60 }
.cyan { fill: #79d4ea }
</style>
<rect x="0.5" y="0.5" width="%[5]g" height="%[6]g" rx="9" fill="#171c24" stroke="#4a5462"/>
<circle cx="20" cy="18" r="5.5" fill="#ff6b60"/><circle cx="38" cy="18" r="5.5" fill="#f5bf4f"/><circle cx="56" cy="18" r="5.5" fill="#5ac466"/>
<text class="title" x="%[7]g" y="23">%[3]s</text>
<g xml:space="preserve">
`

// Window is a terminal on a desktop.
type Window struct {
	// Title is in its bar, and what a screen reader says.
	Title string
	// Rows is how many rows of the text are in sight, from the first one on; 0: all.
	Rows int
}

// Draw is the window with a text in it, as a terminal shows that, which breaks the lines that are too long. The text may have the
// escape sequences of colours.
func (w Window) Draw(text string) ([]byte, error) {
	rows, err := screen(text)
	if err != nil {
		return nil, err
	}
	if w.Rows > 0 {
		rows = rows[:min(w.Rows, len(rows))]
	}
	var b bytes.Buffer
	width, height := Columns*cell+2*margin, bar+float64(len(rows))*lineSpace+margin
	fmt.Fprintf(&b, frame, width, height, escaped(w.Title), fontSize, width-1, height-1, width/2)
	for i, row := range rows {
		for _, r := range row {
			fmt.Fprintf(&b, `<text%s x="%g" y="%g" textLength="%g">%s</text>`+"\n",
				r.class, rounded(margin+float64(r.column)*cell), bar+float64(i+1)*lineSpace-5, rounded(float64(r.width)*cell), escaped(r.text))
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes(), nil
}

// run is text of one style, at a column of its row. Blanks at its ends are left out.
type run struct {
	column, width int
	class, text   string
}

// screen is what a terminal makes of a text, row by row, up to the last that is not empty.
func screen(text string) ([][]run, error) {
	height := 0
	var typed strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		height += 1 + ansi.StringWidth(line)/Columns
		typed.WriteString(line + "\r\n")
	}
	terminal := vt.NewEmulator(Columns, height+1)
	if _, err := terminal.WriteString(typed.String()); err != nil {
		return nil, err
	}
	var rows [][]run
	last := 0
	for y := range height {
		row, err := runs(terminal, y)
		if err != nil {
			return nil, err
		}
		if rows = append(rows, row); len(row) > 0 {
			last = y + 1
		}
	}
	return rows[:last], terminal.Close()
}

func runs(terminal *vt.Emulator, y int) ([]run, error) {
	var row []run
	for x := 0; x < Columns; x++ {
		c := terminal.CellAt(x, y)
		if c == nil || c.Width == 0 || c.Content == " " {
			continue // nothing is there, or the second half of a wide character, which belongs to the first
		}
		class, err := classOf(c.Style)
		if err != nil {
			return nil, fmt.Errorf("row %d, column %d: %w", y+1, x+1, err)
		}
		if n := len(row); n > 0 && row[n-1].class == class {
			r := &row[n-1]
			r.text += strings.Repeat(" ", x-r.column-r.width) + c.Content
			r.width = x - r.column + c.Width
		} else {
			row = append(row, run{column: x, width: c.Width, class: class, text: c.Content})
		}
	}
	return row, nil
}

// classes are the colours that our programs use.
var classes = map[color.Color]string{
	nil: "", ansi.Red: "red", ansi.Green: "green", ansi.Yellow: "yellow", ansi.Cyan: "cyan", ansi.BrightBlack: "faint",
}

// classOf is the attribute that gives text its style.
func classOf(s uv.Style) (string, error) {
	class, ok := classes[s.Fg]
	if !ok || s.Bg != nil || s.Attrs&^(uv.AttrBold|uv.AttrFaint) != 0 {
		return "", fmt.Errorf("there is no class for the style %+v: add one to the style sheet of the frame", s)
	}
	var names []string
	if s.Attrs&uv.AttrBold != 0 {
		names = append(names, "bold")
	}
	if s.Attrs&uv.AttrFaint != 0 {
		class = "faint"
	}
	if class != "" {
		names = append(names, class)
	}
	if len(names) == 0 {
		return "", nil
	}
	return ` class="` + strings.Join(names, " ") + `"`, nil
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}

// rounded leaves out the noise behind the second decimal.
func rounded(x float64) float64 { return math.Round(x*100) / 100 }
