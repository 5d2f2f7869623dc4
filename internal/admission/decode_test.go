package admission

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Nothing of a review points into the body that it was decoded from, whose memory may be used again.
func TestReviewsKeepNoBody(t *testing.T) {
	const fill = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	show := func(r review) string { return fmt.Sprintf("%+v %+v %+v", r, r.old.object, r.new.object) }
	for _, kind := range []string{"AdmissionReview", "Secretish"} { // the second is decoded by apimachinery, or with more tolerance
		for _, options := range []string{"{}", `{"a":"` + strings.Repeat("a", maxAny) + `"}`} {
			t.Run(fmt.Sprintf("%s, %d bytes", kind, len(options)), func(t *testing.T) {
				object := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%[1]q,"namespace":%[1]q,"uid":%[1]q},"data":{%[1]q:%[1]q},"binaryData":{%[1]q:"%[1]s"}}`, fill)
				text := fmt.Appendf(nil, `{"apiVersion":"admission.k8s.io/v1","kind":%[4]q,"request":{"uid":%[1]q,"operation":"UPDATE","name":%[1]q,"namespace":%[1]q,`+
					`"userInfo":{"username":%[1]q,"groups":[%[1]q],"extra":{%[1]q:[%[1]q]}},"options":%[3]s,"oldObject":%[2]s,"object":%[2]s}}`, fill, object, options, kind)
				r, err := newServer(&Handler{}).decode(t.Context(), "", text)
				if err != nil {
					t.Fatal(err)
				}
				before := show(r)
				copy(text, bytes.Repeat([]byte("b"), len(text)))
				if after := show(r); after != before || !strings.Contains(before, fill) {
					t.Errorf("decoded as\n%s\nand later it is\n%s", before, after)
				}
			})
		}
	}
}
