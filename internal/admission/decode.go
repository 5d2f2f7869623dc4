package admission

import (
	"bytes"
	"context"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// review is as much of an AdmissionReview as is looked at.
type review struct {
	version                      metav1.TypeMeta // in which it is answered
	uid                          types.UID
	operation                    admissionv1.Operation
	resource                     metav1.GroupVersionResource
	subResource, namespace, name string
	user                         authenticationv1.UserInfo
	dryRun                       bool
	old, new                     configMap
}

// configMap is an object of a review, or the reason why it is none that can be judged. That counts only if the review
// is about aws-auth. Both are nil if there is no object.
type configMap struct {
	object *corev1.ConfigMap
	err    error
}

func newReview(
	version metav1.TypeMeta, r *admissionv1.AdmissionRequest, user authenticationv1.UserInfo, old, updated configMap,
) review {
	return review{version: version, uid: r.UID, operation: r.Operation,
		resource: r.Resource, subResource: r.SubResource, namespace: r.Namespace, name: r.Name,
		user: user, dryRun: r.DryRun != nil && *r.DryRun, old: old, new: updated}
}

// decode is the one place where bytes become a review.
func (s *server) decode(ctx context.Context, from string, text []byte) (review, error) {
	if r, ok := decodeUsual(text); ok {
		return r, nil
	}
	if !cheap(text) {
		return decodeLarge(text)
	}
	release, err := s.bounds.unusual.take(ctx, from, "", 1)
	if err != nil {
		return review{}, errBusy
	}
	defer release()
	return decodeAny(text)
}

// wire is an AdmissionReview as it is sent. A response, which is nobody's to send, is not decoded.
type wire[Object any] struct {
	metav1.TypeMeta
	Request *struct {
		admissionv1.AdmissionRequest
		UserInfo  caller `json:"userInfo"`
		Object    Object `json:"object"`
		OldObject Object `json:"oldObject"`
	} `json:"request"`
}

func (in *wire[Object]) review(old, updated configMap) review {
	return newReview(in.TypeMeta, &in.Request.AdmissionRequest, in.Request.UserInfo.decoded(), old, updated)
}

// decodeUsual decodes what API servers send, reviews of ConfigMaps in version 1, in one pass. Apimachinery's decoder,
// which controller-runtime uses, passes four times: with it a review of a full aws-auth takes 1.8 times as long on one
// core, TLS and verdict included (75 ms, not 41), and one of 100 roles 1.4 times (1.1 ms, not 0.8).
// encoding/json/v2 takes the names of fields to the letter, as Kubernetes does, and its decoders can stop early (lists.go).
func decodeUsual(text []byte) (review, bool) {
	var in wire[*object]
	if json.Unmarshal(text, &in) != nil || in.TypeMeta != reviewVersion || in.Request == nil {
		return review{}, false
	}
	old, updated := in.Request.OldObject, in.Request.Object
	for _, o := range []*object{old, updated} {
		if o != nil && o.TypeMeta != (metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}) {
			return review{}, false
		}
	}
	return in.review(old.configMap(), updated.configMap()), true
}

// decodeLarge decodes any other review that would cost apimachinery's decoder too much.
func decodeLarge(text []byte) (review, error) {
	var in wire[jsontext.Value]
	err := json.Unmarshal(text, &in,
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), json.MatchCaseInsensitiveNames(true))
	switch {
	case errors.Is(err, errTooLarge):
		return review{}, errTooMuch
	case err != nil || in.Request == nil:
		return review{}, errNoReview
	}
	return in.review(decodeObject(in.Request.OldObject), decodeObject(in.Request.Object)), nil
}

// Apimachinery's decoder takes what is no JSON for YAML, which costs 600 bytes a mark, and much more where aliases are
// followed. So it gets nothing of more than maxAny bytes and nothing with an alias.
const maxAny = 8 << 10

// cheap reports that it costs little to find out what is wrong with a body that is no review.
func cheap(text []byte) bool { return len(text) <= maxAny && bytes.IndexByte(text, '*') < 0 }

