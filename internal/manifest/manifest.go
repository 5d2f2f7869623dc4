package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubeyaml "sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Key is the DataKey of this package's findings: their line and column are the file's, not a value's.
const Key = "manifest"

// MaxSize bounds what is read: an API server takes no request over 3 MiB, and YAML may be written wider than that.
const MaxSize = 8 << 20

// The object that EKS reads.
const (
	objectName      = "aws-auth"
	objectNamespace = "kube-system"
)

// File is a manifest that was read. It is not safe for concurrent use.
type File struct {
	Name string // as the operator named it
	Text string // without a byte order mark
	// ConfigMap is what kubectl would send. Values that are no text, which the API server refuses, are here as the
	// text they are written with, so that the rules can look at them too. Nil if the manifest could not be parsed;
	// then Findings says where and why.
	ConfigMap *corev1.ConfigMap
	// Findings are about the manifest's own YAML. Their DataKey is Key. Sorted by place.
	Findings []validate.Finding
	// Notes are what was taken for granted, one line each.
	Notes []string

	text   *text
	object located
	places map[string]*places
}

// located is a mapping node and where its document begins.
type located struct {
	node *yaml.Node
	doc  *document
}

// Read reads a manifest. An error says that there is nothing to judge: the file is no text, holds no aws-auth, or holds
// it twice. YAML that cannot be parsed is a finding.
func Read(name string, data []byte) (*File, error) {
	s, err := decodeText(name, data)
	if err != nil {
		return nil, err
	}
	f := &File{Name: name, Text: s, text: editorLines(s), places: map[string]*places{}}
	docs := split(s)
	if len(docs) == 0 {
		return nil, fmt.Errorf("%s holds no YAML document, only blanks or comments; want a ConfigMap %s/%s", name, objectNamespace, objectName)
	}
	var broken *document
	var objects []candidate
	for _, d := range docs {
		if !d.compose() {
			if broken == nil || !strings.Contains(broken.text, objectName) && strings.Contains(d.text, objectName) {
				broken = d
			}
			continue
		}
		objects = append(objects, d.candidates()...)
	}
	taken, seen := choose(objects)
	switch {
	case len(taken) == 0 && broken != nil:
		f.Findings = append(f.Findings, f.syntax(broken))
		return f, nil
	case len(taken) == 0:
		return nil, fmt.Errorf("%s holds no ConfigMap %s/%s%s", name, objectNamespace, objectName, f.describe(seen))
	case len(taken) > 1:
		a, _ := f.text.place(taken[0].offset())
		b, _ := f.text.place(taken[1].offset())
		return nil, fmt.Errorf("%s holds ConfigMap %s/%s twice, on lines %d and %d; keep one", name, objectNamespace, objectName, a, b)
	case broken != nil && strings.Contains(broken.text, objectName):
		f.Findings = append(f.Findings, f.syntax(broken))
	}
	c := taken[0]
	f.object = located{c.node, c.doc}
	if err := f.decode(c); err != nil {
		var u errUndecodable
		if !errors.As(err, &u) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.doc.err = u.error
		f.Findings = append(f.Findings, f.syntax(c.doc))
		return f, nil
	}
	if c.namespace == "" {
		f.Notes = append(f.Notes, fmt.Sprintf("%s gives no namespace; judged as %s", name, objectNamespace))
	}
	f.lint()
	return f, nil
}

// decodeText refuses what is no text and takes off a byte order mark.
func decodeText(name string, data []byte) (string, error) {
	switch {
	case len(data) > MaxSize:
		return "", fmt.Errorf("%s has %d bytes; a manifest may have %d at most", name, len(data), MaxSize)
	case len(data) >= 2 && (data[0] == 0xFF && data[1] == 0xFE || data[0] == 0xFE && data[1] == 0xFF):
		return "", fmt.Errorf("%s is UTF-16; save it as UTF-8 (in PowerShell: Out-File -Encoding utf8)", name)
	case len(data) == 0:
		return "", fmt.Errorf("%s is empty; want a ConfigMap %s/%s", name, objectNamespace, objectName)
	}
	s := strings.TrimPrefix(string(data), "\ufeff")
	for i, c := range s {
		invalid := c == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd")
		if invalid || c == 0 {
			line, column := editorLines(s).place(i)
			return "", fmt.Errorf("%s is not UTF-8 text: byte 0x%02x at line %d, column %d", name, s[i], line, column)
		}
	}
	return s, nil
}

