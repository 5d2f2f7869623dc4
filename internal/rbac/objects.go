package rbac

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// Objects are the RBAC objects of a cluster. Nothing of their metadata is looked at but names, namespaces and, for
// ClusterRoles, labels.
type Objects struct {
	ClusterRoles        []*rbacv1.ClusterRole
	ClusterRoleBindings []*rbacv1.ClusterRoleBinding
	Roles               []*rbacv1.Role
	RoleBindings        []*rbacv1.RoleBinding
	// Unread are namespaces of which not all Roles are here. One that is missing may give anything.
	Unread map[string]bool
	// Unreadable says of each kind that could not be read why not; nothing of it is here. The keys are among Resources.
	Unreadable map[string]error
}

// Decode reads RBAC objects from YAML or JSON: any number of documents, lists among them, as `kubectl get
// clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml` prints them. Objects of other kinds are skipped.
func Decode(data []byte) (*Objects, error) {
	o := &Objects{}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for n := 1; ; n++ {
		doc, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err == nil {
			err = o.add(doc)
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
	}
}

// add decodes one object, or the items of a list.
func (o *Objects) add(doc []byte) error {
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Items           []runtime.RawExtension `json:"items"`
	}
	if err := yaml.Unmarshal(doc, &head); err != nil {
		return err
	}
	gv := head.GroupVersionKind().GroupVersion()
	if gv.Group == rbacv1.GroupName && gv.Version != rbacv1.SchemeGroupVersion.Version {
		return fmt.Errorf("apiVersion %q is not known, want %s", head.APIVersion, rbacv1.SchemeGroupVersion)
	}
	switch gv.String() + " " + head.Kind {
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		return decode(doc, &o.ClusterRoles)
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		return decode(doc, &o.ClusterRoleBindings)
	case "rbac.authorization.k8s.io/v1 Role":
		return decode(doc, &o.Roles)
	case "rbac.authorization.k8s.io/v1 RoleBinding":
		return decode(doc, &o.RoleBindings)
	case "v1 List":
		for i, item := range head.Items {
			if err := o.add(item.Raw); err != nil {
				return fmt.Errorf("items[%d]: %w", i, err)
			}
		}
	case "rbac.authorization.k8s.io/v1 ClusterRoleList":
		return decodeList(doc, &o.ClusterRoles)
	case "rbac.authorization.k8s.io/v1 ClusterRoleBindingList":
		return decodeList(doc, &o.ClusterRoleBindings)
	case "rbac.authorization.k8s.io/v1 RoleList":
		return decodeList(doc, &o.Roles)
	case "rbac.authorization.k8s.io/v1 RoleBindingList":
		return decodeList(doc, &o.RoleBindings)
	}
	return nil
}

func decode[T any](doc []byte, into *[]*T) error {
	object := new(T)
	if err := yaml.UnmarshalStrict(doc, object); err != nil {
		return err
	}
	*into = append(*into, object)
	return nil
}

func decodeList[T any](doc []byte, into *[]*T) error {
	var list struct {
		metav1.TypeMeta `json:",inline"`
		metav1.ListMeta `json:"metadata"`
		Items           []*T `json:"items"`
	}
	if err := yaml.UnmarshalStrict(doc, &list); err != nil {
		return err
	}
	for _, item := range list.Items {
		if item != nil {
			*into = append(*into, item)
		}
	}
	return nil
}

// Known is validate's port Privileges for objects that do not change.
type Known struct {
	equivalents *privilege.Equivalents
	objects     *Objects
}

// Know resolves objects once.
func Know(o *Objects, guard Guard) Known { return Known{Resolve(o, guard), o} }

// Equivalents never fails.
func (k Known) Equivalents() (*privilege.Equivalents, error) { return k.equivalents, nil }
