package eks

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
)

// stepAnnotation changes with every step, so that each write is an event of its own.
const stepAnnotation = "aws-auth-guard.test/step"

// Put writes aws-auth as the cluster admin, past any webhook that is not installed, and waits until the authenticator has
// read it.
func (a *Authenticator) Put(ctx context.Context, data map[string]string) error {
	// The authenticator reports that it reads before it has read. A second event, which it takes up after the first is done, shows
	// that the first is in force. It is written once the first was reported: a watch that begins only now shows both as one.
	for range 2 {
		if err := a.write(ctx, data); err != nil {
			return err
		}
		if err := poll(ctx, a.mapRead); err != nil {
			return err
		}
	}
	return nil
}

// Delete deletes aws-auth, and waits until the authenticator has seen it.
func (a *Authenticator) Delete(ctx context.Context) error {
	if err := a.Put(ctx, nil); err != nil {
		return err
	}
	err := a.Admin.CoreV1().ConfigMaps(namespace).Delete(ctx, admission.Name, metav1.DeleteOptions{})
	if err != nil {
		return err
	}
	a.written++
	return poll(ctx, a.mapRead)
}

func (a *Authenticator) write(ctx context.Context, data map[string]string) error {
	maps := a.Admin.CoreV1().ConfigMaps(namespace)
	a.step++
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: admission.Name, Namespace: namespace,
		Annotations: map[string]string{stepAnnotation: fmt.Sprint(a.step)}}, Data: data}
	_, err := maps.Update(ctx, cm, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = maps.Create(ctx, cm, metav1.CreateOptions{})
	}
	if err == nil {
		a.written++
	}
	return err
}

// mapRead reports that the authenticator has reported every write of aws-auth since it was started.
func (a *Authenticator) mapRead(context.Context) error {
	if a.options.Mode == API {
		return nil
	}
	if read := a.process.read.Load(); read < a.written {
		return fmt.Errorf("the authenticator has read aws-auth %d times, want %d", read, a.written)
	}
	return nil
}

// poll waits for a condition that holds within milliseconds.
func poll(ctx context.Context, condition func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		last = condition(ctx)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}