// document is one of the file's YAML documents, cut where kubectl cuts.
type document struct {
	offset int // in the file
	text   string
	lines  *text // of text, as YAML counts them
	root   *yaml.Node
	err    error
}

// split cuts at lines that begin with "---" and hold nothing more but blanks or a comment.
func split(s string) []*document {
	var docs []*document
	add := func(from, to int) {
		if part := s[from:to]; !hollow(part) {
			docs = append(docs, &document{offset: from, text: part})
		}
	}
	from := 0
	for i := 0; i < len(s); {
		end := strings.IndexByte(s[i:], '\n')
		next := len(s)
		if end >= 0 {
			next = i + end + 1
		}
		if rest, ok := strings.CutPrefix(s[i:next], "---"); ok {
			if rest = strings.TrimSpace(rest); rest == "" || rest[0] == '#' {
				add(from, i)
				from = next
			}
		}
		i = next
	}
	add(from, len(s))
	return docs
}

// hollow reports a document of blanks, comments and directives.
func hollow(s string) bool {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != '%' && line != "..." {
			return false
		}
	}
	return true
}

// isJSON is how kubectl tells JSON from YAML.
func (d *document) isJSON() bool {
	return strings.HasPrefix(strings.TrimLeft(d.text, " \t\r\n"), "{")
}

