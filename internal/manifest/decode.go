package manifest

import (
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubeyaml "sigs.k8s.io/yaml"
)

// errUndecodable is text that our YAML library takes and kubectl's does not.
type errUndecodable struct{ error }

// decode reads the document as kubectl does: what begins like JSON as JSON, and as YAML if it is none.
func (d *document) decode() (object map[string]any, err error) {
	if d.isJSON() && json.Unmarshal([]byte(d.text), &object) == nil {
		return object, nil
	}
	raw, err := kubeyaml.YAMLToJSON([]byte(d.text))
	if err != nil {
		return nil, errUndecodable{err}
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, errUndecodable{err}
	}
	return object, nil
}

// decode makes the ConfigMap as kubectl would send it.
func (f *File) decode(c candidate) error {
	object, err := c.doc.decode()
	if err != nil {
		return err
	}
	if c.index >= 0 {
		items, _ := object["items"].([]any)
		if c.index >= len(items) {
			return errors.New("kubectl reads another list here than is written")
		}
		object, _ = items[c.index].(map[string]any)
	}
	texts := f.takeData(object)
	cm := &corev1.ConfigMap{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, cm); err != nil {
		return fmt.Errorf("not a ConfigMap: %w", err)
	}
	if cm.Namespace == "" {
		cm.Namespace = objectNamespace
	}
	if cm.Data == nil && len(texts) > 0 {
		cm.Data = map[string]string{}
	}
	for k, v := range texts {
		cm.Data[k] = v
	}
	f.ConfigMap = cm
	return nil
}

// takeData maps the places of the values that are strings, and removes those that are not from the object; their text is
// returned instead. Other fields of the wrong type (binaryData, immutable) are removed as well; lint reports them.
func (f *File) takeData(object map[string]any) map[string]string {
	texts := map[string]string{}
	nodes := field(f.object.node, "data")
	data, ok := object["data"].(map[string]any)
	if !ok {
		delete(object, "data")
	}
	for key, value := range data {
		kn, n := entry(nodes, key)
		if s, isText := value.(string); isText {
			if n != nil {
				f.places[key] = f.follow(n, kn, s)
			}
			continue
		}
		delete(data, key)
		if value == nil {
			texts[key] = "" // as the API server reads null
			continue
		}
		if n != nil {
			texts[key], f.places[key] = f.written(n, kn, nodes)
		}
	}
	if b, ok := object["immutable"]; ok {
		if _, isBool := b.(bool); !isBool {
			delete(object, "immutable")
		}
	}
	if b, ok := object["binaryData"].(map[string]any); ok {
		for k, v := range b {
			if _, isText := v.(string); !isText {
				delete(b, k)
			}
		}
	} else {
		delete(object, "binaryData")
	}
	return texts
}
