package manifest

import (
	"maps"
	"strings"
	"testing"
)

// TestWith changes one value, and holds that nothing else is different.
func TestWith(t *testing.T) {
	const head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\n"
	const was, is = "- a # first\n\n- b\n", "- a # first\n\n- c\n- b\n"
	for name, tt := range map[string]struct {
		was, is string
		key     string
		value   string
	}{
		"a literal block": {head + "data: # all\n  # roles\n  mapRoles: | # as it is\n      - a # first\n\n      - b\n\n# end\n",
			head + "data: # all\n  # roles\n  mapRoles: | # as it is\n      - a # first\n\n      - c\n      - b\n\n# end\n", "mapRoles", is},
		"its end": {head + "data:\n  mapRoles: |\n    - a # first\n\n    - b\n  mapUsers: |\n    []\n",
			head + "data:\n  mapRoles: |\n    - a # first\n\n    - b\n    - c\n  mapUsers: |\n    []\n", "mapRoles", was + "- c\n"},
		"without a line end": {head + "data:\n  mapRoles: |-\n    - a # first\n\n    - b",
			head + "data:\n  mapRoles: |-\n    - a # first\n\n    - b\n    - c", "mapRoles", was + "- c"},
		"CRLF": {strings.ReplaceAll(head+"data:\n  mapRoles: |\n    - a # first\n\n    - b\n", "\n", "\r\n"),
			strings.ReplaceAll(head+"data:\n  mapRoles: |\n    - a # first\n\n    - c\n    - b\n", "\n", "\r\n"), "mapRoles", is},
		"double quotes": {head + "data:\n  mapRoles: \"- a # first\\n\\n- b\\n\" # why\n",
			head + "data:\n  mapRoles: \"- a # first\\n\\n- c\\n- b\\n\" # why\n", "mapRoles", is},
		"single quotes": {head + "data:\n  mapRoles: '- a'\n  mapUsers: ''\n",
			head + "data:\n  mapRoles: |\n    - a # first\n\n    - c\n    - b\n  mapUsers: ''\n", "mapRoles", is},
		"empty string": {head + "data:\n  mapUsers: \"\"\n  mapRoles: |\n    - a\n",
			head + "data:\n  mapUsers: \"- x\\n\"\n  mapRoles: |\n    - a\n", "mapUsers", "- x\n"},
		"no value": {head + "data:\n  mapUsers:\n  mapRoles: |\n    - a\n",
			head + "data:\n  mapUsers: |\n    - x\n  mapRoles: |\n    - a\n", "mapUsers", "- x\n"},
		"a new key": {head + "data:\n  mapRoles: |\n    - a\n# end\n---\nkind: List\n",
			head + "data:\n  mapRoles: |\n    - a\n  mapUsers: |\n    - x\n# end\n---\nkind: List\n", "mapUsers", "- x\n"},
		"emptied": {head + "data:\n  mapUsers: |\n    - x\n  mapRoles: |\n    - a\n",
			head + "data:\n  mapUsers: \"\"\n  mapRoles: |\n    - a\n", "mapUsers", ""},
		"JSON": {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth","namespace":"kube-system"},"data":{"mapRoles":"- a\n"}}`,
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth","namespace":"kube-system"},"data":{"mapRoles":"- a\n- \"<b>\"\n"}}`,
			"mapRoles", "- a\n- \"<b>\"\n"},
		"a new key in JSON": {"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"aws-auth\"},\n \"data\":{\n  \"mapRoles\":\"- a\\n\"\n }}",
			"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"aws-auth\"},\n \"data\":{\n  \"mapRoles\":\"- a\\n\",\n  \"mapUsers\": \"- x\\n\"\n }}",
			"mapUsers", "- x\n"},
		"in a List": {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: aws-auth}\n  data:\n    mapRoles: |\n      - a\n- {}\n",
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: aws-auth}\n  data:\n    mapRoles: |\n      - b\n- {}\n", "mapRoles", "- b\n"},
		"no key in braces": {head + "data: {} # nobody yet\n", head + "data: # nobody yet\n  mapRoles: |\n    - a # first\n\n    - b\n", "mapRoles", was},
		"no key, and keys behind": {strings.TrimSuffix(head, "\n") + "\ndata: { }\nimmutable: false\n",
			head + "data:\n  mapRoles: |\n    - x\nimmutable: false\n", "mapRoles", "- x\n"},
		"no data behind the key":  {head + "data:", head + "data:\n  mapRoles: |\n    - x\n", "mapRoles", "- x\n"},
		"no data and no line end": {strings.TrimSuffix(head, "\n"), head + "data:\n  mapRoles: |\n    - x\n", "mapRoles", "- x\n"},
		"data is null":            {head + "data: null\n", head + "data:\n  mapRoles: |\n    - x\n", "mapRoles", "- x\n"},
		"data is null with CRLF": {strings.ReplaceAll(head+"data: ~\n", "\n", "\r\n"),
			strings.ReplaceAll(head+"data:\n  mapRoles: |\n    - x\n", "\n", "\r\n"), "mapRoles", "- x\n"},
		"no data": {head + "# end\n", head + "data:\n  mapRoles: |\n    - x\n# end\n", "mapRoles", "- x\n"},
		"only binaryData": {head + "binaryData:\n  x: eA==\n---\nkind: List\n",
			head + "binaryData:\n  x: eA==\ndata:\n  mapRoles: |\n    - x\n---\nkind: List\n", "mapRoles", "- x\n"},
		"no data in a List": {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: aws-auth}\n- {}\n",
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: aws-auth}\n  data:\n    mapRoles: |\n      - x\n- {}\n", "mapRoles", "- x\n"},
		"no key in JSON": {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth"},"data":{}}`,
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth"},"data":{"mapRoles": "- x\n"}}`, "mapRoles", "- x\n"},
		"null in JSON": {`{"apiVersion":"v1","kind":"ConfigMap","data":null,"metadata":{"name":"aws-auth"}}`,
			`{"apiVersion":"v1","kind":"ConfigMap","data":{"mapRoles": "- x\n"},"metadata":{"name":"aws-auth"}}`, "mapRoles", "- x\n"},
		"no data in JSON": {"{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"ConfigMap\",\n  \"metadata\": {\"name\": \"aws-auth\"}\n}\n",
			"{\n  \"data\": {\"mapRoles\": \"- x\\n\"},\n  \"apiVersion\": \"v1\",\n  \"kind\": \"ConfigMap\",\n  \"metadata\": {\"name\": \"aws-auth\"}\n}\n",
			"mapRoles", "- x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Read("x.yaml", []byte(tt.was))
			if err != nil {
				t.Fatal(err)
			}
			data := map[string]string{}
			maps.Copy(data, f.ConfigMap.Data)
			if same, err := f.With(data); err != nil || same != tt.was {
				t.Errorf("the same data: %v\n%s", err, same)
			}
			data[tt.key] = tt.value
			if got, err := f.With(data); err != nil || got != tt.is {
				t.Errorf("%v: got\n%s\nwant\n%s", err, got, tt.is)
			}
		})
	}
}

// TestWithLeavesAlone: where the value is another's as well, the file stays as it is.
func TestWithLeavesAlone(t *testing.T) {
	f, err := Read("x.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth}\ndata: &d {mapRoles: x}\nother: *d\n"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := f.With(map[string]string{"mapRoles": "x", "mapUsers": "y"}); err == nil {
		t.Errorf("written as %q", text)
	}
}
