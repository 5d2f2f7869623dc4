package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// validate is all that is wrong with a policy whose defaults are set. The detail of an error is the whole message.
func (p *Policy) validate() field.ErrorList {
	var c checker
	c.oneOf(field.NewPath("apiVersion"), p.APIVersion, APIVersion)
	c.oneOf(field.NewPath("kind"), p.Kind, Kind)
	c.oneOf(field.NewPath("mode"), string(p.Mode), Modes...)
	c.oneOf(field.NewPath("preexisting"), p.Preexisting, WarnOrDeny...)
	if p.Partition != "" {
		c.oneOf(field.NewPath("partition"), p.Partition, awsauth.Partitions...)
	}
	for _, rule := range slices.Sorted(maps.Keys(p.Rules)) {
		if p.Rules[rule] != "" {
			c.oneOf(field.NewPath("rules."+rule), string(p.Rules[rule]), Severities...) // one step: a name may have any characters
		}
	}
	c.privileged(field.NewPath("privileged"), &p.Privileged)
	c.accounts(field.NewPath("accounts"), p.Accounts)
	for i, r := range p.Required {
		at := field.NewPath("required").Index(i)
		c.principal(at.Child("arn"), r.ARN)
		c.texts(at.Child("groups"), r.Groups)
	}
	c.callerUsernames(field.NewPath("exempt", "usernames"), p.Exempt.Usernames)
	c.callerGroups(field.NewPath("breakGlass", "groups"), p.BreakGlass.Groups)
	c.iam(field.NewPath("iam"), &p.IAM)
	c.nodes(field.NewPath("nodes"), &p.Nodes)
	for i, w := range p.Waivers {
		c.waiver(field.NewPath("waivers").Index(i), w)
	}
	c.contact(field.NewPath("contact"), p.Contact)
	return c.errs
}

// Check says what is wrong with a policy that was put together, and not read from a file.
func (p *Policy) Check() error {
	var errs []error
	for _, e := range p.validate() {
		errs = append(errs, fmt.Errorf("%s: %s", e.Field, e.Detail))
	}
	return errors.Join(errs...)
}

func (c *checker) privileged(at *field.Path, p *Privileged) {
	c.texts(at.Child("groups"), p.Groups)
	c.reaction(at.Child("onUnreadable"), p.OnUnreadable)
	for i, a := range p.Approvals {
		c.approval(at.Child("approvals").Index(i), a)
	}
	c.callerUsernames(at.Child("approvers", "usernames"), p.Approvers.Usernames)
	c.callerGroups(at.Child("approvers", "groups"), p.Approvers.Groups)
}

func (c *checker) approval(at *field.Path, a Approval) {
	arn := at.Child("arn")
	if a.Pattern != "" {
		arn = at.Child("pattern")
		if a.ARN != "" {
			c.fail(arn, "both arn and pattern are set, want one of them")
		}
	}
	c.pattern(arn, a.Principals(), "AWSReservedSSO_Admin_*")
	c.texts(at.Child("groups"), a.Groups)
	c.texts(at.Child("usernames"), a.Usernames)
	if len(a.Groups) == 0 && len(a.Usernames) == 0 {
		c.fail(at.Child("groups"),
			"missing: say which privileged groups or usernames are approved, such as [system:masters]")
	}
	c.date(at.Child("expires"), a.Expires)
}

func (c *checker) accounts(at *field.Path, accounts []Account) {
	listed := make(map[string]bool, len(accounts))
	for i, a := range accounts {
		if listed[a.ID] {
			c.fail(at.Index(i).Child("id"), "%q is there twice, want one entry for each account", a.ID)
		}
		listed[a.ID] = true
		c.account(at.Index(i), a)
	}
}

func (c *checker) account(at *field.Path, a Account) {
	if !accountID.MatchString(a.ID) {
		c.fail(at.Child("id"), "%q is not an account id, want 12 digits in quotes", a.ID)
	}
	if a.Trust != "" && a.Trust != Unchecked {
		c.fail(at.Child("trust"), "%q is not known, want unchecked, or a roleARN to assume", a.Trust)
	}
	if a.RoleARN != "" && c.roleIn(at.Child("roleARN"), a.RoleARN, a.ID) && a.Trust != "" {
		c.fail(at.Child("trust"), "both trust and roleARN are set, want one of them")
	}
	if a.RoleARN == "" && a.ExternalID != "" {
		c.fail(at.Child("externalID"),
			"set without a roleARN, and sent only when a role is assumed: set roleARN as well, or delete it")
		return
	}
	c.externalID(at.Child("externalID"), a.ExternalID)
}

func (c *checker) iam(at *field.Path, i *IAM) {
	c.oneOf(at.Child("onUnverified"), i.OnUnverified, DenyOrWarn...)
	c.timeout(at.Child("timeouts", "call"), i.Timeouts.Call)
	c.timeout(at.Child("timeouts", "total"), i.Timeouts.Total)
	c.texts(at.Child("suggestOtherAccounts", "usernames"), i.SuggestOtherAccounts.Usernames)
	c.texts(at.Child("suggestOtherAccounts", "groups"), i.SuggestOtherAccounts.Groups)
}

func (c *checker) nodes(at *field.Path, n *Nodes) {
	for i, arn := range n.Roles {
		c.nodeRole(at.Child("roles").Index(i), arn)
	}
	c.reaction(at.Child("onUnknown"), n.OnUnknown)
}

func (c *checker) waiver(at *field.Path, w Waiver) {
	for _, need := range [][2]string{{"rule", w.Rule}, {"subject", w.Subject}, {"reason", w.Reason}} {
		if strings.TrimSpace(need[1]) == "" {
			c.fail(at.Child(need[0]), "missing: a waiver needs rule, subject and reason")
		}
	}
	c.date(at.Child("expires"), w.Expires)
}

// checker collects what is wrong.
type checker struct{ errs field.ErrorList }

// fail adds an error. Its message quotes the value itself.
func (c *checker) fail(at *field.Path, format string, args ...any) {
	c.errs = append(c.errs, field.Invalid(at, field.OmitValueType{}, fmt.Sprintf(format, args...)))
}
