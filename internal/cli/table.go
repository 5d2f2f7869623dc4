package cli

import (
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// columns are rows below a header. Cells are printable, and no word of one is ever broken: it may be an ARN.
type columns struct {
	header []string
	rows   [][]string
	// prose says that the last column is sentences: where the terminal is too narrow, it is wrapped.
	prose bool
	// style colours a padded cell; nil is none. Row 0 is the header.
	style func(row, column int, cell string) string
}

const (
	columnGap = 3
	// minProse is how narrow a column of sentences may be.
	minProse = 30
)

// table is rows in columns.
func table(width int, header []string, rows [][]string) string {
	return columns{header: header, rows: rows}.text(width)
}

// text prints one line for each row, which is what scripts read, where there is no terminal (0) or all of them fit. Else
// the last column is wrapped if it is prose, or each row becomes a paragraph.
func (c columns) text(width int) string {
	widths, before := c.widths()
	last := len(widths) - 1
	switch {
	case width == 0 || before+widths[last] <= width:
		return c.lines(widths, 0)
	case c.prose && width-before >= minProse:
		return c.lines(widths, width-before)
	}
	return c.paragraphs(width)
}

// widths are those of the columns in cells of the terminal, and before is where the last one begins.
func (c columns) widths() (widths []int, before int) {
	widths = make([]int, len(c.header))
	for _, row := range append([][]string{c.header}, c.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], displaywidth.String(cell))
		}
	}
	for _, w := range widths[:len(widths)-1] {
		before += w + columnGap
	}
	return widths, before
}

// lines prints rows with the last column wrapped at some width; 0 is never.
func (c columns) lines(widths []int, wrapAt int) string {
	var b strings.Builder
	last := len(widths) - 1
	for n, row := range append([][]string{c.header}, c.rows...) {
		cells := []string{row[last]}
		if wrapAt > 0 {
			cells = phrase.Wrap(row[last], wrapAt)
		}
		for i, cell := range cells {
			var line strings.Builder
			for column, w := range widths[:last] {
				text := ""
				if i == 0 {
					text = row[column]
				}
				line.WriteString(c.styled(n, column, padded(text, w)) + strings.Repeat(" ", columnGap))
			}
			line.WriteString(c.styled(n, last, cell))
			b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
	return b.String()
}

func (c columns) styled(row, column int, cell string) string {
	if c.style == nil || strings.TrimSpace(cell) == "" {
		return cell
	}
	return c.style(row, column, cell)
}

// paragraphs has the first cell of each row as a heading, and the others with their names below it.
func (c columns) paragraphs(width int) string {
	var b strings.Builder
	for n, row := range c.rows {
		b.WriteString(c.styled(n+1, 0, row[0]) + "\n")
		var rest [][2]string
		for i, cell := range row[1:] {
			if cell != "" {
				rest = append(rest, [2]string{strings.ToLower(c.header[i+1]), cell})
			}
		}
		b.WriteString(pairs(width, "    ", rest))
	}
	return b.String()
}

// pairs prints names with their texts beside them, wrapped at a width; 0 is never.
func pairs(width int, indent string, rows [][2]string) string {
	names := 0
	for _, row := range rows {
		names = max(names, displaywidth.String(row[0]))
	}
	var b strings.Builder
	before := indent + strings.Repeat(" ", names+columnGap)
	for _, row := range rows {
		b.WriteString(hanging(width, indent+padded(row[0], names+columnGap), before, row[1]))
	}
	return b.String()
}

// hanging prints a text behind first, and wraps it at a width, with its other lines behind rest; 0 is never.
func hanging(width int, first, rest, text string) string {
	lines := []string{text}
	if width > 0 {
		lines = phrase.Wrap(text, max(width-displaywidth.String(rest), 1))
	}
	return strings.TrimRight(first+strings.Join(lines, "\n"+rest), " ") + "\n"
}

func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(width-displaywidth.String(s), 0))
}
