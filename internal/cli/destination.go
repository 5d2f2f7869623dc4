package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
)

// fieldManager names this program in managedFields.
const fieldManager = "kubectl-awsauth"

// destination is where an aws-auth is read, changed and written again.
type destination interface {
	// read returns the object as it is; nil if there is none yet.
	read(ctx context.Context) (*corev1.ConfigMap, error)
	// write writes a changed object. With dryRun the answer is the same, and nothing is written.
	write(ctx context.Context, updated *corev1.ConfigMap, dryRun bool) error
	// name names it in a sentence; isLive says that it is the object in the cluster.
	name() string
	isLive() bool
}

// liveTarget is the object in the cluster.
type liveTarget struct {
	cluster clusterOptions
	// warned are the warnings of the last answer.
	warned []string
}

func (t *liveTarget) name() string { return "configmap/aws-auth" }
func (t *liveTarget) isLive() bool { return true }

func (t *liveTarget) read(ctx context.Context) (*corev1.ConfigMap, error) {
	cm, err := t.cluster.live(ctx)
	if err != nil {
		return nil, &clusterError{fmt.Sprintf("no aws-auth from the cluster: %s", err),
			[]string{"or change a manifest: name it with -f FILE"}, err}
	}
	return cm, nil
}

// HandleWarningHeader keeps the warnings of an answer.
func (t *liveTarget) HandleWarningHeader(code int, _, text string) {
	if code == 299 && text != "" { // what client-go prints as well (rest.WarningLogger)
		t.warned = append(t.warned, text)
	}
}

func (t *liveTarget) write(ctx context.Context, updated *corev1.ConfigMap, dryRun bool) error {
	config, err := t.cluster.config()
	if err != nil {
		return err
	}
	config.WarningHandler, t.warned = t, nil
	client, err := corev1client.NewForConfig(config)
	if err != nil {
		return t.cluster.explain(err)
	}
	var mode []string
	if dryRun {
		mode = []string{metav1.DryRunAll}
	}
	objects := client.ConfigMaps(updated.Namespace)
	if updated.ResourceVersion == "" {
		_, err = objects.Create(ctx, updated, metav1.CreateOptions{DryRun: mode, FieldManager: fieldManager})
		if apierrors.IsAlreadyExists(err) { // somebody else was faster
			err = apierrors.NewConflict(corev1.Resource("configmaps"), updated.Name, err)
		}
	} else {
		_, err = objects.Update(ctx, updated, metav1.UpdateOptions{DryRun: mode, FieldManager: fieldManager})
	}
	switch {
	case err == nil, apierrors.IsConflict(err):
		return err
	case deniedByAdmission(err):
		return newDenial(err)
	}
	return fmt.Errorf("cannot write configmap kube-system/aws-auth: %w", t.cluster.explain(err))
}

// fileTarget is a manifest.
type fileTarget struct {
	in   *input
	file string
	out  io.Writer // for a manifest from standard input
	was  *manifest.File
	data []byte // of the file
	bom  string
}

func (t *fileTarget) name() string {
	if t.file == "-" {
		return "stdin"
	}
	return t.file
}

func (t *fileTarget) isLive() bool { return false }

func (t *fileTarget) read(context.Context) (*corev1.ConfigMap, error) {
	shown, data, err := t.in.read(t.file)
	if err != nil {
		return nil, err
	}
	t.data = data
	if t.was, err = manifest.Read(shown, data); err != nil {
		return nil, err
	}
	if t.was.ConfigMap == nil {
		f := t.was.Findings[0]
		return nil, fmt.Errorf("%s:%d:%d: %s", shown, f.Line, f.Column, f.Message)
	}
	if strings.HasPrefix(string(data), "\ufeff") {
		t.bom = "\ufeff"
	}
	return t.was.ConfigMap, checkSize(t.was.ConfigMap)
}

// text is that of the file with a changed object.
func (t *fileTarget) text(updated *corev1.ConfigMap) (string, error) {
	for key := range t.was.ConfigMap.Data {
		if _, ok := updated.Data[key]; !ok {
			return "", fmt.Errorf("%s: data.%s cannot be removed here; change its name in the file", t.file, key)
		}
	}
	text, err := t.was.With(updated.Data)
	var unwritable *manifest.UnwritableError
	if errors.As(err, &unwritable) {
		return "", &clusterError{err.Error(),
			[]string{fmt.Sprintf("write %s: | with a text editor, in %s, and try again", unwritable.Key, t.name())}, err}
	}
	return text, err
}

func (t *fileTarget) write(_ context.Context, updated *corev1.ConfigMap, dryRun bool) error {
	text, err := t.text(updated)
	switch {
	case err != nil:
		return err
	case t.file == "-" && !dryRun:
		_, err = io.WriteString(t.out, t.bom+text)
		return err
	case dryRun:
		return nil
	}
	return replaceFile(t.file, t.data, []byte(t.bom+text))
}

// unscreen is the stream below a screen, for an editor: it has the terminal to itself.
func unscreen(w io.Writer) io.Writer {
	if s, ok := w.(*screen); ok {
		return s.Writer
	}
	return w
}
