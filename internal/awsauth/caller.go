package awsauth

import (
	"regexp"
	"strings"
)

// Caller is who authenticates, as far as templates ask.
type Caller struct {
	Account string
	// Session is the session name, "" for users, the root user and federated users, who have none.
	Session string
	// AccessKeyID and PrivateDNSName, that of the EC2 instance, are "" if they are not known.
	AccessKeyID, PrivateDNSName string
}

// instanceID is what EKS takes for the id of an EC2 instance (aws-iam-authenticator pkg/server, instanceIDPattern).
var instanceID = regexp.MustCompile(`^i-(\w{8}|\w{17})$`)

// OnInstance reports that the session is named for an EC2 instance, as that of a role that an instance has. The caller who
// assumes the role may choose such a name as well.
func (c Caller) OnInstance() bool { return instanceID.MatchString(c.Session) }

// Render replaces the placeholders as EKS does for the caller, but for those whose value is not known. ok is false if EKS
// denies the caller instead: {{EC2PrivateDNSName}} is only for EC2 instances (pkg/server, renderTemplate).
func (c Caller) Render(s string) (rendered string, ok bool) {
	if strings.Contains(s, EC2PrivateDNSName) {
		if !c.OnInstance() {
			return "", false
		}
		if c.PrivateDNSName != "" {
			s = strings.ReplaceAll(s, EC2PrivateDNSName, c.PrivateDNSName)
		}
	}
	s = strings.ReplaceAll(s, AccountID, c.Account)
	s = strings.ReplaceAll(s, SessionName, strings.ReplaceAll(c.Session, "@", "-"))
	s = strings.ReplaceAll(s, SessionNameRaw, c.Session)
	if c.AccessKeyID != "" {
		s = strings.ReplaceAll(s, AccessKeyID, c.AccessKeyID)
	}
	return s, true
}
