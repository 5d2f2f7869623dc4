package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// maxSize bounds the file: a ConfigMap holds 1 MiB at most.
const maxSize = 1 << 20

// file is the format on disk; shape.go checks a text against it before it is decoded.
type file struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Mode       string            `yaml:"mode"`
	Partition  string            `yaml:"partition"`
	Rules      map[string]string `yaml:"rules"`
	Privileged struct {
		Groups       []string       `yaml:"groups"`
		FromRBAC     *bool          `yaml:"fromRBAC"`
		OnUnreadable string         `yaml:"onUnreadable"`
		Approvals    []fileApproval `yaml:"approvals"`
		Approvers    struct {
			Usernames []string `yaml:"usernames"`
			Groups    []string `yaml:"groups"`
		} `yaml:"approvers"`
		SubjectAccessReview bool `yaml:"subjectAccessReview"`
	} `yaml:"privileged"`
	Accounts []fileAccount  `yaml:"accounts"`
	Required []fileRequired `yaml:"required"`
	Exempt   *struct {
		Usernames []string `yaml:"usernames"`
	} `yaml:"exempt"`
	BreakGlass struct {
		Groups []string `yaml:"groups"`
	} `yaml:"breakGlass"`
	IAM struct {
		OnUnverified string `yaml:"onUnverified"`
		Region       string `yaml:"region"`
		Timeouts     struct {
			Call  string `yaml:"call"`
			Total string `yaml:"total"`
		} `yaml:"timeouts"`
		SuggestOtherAccounts struct {
			Usernames []string `yaml:"usernames"`
			Groups    []string `yaml:"groups"`
		} `yaml:"suggestOtherAccounts"`
	} `yaml:"iam"`
	Nodes struct {
		Roles     []string `yaml:"roles"`
		OnUnknown string   `yaml:"onUnknown"`
	} `yaml:"nodes"`
	Waivers []struct {
		Rule    string `yaml:"rule"`
		Subject string `yaml:"subject"`
		Reason  string `yaml:"reason"`
		Expires string `yaml:"expires"`
	} `yaml:"waivers"`
	Preexisting string `yaml:"preexisting"`
}

type fileApproval struct {
	ARN        string   `yaml:"arn"`
	Pattern    string   `yaml:"pattern"`
	Groups     []string `yaml:"groups"`
	Usernames  []string `yaml:"usernames"`
	Reason     string   `yaml:"reason"`
	ApprovedBy string   `yaml:"approvedBy"`
	Expires    string   `yaml:"expires"`
}

type fileAccount struct {
	ID          string `yaml:"id"`
	RoleARN     string `yaml:"roleARN"`
	ExternalID  string `yaml:"externalID"`
	Trust       string `yaml:"trust"`
	MapAccounts bool   `yaml:"mapAccounts"`
}

type fileRequired struct {
	ARN      string   `yaml:"arn"`
	Username string   `yaml:"username"`
	Groups   []string `yaml:"groups"`
}

// UnmarshalYAML takes the short form, a bare ARN, as well.
func (r *fileRequired) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		r.ARN = n.Value
		return nil
	}
	type plain fileRequired
	return n.Load((*plain)(r))
}

// Load reads a policy file. The error names the file and, where there is one, the line.
func Load(name string) (*Policy, error) {
	data, err := read(name)
	if err != nil {
		return nil, err
	}
	return parseFile(name, data)
}

// read reads a file, no more of it than a policy can be.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return data, nil
}

func parseFile(name string, data []byte) (*Policy, error) {
	p, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, err)
	}
	return p, nil
}

// Parse decodes and checks a policy file's text. All that is wrong is told at once, each with its line.
func Parse(data []byte) (*Policy, error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxSize)
	}
	if err := legible(data); err != nil {
		return nil, err
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithUniqueKeys())
	if err != nil {
		return nil, plainError(err)
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("the file is empty: want apiVersion: %s and kind: %s", APIVersion, Kind)
	case err != nil:
		return nil, plainError(err)
	}
	if err := loader.Load(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one YAML document")
	}
	if err := noAliases(&doc); err != nil {
		return nil, err
	}
	c := &checker{root: &doc}
	var f file
	if c.shape(nil, doc.Content[0], reflect.TypeFor[file]()); c.undecodable || c.more > 0 {
		return nil, c.err()
	}
	if err := doc.Load(&f); err != nil {
		return nil, plainError(err)
	}
	p := c.policy(&f)
	if err := c.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// noAliases is an error for anchors and aliases. A reader of one line must see what it says, and a file of 400 kB whose aliases name a