// compose reads the document into nodes.
func (d *document) compose() bool {
	d.lines = yamlLines(d.text)
	s := d.text
	if d.isJSON() {
		s = hideSurrogates(s)
	}
	loader, err := yaml.NewLoader(strings.NewReader(s))
	if err == nil {
		var n yaml.Node
		if err = loader.Load(&n); err == nil && len(n.Content) == 1 {
			d.root = n.Content[0]
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	d.err = err
	return err == nil
}

// hideSurrogates puts characters of the same length in the place of JSON's \ud83d\ude00, which YAML does not know.
func hideSurrogates(s string) string {
	if !strings.Contains(s, `\ud`) && !strings.Contains(s, `\uD`) {
		return s
	}
	b := []byte(s)
	for i := 0; i+5 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if b[i+1] == 'u' && (b[i+2] == 'd' || b[i+2] == 'D') && strings.ContainsRune("89abcdefABCDEF", rune(b[i+3])) {
			copy(b[i+2:], "fffd")
		}
		i++ // over the escaped character, which may be a backslash
	}
	return string(b)
}

// place is where a node begins in the file.
func (d *document) place(n *yaml.Node) int { return d.offset + d.lines.offset(n.Line, n.Column) }

// candidate is an object that could be the one.
type candidate struct {
	located
	// path leads from the document to the object: nil, or the index in a List.
	index                                   int
	apiVersion, kind, namespace, objectName string
}

func (c candidate) offset() int { return c.doc.place(c.node) }

// candidates are the document's objects, those of a List too.
func (d *document) candidates() []candidate {
	if d.root == nil || d.root.Kind != yaml.MappingNode {
		return []candidate{{located: located{d.root, d}, index: -1}}
	}
	if items := field(d.root, "items"); items != nil && items.Kind == yaml.SequenceNode {
		var all []candidate
		for i, n := range items.Content {
			all = append(all, d.candidate(resolve(n), i))
		}
		return all
	}
	return []candidate{d.candidate(d.root, -1)}
}

func (d *document) candidate(n *yaml.Node, index int) candidate {
	c := candidate{located: located{n, d}, index: index}
	c.apiVersion, c.kind = scalar(field(n, "apiVersion")), scalar(field(n, "kind"))
	metadata := field(n, "metadata")
	c.namespace, c.objectName = scalar(field(metadata, "namespace")), scalar(field(metadata, "name"))
	return c
}

// choose finds aws-auth among the objects.
func choose(objects []candidate) (taken, seen []candidate) {
	for _, c := range objects {
		if c.apiVersion == "v1" && c.kind == "ConfigMap" && c.objectName == objectName && (c.namespace == objectNamespace || c.namespace == "") {
			taken = append(taken, c)
		} else {
			seen = append(seen, c)
		}
	}
	return taken, seen
}

// describe says what is in the file instead, the nearest to what was looked for.
func (f *File) describe(seen []candidate) string {
	if len(seen) == 0 {
		return ""
	}
	best, most := seen[0], -1
	for _, c := range seen {
		n := 0
		for _, near := range []bool{strings.EqualFold(c.kind, "ConfigMap"), strings.Contains(strings.ToLower(strings.ReplaceAll(c.objectName, "_", "-")), objectName), c.namespace == objectNamespace} {
			if near {
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	if best.node == nil || best.node.Kind != yaml.MappingNode {
		return "; a manifest begins with apiVersion: v1, kind: ConfigMap (bare values are given with --map-roles, --map-users, --map-accounts)"
	}
	line, _ := f.text.place(best.offset())
	at := func(n *yaml.Node) int {
		if n == nil {
			return line
		}
		l, _ := f.text.place(best.doc.place(n))
		return l
	}
	metadata := field(best.node, "metadata")
	switch {
	case best.kind == "":
		if field(best.node, "mapRoles") != nil || field(best.node, "mapUsers") != nil || field(best.node, "data") != nil {
			return fmt.Sprintf("; line %d begins an object without kind, add apiVersion: v1, kind: ConfigMap and metadata", line)
		}
		return fmt.Sprintf("; line %d begins an object without kind", line)
	case best.kind != "ConfigMap" && strings.EqualFold(best.kind, "ConfigMap"):
		return fmt.Sprintf("; kind is %q on line %d, write ConfigMap", best.kind, at(field(best.node, "kind")))
	case best.kind != "ConfigMap":
		return fmt.Sprintf("; it holds %s %q (line %d)", best.kind, best.objectName, line)
	case best.apiVersion != "v1":
		return fmt.Sprintf("; apiVersion is %q on line %d, write v1", best.apiVersion, at(field(best.node, "apiVersion")))
	case best.objectName != objectName:
		return fmt.Sprintf("; the ConfigMap's name is %q on line %d, and EKS reads only %q", best.objectName, at(field(metadata, "name")), objectName)
	default:
		return fmt.Sprintf("; namespace is %q on line %d, and EKS reads only %q", best.namespace, at(field(metadata, "namespace")), objectNamespace)
	}
}

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

// takeData maps the places of the values that are text, and takes out of the object those that are not; their text is
// returned instead. What else is of the wrong type (binaryData, immutable) is taken out as well; lint tells of it.
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

// follow maps a text value.
func (f *File) follow(n, key *yaml.Node, value string) *places {
	d := f.object.doc
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		if at := d.keyOf(n.Alias); at != nil {
			key = at
		}
		n = n.Alias
	}
	return follow(f.Text, d.place(n), d.indent(key), n, value)
}

// indent is how many characters stand before the key's block mapping.
func (d *document) indent(key *yaml.Node) int { return key.Column - 1 }

// keyOf finds the key under which a node stands.
func (d *document) keyOf(target *yaml.Node) *yaml.Node {
	var found *yaml.Node
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i, c := range n.Content {
			if found != nil {
				return
			}
			if c == target && n.Kind == yaml.MappingNode && i%2 == 1 {
				found = n.Content[i-1]
				return
			}
			walk(c)
		}
	}
	walk(d.root)
	return found
}

// written is the text with which a value is written that should have been a text: what the operator meant to be in the
// block that the missing "|" begins.
func (f *File) written(n, key, siblings *yaml.Node) (string, *places) {
	d := f.object.doc
	start := d.place(n)
	p := &places{start: start}
	if n.Kind == yaml.ScalarNode {
		p = follow(f.Text, start, d.indent(key), n, n.Value)
		return n.Value, p
	}
	if n.Kind == yaml.AliasNode || siblings.Style&yaml.FlowStyle != 0 {
		out, err := yaml.Marshal(resolve(n))
		if err != nil {
			return "", p
		}
		return string(out), p
	}
	r := &reader{s: f.Text[:f.endOf(key, siblings)], i: start}
	for indent := n.Column - 1; r.i < len(r.s); {
		for r.i < len(r.s) && r.s[r.i] != '\n' {
			r.step()
		}
		if r.i < len(r.s) {
			r.step()
		}
		for i := 0; i < indent && r.i < len(r.s) && r.s[r.i] == ' '; i++ {
			r.i++
		}
	}
	p.keep(r, string(r.out))
	return string(r.out), p
}

// endOf is where the value of a key in block style ends: where the next key's line begins, of its mapping or of one
// that holds it, or the document's end.
func (f *File) endOf(key, siblings *yaml.Node) int {
	d := f.object.doc
	after := d.place(key)
	end := d.offset + len(d.text)
	for _, mapping := range []*yaml.Node{siblings, f.object.node, d.root} {
		if mapping.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i < len(mapping.Content); i += 2 {
			if at := d.place(mapping.Content[i]); at > after && at < end {
				line, _ := f.text.place(at)
				end = f.text.starts[line-1]
			}
		}
	}
	if items := field(d.root, "items"); items != nil {
		for _, n := range items.Content {
			if at := d.place(n); at > after && at < end {
				line, _ := f.text.place(at)
				end = f.text.starts[line-1]
			}
		}
	}
	return max(end, after)
}

// Locate is where line and column inside the value of a data key stand in the file. For Key the place is the file's
// already. ok is false if the key is not in the file.
func (f *File) Locate(dataKey string, line, column int) (fileLine, fileColumn int, ok bool) {
	if dataKey == Key {
		return line, column, line > 0
	}
	p, ok := f.places[dataKey]
	if !ok || line < 1 {
		return 0, 0, false
	}
	fileLine, fileColumn = f.text.place(p.offset(line, column))
	return fileLine, fileColumn, true
}

// Find is where a field such as data.mapRoles[2].rolearn, immutable or metadata.name stands, or the nearest that holds
// it, or the object itself.
func (f *File) Find(path string) (line, column int, ok bool) {
	n := f.object.node
	if n == nil {
		return 0, 0, false
	}
	at := n
	for rest := path; rest != "" && n != nil && n.Kind == yaml.MappingNode; {
		var key, value *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if after, found := strings.CutPrefix(rest, name); found && name != "" && (after == "" || after[0] == '.' || after[0] == '[') &&
				(key == nil || len(name) >= len(key.Value)) {
				key, value = n.Content[i], n.Content[i+1]
			}
		}
		if key == nil {
			break
		}
		at, n = key, resolve(value)
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, key.Value), ".")
	}
	line, column = f.text.place(f.object.doc.place(at))
	return line, column, true
}

// field is the value of a key; of a key written twice the last, as the decoder takes it.
func field(n *yaml.Node, name string) *yaml.Node {
	_, v := entry(n, name)
	return resolve(v)
}

func entry(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && k.Value == name {
			return k, n.Content[i+1]
		}
	}
	return nil, nil
}

func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// Bare reads a file that is one value of the object. text is what its places count in, value what the object would
// hold; they differ by a byte order mark.
func Bare(name string, data []byte) (text, value string, err error) {
	if len(data) == 0 {
		return "", "", nil
	}
	text, err = decodeText(name, data)
	return text, string(data), err
}
