package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fix"
	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// input reads files and standard input.
type input struct {
	stdin io.Reader
	// fixer fixes what is read to be judged.
	fixer fixer
}

// draft is an object that somebody wrote, and where its text is.
type draft struct {
	name     string
	object   *corev1.ConfigMap // nil if it could not be parsed
	old      *corev1.ConfigMap // what it is an edit of, nil for a new object
	cluster  *corev1.ConfigMap // the object in the cluster that is asked about it, nil if none is
	unedited bool              // it is that, or a copy of it as it is
	findings []validate.Finding
	sources  []report.Source
	notes    []string
}

func (in *input) read(name string) (shown string, data []byte, err error) {
	if name == "-" {
		data, err = readLimited(in.stdin)
		if err != nil {
			err = fmt.Errorf("cannot read standard input: %w", err)
		}
		return "stdin", data, err
	}
	f, err := os.Open(name)
	if err != nil {
		return name, nil, fileError(name, err)
	}
	defer f.Close() //nolint:errcheck // read only
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return name, nil, fmt.Errorf("%s is a directory, want a file", name)
	}
	if data, err = readLimited(f); err != nil {
		return name, nil, fileError(name, err)
	}
	return name, data, nil
}

// readLimited reads one byte more than a manifest may have, so that the manifest's reader sees that it is too large.
func readLimited(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, manifest.MaxSize+1))
}

func fileError(name string, err error) error {
	return fmt.Errorf("cannot read %s: %w", name, bareError(err))
}

// bareError is an error without the name of the file, which the message has already.
func bareError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func (in *input) manifest(name string) (*draft, error) {
	shown, data, err := in.read(name)
	if err != nil {
		return nil, err
	}
	if data, err = in.fixer.fix(name, shown, data, fix.Manifest); err != nil {
		return nil, err
	}
	f, err := manifest.Read(shown, data)
	if err != nil {
		return nil, err
	}
	return &draft{name: f.Name, object: f.ConfigMap, findings: f.Findings, notes: f.Notes,
		sources: []report.Source{{Name: f.Name, Text: f.Text, Locate: f.Locate, Find: f.Find}}}, nil
}

// object reads a manifest where no verdict on its YAML is asked for: it must hold an object.
func (in *input) object(name string) (*corev1.ConfigMap, *report.Source, error) {
	d, err := in.manifest(name)
	if err != nil {
		return nil, nil, err
	}
	if d.object == nil {
		f := d.findings[0]
		return nil, nil, fmt.Errorf("%s:%d:%d: %s", d.sources[0].Name, f.Line, f.Column, f.Message)
	}
	return d.object, &d.sources[0], nil
}

// bare makes the object out of the values in files, by data key. Those not given are as they were.
func (in *input) bare(files [3]string, old *corev1.ConfigMap) (*draft, error) {
	cm := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}}
	if old != nil {
		cm = old.DeepCopy()
	}
	if cm.Data == nil {
		cm.Data = map[string]string{}
	}
	d := &draft{name: "aws-auth", object: cm}
	for i, name := range files {
		if name == "" {
			continue
		}
		shown, data, err := in.read(name)
		if err != nil {
			return nil, err
		}
		byKey := func(text string) (string, []fix.Change) { return fix.Value(awsauth.Keys[i], text) }
		if data, err = in.fixer.fix(name, shown, data, byKey); err != nil {
			return nil, err
		}
		text, value, err := manifest.Bare(shown, data)
		if err != nil {
			return nil, err
		}
		cm.Data[awsauth.Keys[i]] = value
		if len(d.sources) == 0 {
			d.name = shown
		}
		d.sources = append(d.sources, bareSource(shown, text, awsauth.Keys[i]))
	}
	return d, nil
}

// bareSource is a file that is one value: its places are the value's.
func bareSource(name, text, dataKey string) report.Source {
	return report.Source{Name: name, Text: text, Locate: func(key string, line, column int) (int, int, bool) {
		return line, column, key == dataKey
	}}
}

// checkSize is an error for an object that the API server, and so the webhook, refuses for its size.
func checkSize(cm *corev1.ConfigMap) error {
	if size := validate.DataSize(cm); size > validate.MaxDataSize {
		return fmt.Errorf("data holds %d bytes, and the API server takes no ConfigMap with more than %d",
			size, validate.MaxDataSize)
	}
	return nil
}

// readManifest is a manifest as a text that findings point into.
func readManifest(name, text string) (report.Source, error) {
	f, err := manifest.Read(name, []byte(text))
	if err != nil {
		return report.Source{}, err
	}
	return report.Source{Name: f.Name, Text: f.Text, Locate: f.Locate, Find: f.Find}, nil
}