// long list is 100 MB to whoever follows them: so nothing may follow them before this.
func noAliases(n *yaml.Node) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return fmt.Errorf("line %d: the alias %q: write out what it stands for; the policy takes no anchors and no aliases", n.Line, "*"+n.Value)
	case n.Anchor != "":
		return fmt.Errorf("line %d: the anchor %q: remove it, and write out its value where an alias uses it; the policy takes no anchors and no aliases", n.Line, "&"+n.Anchor)
	}
	for _, child := range n.Content {
		if err := noAliases(child); err != nil {
			return err
		}
	}
	return nil
}

// unseenBreak is what ends a line, and with it a comment, for YAML 1.1 (section 5.4), while most editors and diffs show what
// follows on the same line.
var unseenBreak = regexp.MustCompile("\r(?:[^\n]|$)|[\u0085\u2028\u2029]")

// legible refuses a text whose lines are others for YAML than for its reader: a field could hide behind a comment, and the lines
// of errors would be none of an editor's.
func legible(data []byte) error {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return errors.New("the file is UTF-16; save it as UTF-8 (in PowerShell: Out-File -Encoding utf8)")
	}
	if at := unseenBreak.FindIndex(data); at != nil {
		r, _ := utf8.DecodeRune(data[at[0]:])
		return fmt.Errorf("line %d: the character U+%04X ends a line for YAML, and for most editors it does not: put what follows on a line of its own, or delete the character",
			bytes.Count(data[:at[0]], []byte("\n"))+1, r)
	}
	return nil
}

