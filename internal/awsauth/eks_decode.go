package awsauth

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// What EKS keeps is read with what EKS reads with: apimachinery's YAML-to-JSON and encoding/json for the two
// lists of mappings, yaml.v2 for the accounts (aws-iam-authenticator pkg/mapper/configmap, ParseMap). Places come
// from another parser (yaml_nodes.go); where the two do not agree, the document is ambiguous and refused.

// decodedItem is one list item as the authenticator holds it (pkg/config, RoleMapping and UserMapping).
type decodedItem struct {
	RoleARN, UserARN string
	SSO              *decodedSSO
	Username         string
	Groups           []string
}

// The two lists are decoded into types of their own, since encoding/json would otherwise complain of a wrongly
// typed userarn under mapRoles, which the authenticator's RoleMapping does not have.
type decodedRole struct {
	RoleARN  string      `json:"rolearn" yaml:"rolearn"`
	SSO      *decodedSSO `json:"sso" yaml:"sso"`
	Username string      `json:"username" yaml:"username"`
	Groups   []string    `json:"groups" yaml:"groups"`
	UserID   string      `json:"userid" yaml:"userid"`
}

type decodedUser struct {
	UserARN  string   `json:"userarn" yaml:"userarn"`
	Username string   `json:"username" yaml:"username"`
	Groups   []string `json:"groups" yaml:"groups"`
	UserID   string   `json:"userid" yaml:"userid"`
}

type decodedSSO struct {
	PermissionSetName string `json:"permissionSetName" yaml:"permissionSetName"`
	AccountID         string `json:"accountID" yaml:"accountID"`
	Partition         string `json:"partition" yaml:"partition"`
}

func (r decodedRole) item() decodedItem {
	return decodedItem{RoleARN: r.RoleARN, SSO: r.SSO, Username: r.Username, Groups: r.Groups}
}

func (u decodedUser) item() decodedItem {
	return decodedItem{UserARN: u.UserARN, Username: u.Username, Groups: u.Groups}
}

func decodedItems[T interface{ item() decodedItem }](list []T) []decodedItem {
	items := make([]decodedItem, len(list))
	for i, one := range list {
		items[i] = one.item()
	}
	return items
}

// arn is the ARN by which the authenticator knows the item: "" if the item is dropped. An item with an sso block is
// dropped or never matches: the feature gate is off on EKS.
func (d decodedItem) arn(key string) string {
	if key == MapUsers {
		return d.UserARN
	}
	if d.SSO != nil {
		return ""
	}
	return d.RoleARN
}

func (d decodedItem) equal(o decodedItem) bool {
	return d.RoleARN == o.RoleARN && d.UserARN == o.UserARN && d.Username == o.Username && (d.SSO == nil) == (o.SSO == nil) &&
		slices.Equal(d.Groups, o.Groups)
}

// decodeStrictly returns the items of mapRoles or mapUsers, one for each list item; unreadable is set if nothing of
// the text is kept, err is the first complaint of either kind.
func decodeStrictly(key, text string) (items []decodedItem, unreadable bool, err error) {
	data, err := utilyaml.ToJSON([]byte(text))
	if err != nil {
		return nil, true, err
	}
	if key == MapUsers {
		var users []decodedUser
		err = json.Unmarshal(data, &users)
		items = decodedItems(users)
	} else {
		var roles []decodedRole
		err = json.Unmarshal(data, &roles)
		items = decodedItems(roles)
	}
	return items, err != nil && len(items) == 0, err
}

// EKS has shipped two readings of mapRoles and mapUsers: the strict one above, and yaml.v2 straight into the structs,
// which takes keys to the letter and scalars as they are written. Which one a version runs is not public. An entry holds what
// the strict one reads; where the lenient one reads something else, that is a problem of its own, so that no other problem
// that is there already can hide it.

// lenientRole and lenientUser keep an item's place in the list whatever is wrong with it: yaml.v2 drops one that does not fit.
type (
	lenientRole struct{ decodedRole }
	lenientUser struct{ decodedUser }
)

// UnmarshalYAML keeps what fits, as yaml.v2 does; what does not fit is missing in the result, and so is a difference.
func (r *lenientRole) UnmarshalYAML(unmarshal func(any) error) error {
	return unlessTyped(unmarshal(&r.decodedRole))
}

// UnmarshalYAML is that of lenientRole.
func (u *lenientUser) UnmarshalYAML(unmarshal func(any) error) error {
	return unlessTyped(unmarshal(&u.decodedUser))
}

func unlessTyped(err error) error {
	if wrong := new(yamlv2.TypeError); errors.As(err, &wrong) {
		return nil
	}
	return err
}

// decodeLeniently returns what the lenient reading keeps, one for each list item; nothing if it cannot read the text.
func decodeLeniently(key, text string) []decodedItem {
	if key == MapUsers {
		var users []lenientUser
		if yamlv2.Unmarshal([]byte(text), &users) != nil {
			return nil
		}
		return decodedItems(users)
	}
	var roles []lenientRole
	if yamlv2.Unmarshal([]byte(text), &roles) != nil {
		return nil
	}
	return decodedItems(roles)
}

// decodeAccounts returns what yaml.v2 makes of mapAccounts.
func decodeAccounts(text string) (accounts []string, err error) {
	err = yamlv2.Unmarshal([]byte(text), &accounts)
	return accounts, err
}

// skippable is the authenticator's own list of values that mean "no mappings".
func skippable(text string) bool {
	switch strings.TrimSpace(text) {
	case "", "``", `""`, "''":
		return true
	}
	return false
}
