package awsauth

import "strings"

// Literally is what a text becomes for every caller of a principal; ok is false if it depends on the caller.
func Literally(written, arn string) (name string, ok bool) {
	if !strings.Contains(written, "{{") {
		return written, true
	}
	of, _ := ParseARN(arn) // where it is none, nothing is known of it
	t := ParseTemplate(written, of)
	return t.Text(), t.Literal()
}