// plainError takes the library's name and stages out of its messages; the lines stay.
func plainError(err error) error {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		var errs []error
		for _, e := range many.Errors {
			errs = append(errs, plainError(e))
		}
		return errors.Join(errs...)
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		if strings.HasPrefix(one.Message, "line ") {
			return errors.New(one.Message)
		}
		return fmt.Errorf("line %d: %s", max(one.Mark.Line, 1), one.Message)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// checker turns the file into a Policy and collects what is wrong with it.
type checker struct {
	root *yaml.Node
	errs []error
	// more is how many errors there are beside errs.
	more int
	// keys are the places of the keys of mappings, for line.
	keys map[*yaml.Node]map[string]int
	// undecodable is set if a value is of the wrong kind, so that nothing more can be said of the file.
	undecodable bool
}

// line finds the line of a path in the file: the nearest parent's where the path itself is not there.
func (c *checker) line(steps ...any) int {
	n := c.root
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line := n.Line
	for _, step := range steps {
		var next *yaml.Node
		switch s := step.(type) {
		case string:
			if i, ok := c.key(n, s); ok {
				next, line = n.Content[i+1], n.Content[i].Line
			}
		case int:
			if n.Kind == yaml.SequenceNode && s < len(n.Content) {
				next = n.Content[s]
				line = next.Line
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return line
}

// key finds a key among the content of a mapping. A file may have 100,000 of them, and ask for each.
func (c *checker) key(n *yaml.Node, name string) (int, bool) {
	if n.Kind != yaml.MappingNode {
		return 0, false
	}
	at, ok := c.keys[n]
	if !ok {
		at = make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			at[n.Content[i].Value] = i
		}
		if c.keys == nil {
			c.keys = map[*yaml.Node]map[string]int{}
		}
		c.keys[n] = at
	}
	i, ok := at[name]
	return i, ok
}

// maxErrors is how many are reported at once; the rest is counted.
const maxErrors = 100

func (c *checker) fail(steps []any, format string, args ...any) {
	if len(c.errs) == maxErrors {
		c.more++
		return
	}
	var at strings.Builder
	for _, s := range steps {
		if i, ok := s.(int); ok {
			fmt.Fprintf(&at, "[%d]", i)
			continue
		}
		if at.Len() > 0 {
			at.WriteByte('.')
		}
		fmt.Fprint(&at, s)
	}
	if len(steps) == 0 {
		at.WriteString("the policy")
	}
	c.errs = append(c.errs, fmt.Errorf("line %d: %s: %s", c.line(steps...), at.String(), fmt.Sprintf(format, args...)))
}

// err is all that is wrong with the file.
func (c *checker) err() error {
	if c.more > 0 {
		return errors.Join(append(slices.Clone(c.errs), fmt.Errorf("%d more errors", c.more))...)
	}
	return errors.Join(c.errs...)
}

func at(steps ...any) []any { return steps }

func under(where []any, step any) []any { return append(slices.Clone(where), step) }

func (c *checker) policy(f *file) *Policy {
	p := Default()
	if f.APIVersion != APIVersion {
		c.fail(at("apiVersion"), "%q is not known, want %s", f.APIVersion, APIVersion)
	}
	if f.Kind != Kind {
		c.fail(at("kind"), "%q is not known, want %s", f.Kind, Kind)
	}
	p.Mode = Mode(c.oneOf(at("mode"), f.Mode, string(Enforce), string(Audit)))
	p.DenyPreexisting = c.oneOf(at("preexisting"), f.Preexisting, "warn", "deny") == "deny"
	if f.Partition != "" {
		p.Partition = c.oneOf(at("partition"), f.Partition, awsauth.Partitions...)
	}
	for _, rule := range sortedKeys(f.Rules) {
		s := c.oneOf(at("rules", rule), f.Rules[rule], "error", "warning", "warn", "off")
		if s == "warn" {
			s = "warning"
		}
		p.Rules = append(p.Rules, RuleSeverity{Rule: rule, Severity: Severity(s), Line: c.line("rules", rule)})
	}
	c.texts(at("privileged", "groups"), f.Privileged.Groups)
	p.Privileged.Groups = f.Privileged.Groups
	p.Privileged.FromRBAC = f.Privileged.FromRBAC == nil || *f.Privileged.FromRBAC
	p.Privileged.DenyUnreadable = c.oneOf(at("privileged", "onUnreadable"), f.Privileged.OnUnreadable, "warn", "deny") == "deny"
	for i, a := range f.Privileged.Approvals {
		p.Privileged.Approvals = append(p.Privileged.Approvals, c.approval(at("privileged", "approvals", i), a))
	}
	c.callerUsernames(at("privileged", "approvers", "usernames"), f.Privileged.Approvers.Usernames)
	c.callerGroups(at("privileged", "approvers", "groups"), f.Privileged.Approvers.Groups)
	p.Privileged.Approvers = Callers(f.Privileged.Approvers)
	p.Privileged.SubjectAccessReview = f.Privileged.SubjectAccessReview
	listed := make(map[string]bool, len(f.Accounts))
	for i, a := range f.Accounts {
		if listed[a.ID] {
			c.fail(at("accounts", i, "id"), "%q is there twice, want one entry for each account", a.ID)
		}
		listed[a.ID] = true
		p.Accounts = append(p.Accounts, c.account(at("accounts", i), a))
	}
	for i, r := range f.Required {
		where := at("required", i)
		c.principal(under(where, "arn"), r.ARN)
		c.texts(under(where, "groups"), r.Groups)
		p.Required = append(p.Required, Required{ARN: r.ARN, Username: r.Username, Groups: r.Groups, Line: c.line(where...)})
	}
	if f.Exempt != nil {
		c.callerUsernames(at("exempt", "usernames"), f.Exempt.Usernames)
		p.ExemptUsernames = f.Exempt.Usernames
	}
	c.callerGroups(at("breakGlass", "groups"), f.BreakGlass.Groups)
	p.BreakGlassGroups = f.BreakGlass.Groups
	p.IAM.WarnUnverified = c.oneOf(at("iam", "onUnverified"), f.IAM.OnUnverified, "deny", "warn") == "warn"
	p.IAM.Region = f.IAM.Region
	p.IAM.CallTimeout = c.timeout(at("iam", "timeouts", "call"), f.IAM.Timeouts.Call)
	p.IAM.Timeout = c.timeout(at("iam", "timeouts", "total"), f.IAM.Timeouts.Total)
	c.texts(at("iam", "suggestOtherAccounts", "usernames"), f.IAM.SuggestOtherAccounts.Usernames)
	c.texts(at("iam", "suggestOtherAccounts", "groups"), f.IAM.SuggestOtherAccounts.Groups)
	p.IAM.SuggestOtherAccounts = Callers(f.IAM.SuggestOtherAccounts)
	for i, role := range f.Nodes.Roles {
		c.nodeRole(at("nodes", "roles", i), role)
	}
	p.Nodes.Roles = f.Nodes.Roles
	// Whoever lists the roles of the nodes has said which are none.
	p.Nodes.DenyUnknown = c.oneOf(at("nodes", "onUnknown"), f.Nodes.OnUnknown, "warn", "deny") == "deny" || f.Nodes.OnUnknown == "" && len(f.Nodes.Roles) > 0
	for i, w := range f.Waivers {
		where := at("waivers", i)
		for _, need := range [][2]string{{"rule", w.Rule}, {"subject", w.Subject}, {"reason", w.Reason}} {
			if strings.TrimSpace(need[1]) == "" {
				c.fail(under(where, need[0]), "missing: a waiver needs rule, subject and reason")
			}
		}
		p.Waivers = append(p.Waivers, Waiver{Rule: w.Rule, Subject: w.Subject, Terms: c.terms(where, w.Reason, w.Expires)})
	}
	return p
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// oneOf checks a word; the first legal one is the default.
func (c *checker) oneOf(where []any, got string, legal ...string) string {
	if got == "" {
		return legal[0]
	}
	if !slices.Contains(legal, got) {
		c.fail(where, "%q is not known, want %s", got, strings.Join(legal, ", "))
	}
	return got
}

func (c *checker) texts(where []any, list []string) {
	for i, s := range list {
		if strings.TrimSpace(s) == "" || strings.TrimSpace(s) != s {
			c.fail(under(where, i), "%q is blank or has blanks around it", s)
		}
	}
}

// principal checks an ARN that EKS can match.
func (c *checker) principal(where []any, arn string) {
	a, err := awsauth.ParseARN(arn)
	switch {
	case arn == "":
		c.fail(where, "missing: want a role or user ARN")
	case err != nil:
		c.fail(where, "%s", err)
	case strings.ContainsRune(arn, '*'):
		c.fail(where, "%q has a *, want one exact ARN", arn)
	case a.Kind == awsauth.KindRole && a.Path != "/":
		c.fail(where, "%q has a path, and EKS drops the path before it compares: write %s", arn, a.Canonical())
	case !a.Matchable():
		c.fail(where, "%q names %s, want a role or user ARN", arn, a.Kind)
	}
}

var nameGlob = regexp.MustCompile(`^[\w+=,.@*-]+$`)

func (c *checker) approval(where []any, a fileApproval) Approval {
	arn, field := a.ARN, "arn"
	if a.Pattern != "" {
		if a.ARN != "" {
			c.fail(under(where, "pattern"), "both arn and pattern are set, want one of them")
		}
		arn, field = a.Pattern, "pattern"
	}
	c.pattern(under(where, field), arn, "AWSReservedSSO_Admin_*")
	c.texts(under(where, "groups"), a.Groups)
	c.texts(under(where, "usernames"), a.Usernames)
	if len(a.Groups) == 0 && len(a.Usernames) == 0 {
		c.fail(under(where, "groups"), "missing: say which privileged groups or usernames are approved, such as [%s]", Masters)
	}
	return Approval{ARN: arn, Groups: a.Groups, Usernames: a.Usernames, ApprovedBy: a.ApprovedBy, Terms: c.terms(where, a.Reason, a.Expires)}
}

// pattern checks what MatchARN takes: an ARN that may have * in its name. example is what could be written instead of a * alone.
func (c *checker) pattern(at []any, arn, example string) {
	if !strings.ContainsRune(arn, '*') {
		c.principal(at, arn)
		return
	}
	parsed, err := awsauth.ParseARN(arn)
	switch {
	case err != nil:
		c.fail(at, "%s", err)
	case parsed.Kind != awsauth.KindRole && parsed.Kind != awsauth.KindUser || strings.ContainsRune(strings.TrimSuffix(arn, parsed.Name), '*'):
		c.fail(at, "%q has a * outside the name of a role or user", arn)
	case parsed.Kind == awsauth.KindRole && parsed.Path != "/":
		c.fail(at, "%q has a path, and EKS drops the path before it compares: write %s", arn, parsed.Canonical())
	case !nameGlob.MatchString(parsed.Name):
		c.fail(at, "%q is no pattern of a name: want letters, digits, + = , . @ _ - and *", parsed.Name)
	case strings.Trim(parsed.Name, "*") == "":
		c.fail(at, "%q matches every name, want a pattern such as %s", arn, example)
	}
}

// nodeRole checks the ARN or pattern of a role that nodes use.
func (c *checker) nodeRole(at []any, arn string) {
	c.pattern(at, arn, "eks-nodes-*")
	if a, err := awsauth.ParseARN(arn); err == nil && a.Matchable() && a.Kind != awsauth.KindRole {
		c.fail(at, "%q names %s, want a role", arn, a.Kind)
	}
}

func (c *checker) terms(where []any, reason, expires string) Terms {
	return Terms{Reason: reason, Expires: c.expires(under(where, "expires"), expires), Line: c.line(where...)}
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// externalID and minExternalID, maxExternalID are what STS takes (STS API reference, AssumeRole, ExternalId).
var externalID = regexp.MustCompile(`^[\w+=,.@:/-]*$`)

const minExternalID, maxExternalID = 2, 1224

func (c *checker) account(where []any, a fileAccount) Account {
	if !accountID.MatchString(a.ID) {
		c.fail(under(where, "id"), "%q is not an account id, want 12 digits in quotes", a.ID)
	}
	if a.Trust != "" && a.Trust != "unchecked" {
		c.fail(under(where, "trust"), "%q is not known, want unchecked, or a roleARN to assume", a.Trust)
	}
	if a.RoleARN != "" {
		arn, err := awsauth.ParseARN(a.RoleARN)
		switch {
		case err != nil:
			c.fail(under(where, "roleARN"), "%s", err)
		case arn.Kind != awsauth.KindRole:
			c.fail(under(where, "roleARN"), "%q names %s, want a role", a.RoleARN, arn.Kind)
		case arn.Account != a.ID:
			c.fail(under(where, "roleARN"), "%q is not in account %q", a.RoleARN, a.ID)
		case a.Trust != "":
			c.fail(under(where, "trust"), "both trust and roleARN are set, want one of them")
		}
	}
	switch n := len(a.ExternalID); {
	case n == 0:
	case a.RoleARN == "":
		c.fail(under(where, "externalID"), "set without a roleARN, and sent only when a role is assumed: set roleARN as well, or delete it")
	case n < minExternalID || n > maxExternalID:
		c.fail(under(where, "externalID"), "has %d characters, want %d to %s", n, minExternalID, "1,224")
	case !externalID.MatchString(a.ExternalID):
		c.fail(under(where, "externalID"), "%q is not an external id, want letters, digits and + = , . @ : / _ -", a.ExternalID)
	}
	return Account{ID: a.ID, RoleARN: a.RoleARN, ExternalID: a.ExternalID, Unchecked: a.Trust == "unchecked", MapAccounts: a.MapAccounts}
}

// expires reads a date (from the beginning of that day, UTC, it no longer counts) or a moment.
func (c *checker) expires(where []any, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	c.fail(where, "%q is no date, want 2027-06-30 or 2027-06-30T12:00:00Z", s)
	return time.Time{}
}

// maxTimeout is how long an API server waits for a webhook at most (Kubernetes, ValidatingWebhook, timeoutSeconds).
const maxTimeout = 30 * time.Second

func (c *checker) timeout(where []any, s string) time.Duration {
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		c.fail(where, "%q is no duration, want for example 2s or 500ms", s)
	case d <= 0 || d > maxTimeout:
		c.fail(where, "%q is out of range, want more than 0s and at most %s, which is the longest that an API server waits", s, maxTimeout)
	}
	return d
}
