package cli

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// denial is what a webhook or an admission policy of the cluster says against an edit.
type denial struct{ findings []serverFinding }

func (d *denial) Error() string { return "the cluster denies the edit" }

// serverFinding is a finding as the cluster words it: lines without a line end.
type serverFinding struct {
	field string
	lines []string
}

// deniedByAdmission distinguishes a denial of an edit from that of the right to make one.
func deniedByAdmission(err error) bool {
	text := err.Error()
	return apierrors.IsInvalid(err) || strings.Contains(text, "admission webhook ") ||
		strings.Contains(text, "ValidatingAdmissionPolicy ")
}

func newDenial(err error) *denial {
	var status apierrors.APIStatus
	d := &denial{}
	if errors.As(err, &status) {
		if details := status.Status().Details; details != nil {
			for _, cause := range details.Causes {
				d.findings = append(d.findings, newServerFinding(cause.Field, cause.Message))
			}
		}
	}
	if len(d.findings) == 0 {
		d.findings = append(d.findings, newServerFinding("", message(err)))
	}
	return d
}

// fieldFirst is how the floor begins: it has one line for the field and the rest.
var fieldFirst = regexp.MustCompile(`^((?:data|metadata|binaryData|immutable)[\w.\[\]-]*): (AA\d.*)`)

func newServerFinding(field, text string) serverFinding {
	if _, rest, ok := strings.Cut(text, " denied request: "); ok { // a ValidatingAdmissionPolicy (k8s.io/apiserver)
		text = rest
	}
	if m := fieldFirst.FindStringSubmatch(text); m != nil && !strings.Contains(text, "\n") {
		field, text = m[1], m[2]
		text = strings.ReplaceAll(text, "; fix: ", "\n    fix: ")
		text = strings.ReplaceAll(text, "; why: ", "\n    why: ")
	}
	if field == "<nil>" {
		field = ""
	}
	return serverFinding{field, strings.Split(strings.TrimSpace(text), "\n")}
}

// says reports that the cluster says what was found here. The floor names a whole value, and not the field in it.
func (f serverFinding) says(found validate.Finding) bool {
	return strings.HasPrefix(f.lines[0], found.Head()) && strings.HasPrefix(found.Field, f.field)
}

// write prints a denial as findings.
func (d *denial) write(w io.Writer) {
	for _, f := range d.findings {
		head := "error: "
		if f.field != "" {
			head += report.Visible(f.field) + ": "
		}
		for i, line := range f.lines {
			if i > 0 {
				head = ""
			}
			fmt.Fprintf(w, "%s%s\n", head, report.Visible(line))
		}
	}
}
