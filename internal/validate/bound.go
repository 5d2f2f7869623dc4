package validate

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// What it costs to judge an object goes by what YAML takes apart: line ends, commas and opening brackets, here called
// marks. One costs up to 600 bytes until the verdict. An entry that matches somebody has an ARN in it and so one mark
// in ten bytes at most: a ConfigMap that is full to the brim has 80,000 at most.

// What an object may have to be judged.
const (
	MaxMarks = 96 << 10
	// MaxKeys is for data and binaryData each: aws-auth has three keys.
	MaxKeys   = 1000
	MaxOwners = 1000
)

// ErrTooLarge keeps from the rules what no aws-auth can be.
var ErrTooLarge = errors.New("too large")

// Marks is what YAML takes an object apart by.
func Marks(cm *corev1.ConfigMap) (n int) {
	if cm == nil {
		return 0
	}
	for _, value := range cm.Data {
		n += 1 + strings.Count(value, "\n") + strings.Count(value, ",") + strings.Count(value, "[") + strings.Count(value, "{")
	}
	return n
}

// Bound is an error for an edit whose new data is no aws-auth, unless the old one has the same. Where only the old one
// is none, it counts as empty: so it can be fixed, and nothing of it makes the new one better.
func Bound(edit *Request) error {
	if edit.Old != nil && edit.New != nil && maps.Equal(edit.Old.Data, edit.New.Data) {
		return nil
	}
	if cm := edit.New; cm != nil && (len(cm.Data) > MaxKeys || len(cm.BinaryData) > MaxKeys || len(cm.OwnerReferences) > MaxOwners) {
		return fmt.Errorf("the object is %w to judge: it has %d keys and %d owners, and no aws-auth needs more than %d",
			ErrTooLarge, len(cm.Data)+len(cm.BinaryData), len(cm.OwnerReferences), MaxKeys)
	}
	if n := Marks(edit.New); n > MaxMarks {
		return fmt.Errorf("the data is %w to judge: it has %d line ends, commas and opening brackets, "+
			"and no aws-auth needs more than %d", ErrTooLarge, n, MaxMarks)
	}
	if Marks(edit.Old) > MaxMarks {
		edit.Old = edit.Old.DeepCopy()
		edit.Old.Data = nil
	}
	return nil
}
