package manifest

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// lintHidden finds the first character around the values that a reader cannot see.
func (f *File) lintHidden() {
	d := f.object.doc
	var inComment func(int) bool // worked out once it is asked for
	for i, c := range d.text {
		if !hidden(c) || f.inValue(d.offset+i) {
			continue
		}
		if inComment == nil {
			inComment = awsauth.Comments(d.text)
		}
		if joins(c) && inComment(i) {
			continue
		}
		f.found(ambiguousYAML, d.offset+i, validate.Finding{Value: string(c),
			Message: fmt.Sprintf("there is an invisible character U+%04X here", c),
			Why:     "the text is not what a reader sees", Fix: "delete the character"})
		return
	}
}

// hidden reports zero-width and bidirectional characters. The rules check what is inside a value.
func hidden(r rune) bool {
	return r == '\ufeff' || r >= '\u200b' && r <= '\u200f' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// joins reports those that people write in a comment: in emoji, Persian, Hindi, Hebrew.
func joins(r rune) bool { return r == '\ufeff' || r >= '\u200b' && r <= '\u200f' }

// inValue reports a byte inside one of the values, which the rules look at.
func (f *File) inValue(offset int) bool {
	for _, p := range f.places {
		if n := len(p.at); n > 0 && p.at[0] <= offset && offset < p.at[n-1] {
			return true
		}
	}
	return false
}