// unversionedAdmissionReview takes an AdmissionReview of any version. It is in no scheme, so the decoder coerces them
// all to it. Error messages have its name, which is controller-runtime's.
type unversionedAdmissionReview struct{ admissionv1.AdmissionReview }

var anyDecoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	utilruntime.Must(admissionv1.AddToScheme(scheme))
	utilruntime.Must(admissionv1beta1.AddToScheme(scheme))
	return serializer.NewCodecFactory(scheme).UniversalDeserializer()
}()

// decodeAny decodes whatever apimachinery takes for a review, and says as controller-runtime does what is wrong with
// the rest.
func decodeAny(text []byte) (review, error) {
	var r admissionv1.AdmissionRequest
	var in unversionedAdmissionReview
	in.Request = &r // so that it is empty where there is none
	in.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("AdmissionReview"))
	_, kind, err := anyDecoder.Decode(text, nil, &in)
	if err != nil {
		return review{}, unreadable(err)
	}
	version := reviewVersion
	if kind != nil && !kind.Empty() {
		version.APIVersion, version.Kind = kind.ToAPIVersionAndKind()
	}
	return newReview(version, &r, r.UserInfo, decodeObject(r.OldObject.Raw), decodeObject(r.Object.Raw)), nil
}

// caller is a UserInfo.
type caller struct {
	Username string      `json:"username"`
	UID      string      `json:"uid"`
	Groups   names       `json:"groups"`
	Extra    keys[names] `json:"extra"`
}

func (c caller) decoded() authenticationv1.UserInfo {
	u := authenticationv1.UserInfo{Username: c.Username, UID: c.UID, Groups: c.Groups}
	if c.Extra != nil {
		u.Extra = make(map[string]authenticationv1.ExtraValue, len(c.Extra))
	}
	for key, values := range c.Extra {
		u.Extra[key] = authenticationv1.ExtraValue(values)
	}
	return u
}

// object is as much of a ConfigMap as is looked at.
type object struct {
	metav1.TypeMeta
	Metadata struct {
		Name      string    `json:"name"`
		Namespace string    `json:"namespace"`
		UID       types.UID `json:"uid"`

		OwnerReferences   owners       `json:"ownerReferences"`
		Finalizers        names        `json:"finalizers"`
		DeletionTimestamp *metav1.Time `json:"deletionTimestamp"`
	} `json:"metadata"`
	Data       keys[string] `json:"data"`
	BinaryData keys[[]byte] `json:"binaryData"`
	Immutable  *bool        `json:"immutable"`
}

// decodeObject decodes an object of a review that is not a usual one.
func decodeObject(raw []byte) configMap {
	if len(raw) == 0 || string(raw) == "null" {
		return configMap{}
	}
	var read object
	if err := json.Unmarshal(raw, &read); err != nil {
		return configMap{err: fmt.Errorf("not a ConfigMap: %w", err)}
	}
	if read.Kind != "" && read.Kind != "ConfigMap" {
		return configMap{err: fmt.Errorf("kind %q, want ConfigMap", clip(read.Kind, maxLogged))}
	}
	return read.configMap()
}

// configMap is an error for what the API server would never have stored: it limits ConfigMaps to the size of Secrets
// (pkg/apis/core/validation, ValidateConfigMap).
func (o *object) configMap() configMap {
	if o == nil {
		return configMap{}
	}
	m := &o.Metadata
	cm := &corev1.ConfigMap{TypeMeta: o.TypeMeta,
		Data: o.Data, BinaryData: o.BinaryData, Immutable: o.Immutable,
		ObjectMeta: metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, UID: m.UID,
			OwnerReferences: m.OwnerReferences, Finalizers: m.Finalizers, DeletionTimestamp: m.DeletionTimestamp}}
	if validate.DataSize(cm) > validate.MaxDataSize {
		return configMap{err: fmt.Errorf("the data is %w: a ConfigMap holds %d bytes at most", errTooLarge, validate.MaxDataSize)}
	}
	return configMap{object: cm}
}
