package admission

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// A list or map may take many times the bytes that it is written with: {} is two bytes of JSON, and 80 bytes of an
// owner reference. So everything that is decoded of a review has an end, and decoding stops there. No honest review is
// near it.
const (
	// maxNames is for groups, values and finalizers. A caller comes with one request, whose header holds 1 MiB
	// (net/http, DefaultMaxHeaderBytes), so there are no more groups.
	maxNames  = 64 << 10
	maxOwners = validate.MaxOwners
	// maxKeys is for data, of which aws-auth has three keys, and for a caller's extra fields.
	maxKeys = validate.MaxKeys
)

// names are strings.
type names []string

// UnmarshalJSONFrom decodes maxNames of them at most.
func (n *names) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return list(d, (*[]string)(n), maxNames)
}

type owners []metav1.OwnerReference

// UnmarshalJSONFrom decodes maxOwners of them at most.
func (o *owners) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return list(d, (*[]metav1.OwnerReference)(o), maxOwners)
}

// keys have a value each.
type keys[V any] map[string]V

// UnmarshalJSONFrom decodes maxKeys of them at most.
func (k *keys[V]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '{' {
		return json.UnmarshalDecode(d, (*map[string]V)(k)) // null, or an error
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	*k = keys[V]{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		var v V
		if err := json.UnmarshalDecode(d, &v); err != nil {
			return err
		}
		if (*k)[key] = v; len(*k) > maxKeys {
			return fmt.Errorf("%w: more than %d keys", errTooLarge, maxKeys)
		}
	}
	_, err := d.ReadToken()
	return err
}

func list[T any](d *jsontext.Decoder, to *[]T, most int) error {
	if d.PeekKind() != '[' {
		return json.UnmarshalDecode(d, to) // null, or an error
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	*to = []T{}
	for d.PeekKind() != ']' {
		if len(*to) == most {
			return fmt.Errorf("%w: a list of more than %d", errTooLarge, most)
		}
		var v T
		if err := json.UnmarshalDecode(d, &v); err != nil {
			return err
		}
		*to = append(*to, v)
	}
	_, err := d.ReadToken()
	return err
}
