package awsauth

import (
	"errors"

	yamlv2 "go.yaml.in/yaml/v2"
)

// EKS has shipped two readings of mapRoles and mapUsers: the strict one (eks_decode.go), and yaml.v2 straight into the structs,
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
