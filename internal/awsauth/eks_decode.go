package awsauth

import (
	"encoding/json"
	"slices"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// What EKS keeps is read with what EKS reads with: apimachinery's YAML-to-JSON and encoding/json for the two
// lists of mappings, yaml.v2 for the accounts (aws-iam-authenticator pkg/mapper/configmap, ParseMap). Places come
// from another parser (yaml_nodes.go); where the two do not agree, the document is ambiguous and refused.

// kept is one list item as the authenticator's structs hold it (pkg/config, RoleMapping and UserMapping).
type kept struct {
	RoleARN  string   `json:"rolearn"`
	UserARN  string   `json:"userarn"`
	SSO      *ssoKept `json:"sso"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
	UserID   string   `json:"userid"`
}

type ssoKept struct {
	PermissionSetName string `json:"permissionSetName" yaml:"permissionSetName"`
	AccountID         string `json:"accountID" yaml:"accountID"`
	Partition         string `json:"partition" yaml:"partition"`
}

// The two lists are decoded into types of their own, since encoding/json would otherwise complain of a wrongly
// typed userarn under mapRoles, which the authenticator's RoleMapping does not have.
type keptRole struct {
	RoleARN  string   `json:"rolearn" yaml:"rolearn"`
	SSO      *ssoKept `json:"sso" yaml:"sso"`
	Username string   `json:"username" yaml:"username"`
	Groups   []string `json:"groups" yaml:"groups"`
	UserID   string   `json:"userid" yaml:"userid"`
}

type keptUser struct {
	UserARN  string   `json:"userarn" yaml:"userarn"`
	Username string   `json:"username" yaml:"username"`
	Groups   []string `json:"groups" yaml:"groups"`
	UserID   string   `json:"userid" yaml:"userid"`
}

func (r keptRole) kept() kept {
	return kept{RoleARN: r.RoleARN, SSO: r.SSO, Username: r.Username, Groups: r.Groups, UserID: r.UserID}
}

func (u keptUser) kept() kept {
	return kept{UserARN: u.UserARN, Username: u.Username, Groups: u.Groups, UserID: u.UserID}
}

func keptOf[T interface{ kept() kept }](list []T) []kept {
	items := make([]kept, len(list))
	for i, one := range list {
		items[i] = one.kept()
	}
	return items
}

// arn is the ARN by which the authenticator knows the item: "" if the item is dropped. An item with an sso block is
// dropped or never matches: the feature gate is off on EKS.
func (k kept) arn(key string) string {
	if key == MapUsers {
		return k.UserARN
	}
	if k.SSO != nil {
		return ""
	}
	return k.RoleARN
}

func (k kept) equal(o kept) bool {
	return k.RoleARN == o.RoleARN && k.UserARN == o.UserARN && k.Username == o.Username && (k.SSO == nil) == (o.SSO == nil) &&
		slices.Equal(k.Groups, o.Groups)
}

// sameItems compares two readings of a list.
func sameItems(a, b []kept) bool { return slices.EqualFunc(a, b, kept.equal) }

// readMappings returns the items of mapRoles or mapUsers, one for each list item; unreadable is set if nothing of
// the text is kept, err is the first complaint of either kind.
func readMappings(key, text string) (items []kept, unreadable bool, err error) {
	data, err := utilyaml.ToJSON([]byte(text))
	if err != nil {
		return nil, true, err
	}
	if key == MapUsers {
		var users []keptUser
		err = json.Unmarshal(data, &users)
		items = keptOf(users)
	} else {
		var roles []keptRole
		err = json.Unmarshal(data, &roles)
		items = keptOf(roles)
	}
	return items, err != nil && len(items) == 0, err
}

// readAccounts returns what yaml.v2 makes of mapAccounts.
func readAccounts(text string) (accounts []string, err error) {
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
