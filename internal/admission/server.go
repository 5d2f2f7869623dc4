package admission

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	// maxBody is the most that a review of two ConfigMaps can be: each holds 1 MiB and its metadata, and the API server
	// writes a <, a > and control characters as six bytes each.
	maxBody = 16 << 20
	// keptBody is how large a buffer may be to be used again.
	keptBody = 2 * smallBody
)

// bodies holds buffers that bodies were read into. Nothing that is decoded from one points into it.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// server answers the reviews that API servers send, and leaves all small others, and so nearly every complaint about what is no
// review, to controller-runtime. Controller-runtime reads a review four times over, which is most of the time that an
// edit of a large aws-auth takes, and none that is larger than 7 MiB (maxRequestSize): an aws-auth full of < could not be edited any
// more, not even by a label.
type server struct {
	*admission.Webhook
	bounds *bounds // nil: there are none
}

func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		s.Webhook.ServeHTTP(w, r)
		return
	}
	body, _ := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Cap() <= keptBody {
			body.Reset()
			bodies.Put(body)
		}
	}()
	if size := r.ContentLength; size < 0 || size > smallBody { // growing by steps, it would be there two or three times
		if size < 0 || size > maxBody {
			size = maxBody
		}
		body.Grow(int(size) + bytes.MinRead)
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	switch usual := r.Header.Get("Content-Type") == "application/json"; {
	case err == nil && usual:
	case body.Len() <= smallBody:
		s.complain(w, r, body.Bytes())
		return
	case errors.As(err, new(*http.MaxBytesError)):
		refuse(w, http.StatusRequestEntityTooLarge, errTooMuch)
		return
	default:
		refuse(w, http.StatusBadRequest, errNoReview)
		return
	}
	took, done, err := s.bounds.decode(r, body.Bytes())
	if err != nil {
		code := int32(http.StatusServiceUnavailable)
		if errors.Is(err, errTooMuch) {
			code = http.StatusRequestEntityTooLarge
		}
		refuse(w, code, err)
		return
	}
	defer done()
	var in review
	if json.Unmarshal(body.Bytes(), &in) != nil || !in.usual() {
		// Controller-runtime would say of the largest only that they are too large, and repeat whatever is in others.
		if complaint(body.Bytes()) {
			release, err := s.bounds.complain(r)
			if err != nil {
				refuse(w, http.StatusServiceUnavailable, errBusy)
				return
			}
			defer release()
			s.complain(w, r, body.Bytes())
			return
		}
		var unusual unusualReview
		switch err := json.Unmarshal(body.Bytes(), &unusual, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), json.MatchCaseInsensitiveNames(true)); {
		case errors.Is(err, errTooLarge):
			refuse(w, http.StatusRequestEntityTooLarge, errTooMuch)
		case err != nil || unusual.Request == nil:
			refuse(w, http.StatusBadRequest, errNoReview)
		default:
			request := unusual.Request.AdmissionRequest
			request.UserInfo = unusual.Request.UserInfo.decoded()
			s.answer(w, r, took, unusual.TypeMeta, request)
		}
		return
	}
	request := in.Request.AdmissionRequest
	request.UserInfo = in.Request.UserInfo.decoded()
	request.Object, request.OldObject = in.Request.Object.decoded(), in.Request.OldObject.decoded()
	s.answer(w, r, took, in.TypeMeta, request)
}

// complain lets controller-runtime read the request, of which body has been read.
func (s server) complain(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
	s.Webhook.ServeHTTP(w, r)
}

// answer judges a review whose body took that much.
func (s server) answer(w http.ResponseWriter, r *http.Request, took holding, of metav1.TypeMeta, request admissionv1.AdmissionRequest) {
	done, err := s.bounds.hold(r, request.UserInfo.Username, took)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	defer done()
	response := s.Handle(s.WithContextFunc(r.Context(), r), admission.Request{AdmissionRequest: request})
	answerBy(w)
	_ = stdjson.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: of, Response: &response.AdmissionResponse}) // fails only where the connection is gone
}

// review is an AdmissionReview about a ConfigMap.
type review struct {
	metav1.TypeMeta
	Request *reviewRequest `json:"request"`
}

type reviewRequest struct {
	admissionv1.AdmissionRequest
	UserInfo  caller  `json:"userInfo"`
	Object    *object `json:"object"`
	OldObject *object `json:"oldObject"`
}

// unusualReview is any other AdmissionReview. A response, which is nobody's to send, is not decoded.
type unusualReview struct {
	metav1.TypeMeta
	Request *struct {
		admissionv1.AdmissionRequest
		UserInfo caller `json:"userInfo"`
	} `json:"request"`
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

// usual reports that a review is one of version 1 about ConfigMaps, whose objects are ConfigMaps.
func (r *review) usual() bool {
	if r.Kind != "AdmissionReview" || r.APIVersion != admissionv1.SchemeGroupVersion.String() || r.Request == nil {
		return false
	}
	for _, o := range []*object{r.Request.Object, r.Request.OldObject} {
		if o != nil && (o.Kind != "ConfigMap" || o.APIVersion != "v1") {
			return false
		}
	}
	return true
}

// decoded is empty if there is no object.
func (o *object) decoded() runtime.RawExtension {
	if o == nil {
		return runtime.RawExtension{}
	}
	return runtime.RawExtension{Object: o.configMap()}
}

func (o *object) configMap() *corev1.ConfigMap {
	return &corev1.ConfigMap{TypeMeta: o.TypeMeta, ObjectMeta: metav1.ObjectMeta{Name: o.Metadata.Name, Namespace: o.Metadata.Namespace, UID: o.Metadata.UID,
		OwnerReferences: o.Metadata.OwnerReferences, Finalizers: o.Metadata.Finalizers, DeletionTimestamp: o.Metadata.DeletionTimestamp},
		Data: o.Data, BinaryData: o.BinaryData, Immutable: o.Immutable}
}
