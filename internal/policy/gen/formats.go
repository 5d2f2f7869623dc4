package main

import (
	"maps"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// object is one of JSON.
type object = map[string]any

// format is what a value must be like: in words, and as a schema. validate.go of package policy has each as code. A
// schema may accept what needs more than a look at one value, such as the 30th of February.
type format struct {
	words  string
	schema object
	// enum are the legal values, instead of words and schema.
	enum []string
}

const (
	arn      = `^arn:aws[a-z-]*:`
	iamARN   = arn + `iam::[0-9]{12}:`
	name     = `[A-Za-z0-9_+=,.@-]`
	nameGlob = `[A-Za-z0-9_+=,.@*-]*` + name + `[A-Za-z0-9_+=,.@*-]*$` // not of stars alone
)

// formats are those that the tag schema of a field can name.
var formats = map[string]format{
	"mode":       {enum: policy.Modes},
	"partition":  {enum: awsauth.Partitions},
	"warnOrDeny": {enum: policy.WarnOrDeny},
	"denyOrWarn": {enum: policy.DenyOrWarn},
	"trust":      {enum: []string{policy.Unchecked}},
	"rule":       {words: "id or name of a rule", schema: object{"$ref": "#/definitions/rule"}},
	"rules": {words: "rule: severity", schema: object{
		"type":          "object",
		"propertyNames": object{"$ref": "#/definitions/rule"},
		// Helm's YAML reads off as false.
		"additionalProperties": object{"enum": append(anys(policy.Severities), false)},
	}},
	"text":    {words: "string", schema: text},
	"oneLine": {words: "string", schema: object{"type": "string", "maxLength": 120, "pattern": `^(\S([^\x00-\x1f\x7f-\xa0]*\S)?)?$`}},
	"webURL": {words: "https or http URL", schema: object{
		"type": "string", "maxLength": 500, "pattern": `^(https?://[A-Za-z0-9\[][!-~]*)?$`}},
	"reason":    {words: "string", schema: matching(`\S`)},
	"accountID": {words: "12 digits", schema: matching(`^[0-9]{12}$`)},
	"date": {words: "date or moment, such as 2027-06-30 or 2027-06-30T12:00:00Z", schema: matching(
		`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])` +
			`(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$`)},
	"timeout": {words: "duration, more than 0s and at most 30s", schema: timeout},
	"externalID": {words: "2 to 1,224 letters, digits and + = , . @ : / _ -", schema: object{
		"type": "string", "minLength": 2, "maxLength": 1224, "pattern": `^[A-Za-z0-9_+=,.@:/-]*$`}},
	"roleARN": {words: "ARN of a role", schema: matching(iamARN + `role/([!-~]+/)?` + name + `{1,64}$`)},
	"principalARN": {words: "ARN of a role or user", schema: matching(
		arn + `(iam::[0-9]{12}:(role/` + name + `{1,64}|user/([!-~]+/)?` + name + `{1,64}|root)` +
			`|sts::[0-9]{12}:federated-user/` + name + `{2,64})$`)},
	"pattern": {words: "ARN with *", schema: matching(iamARN + `(role/|user/([!-)+-~]+/)?)` + nameGlob)},
	"nodeRole": {words: "ARN of a role, also with *", schema: matching(
		iamARN + `role/(` + name + `{1,64}$|` + nameGlob + `)`)},
	"callerUsername": {words: "username", schema: callerUsername},
	"callerGroup":    {words: "group", schema: callerGroup},
}

var text = matching(`^\S(.*\S)?$`)

func matching(pattern string) object { return object{"type": "string", "pattern": pattern} }

// unless makes a schema of what is wrong and of what to write instead: helm prints the const, and not the value.
func unless(wrong object, want string) object {
	return object{"if": wrong, "then": object{"const": want}}
}

var callerGroup = object{"allOf": []any{
	text,
	unless(object{"anyOf": []any{
		object{"enum": slices.Sorted(maps.Keys(policy.Members))},
		matching("^" + policy.Bootstrappers),
	}}, "a group to which you add people, such as aws-auth-break-glass: every caller, service account or node is in this one"),
	unless(matching(`[*]`), "a whole group, such as aws-auth-break-glass: a * is compared as it is"),
}}

var callerUsername = object{"allOf": []any{
	text,
	unless(object{"enum": []string{policy.Anonymous}},
		"the username of one caller, such as eks:node-manager: every caller who is not authenticated has this one"),
	unless(matching(`[*]`), "a whole username, such as system:serviceaccount:NAMESPACE:NAME: a * is compared as it is"),
}}

const (
	anyUnit     = `(ns|us|µs|ms|s|m|h)`
	anyDuration = `^$|^(0+(\.0+)?` + anyUnit + `)*(0*[1-9][0-9]*(\.[0-9]+)?|0+\.0*[1-9][0-9]*)` + anyUnit +
		`([0-9]+(\.[0-9]+)?` + anyUnit + `)*$`
	// at most 30s in one unit, in the ways in which people write it.
	shortDuration = `^$|^(0+(\.0+)?[hm])*(` +
		`0*[12]?[0-9](\.[0-9]+)?s|0*[12]?[0-9]s0*[0-9]{1,3}(\.[0-9]+)?ms|0*30(\.0+)?s|` +
		`0*[12]?[0-9]{1,4}(\.[0-9]+)?ms|0*30000(\.0+)?ms|` +
		`0*[12]?[0-9]{1,7}(\.[0-9]+)?[uµ]s|0*30000000(\.0+)?[uµ]s|` +
		`0*[12]?[0-9]{1,10}(\.[0-9]+)?ns|0*30000000000(\.0+)?ns|` +
		`0+\.[0-4][0-9]*m|0+\.50*m)$`
)

var timeout = object{"allOf": []any{
	matching(anyDuration),
	unless(object{"not": object{"pattern": shortDuration}},
		"more than 0s and at most 30s, such as 5s: the API server waits no longer for a webhook"),
}}

// rules are the ids and the names of all rules.
func rules() (all []string) {
	for _, r := range validate.Catalogue() {
		all = append(all, r.ID, r.Name)
	}
	slices.Sort(all)
	return all
}

func anys(list []string) (all []any) {
	for _, s := range list {
		all = append(all, s)
	}
	return all
}
