package eks

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// entriesFile is the authenticator's file of access entries.
const entriesFile = "access-entries.json"

// mapping is an access entry as the authenticator's DynamicFile has it.
type mapping struct {
	RoleARN  string   `json:"rolearn,omitempty"`
	UserARN  string   `json:"userarn,omitempty"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
	UserID   string   `json:"userid,omitempty"`
}

// SetAccessEntries puts access entries in the place of those that there are. What IAM does not know has no unique id, and
// cannot be looked up by one: the authenticator rejects a whole file with such an entry, so it is left out, as EKS refuses to
// create one.
func (a *Authenticator) SetAccessEntries(ctx context.Context, entries ...fake.AccessEntry) error {
	a.AWS.SetCluster(fake.Cluster{Name: Name, Mode: string(a.options.Mode), AccessEntries: entries})
	if a.options.Mode == ConfigMap {
		return nil
	}
	if err := a.writeEntries(); err != nil {
		return err
	}
	return poll(ctx, a.entriesRead)
}

// markerUser is mapped by a name of its own in each version of the file, so that it can be told which one is in force.
const markerUser = "arn:aws:iam::777788889999:user/"

func (a *Authenticator) writeEntries() error {
	if a.options.Mode == ConfigMap {
		return nil
	}
	a.version++
	marker := a.marker()
	file := struct {
		Updated string    `json:"LastUpdatedDateTime"`
		Version string    `json:"Version"`
		Roles   []mapping `json:"mapRoles"`
		Users   []mapping `json:"mapUsers"`
	}{strconv.FormatInt(time.Now().Unix(), 10), strconv.Itoa(a.version), []mapping{},
		[]mapping{{UserARN: marker, Username: "marker", Groups: []string{}, UserID: unknownUser}}}
	for _, entry := range a.AWS.AccessEntries(Name) {
		m := mappingOf(entry)
		switch arn, err := awsauth.ParseARN(entry.Principal); {
		case err != nil || entry.UniqueID == "" && !a.options.ByARN:
		case arn.Kind == awsauth.KindRole:
			m.RoleARN = entry.Principal
			file.Roles = append(file.Roles, m)
		default:
			m.UserARN = entry.Principal
			file.Users = append(file.Users, m)
		}
	}
	content, err := json.Marshal(file)
	if err != nil {
		return err
	}
	return os.WriteFile(a.file(entriesFile), content, 0o600) // in place: the authenticator watches the file, not its name
}

// unknownUser is the unique id of users that the fake IAM does not have.
const unknownUser = "AROAUNKNOWN"

func (a *Authenticator) marker() string { return markerUser + "version-" + strconv.Itoa(a.version) }

// entriesRead reports that the last version of the file is in force.
func (a *Authenticator) entriesRead(ctx context.Context) error {
	if a.options.Mode == ConfigMap {
		return nil
	}
	is, err := a.SignIn(ctx, Principal{ARN: a.marker()})
	if err != nil {
		return fmt.Errorf("version %d of the access entries is not in force: %w", a.version, err)
	}
	if is.Username != "marker" {
		return fmt.Errorf("version %d of the access entries is not in force", a.version)
	}
	return nil
}

// mappingOf is the username and the groups that EKS gives by an access entry (EKS user guide, "Create access entries": types,
// and the username where none is given). The types' groups are those that eksctl and EKS write into aws-auth for such nodes.
func mappingOf(entry fake.AccessEntry) mapping {
	m := mapping{UserID: entry.UniqueID, Groups: append([]string{}, entry.Groups...)}
	node := []string{awsauth.GroupBootstrappers, awsauth.GroupNodes}
	switch entry.Type {
	case "EC2_LINUX":
		m.Username, m.Groups = "system:node:{{EC2PrivateDNSName}}", node
	case "EC2_WINDOWS":
		m.Username, m.Groups = "system:node:{{EC2PrivateDNSName}}", append(node, awsauth.GroupWindows)
	case "FARGATE_LINUX":
		m.Username, m.Groups = "system:node:{{SessionName}}", append(node, awsauth.GroupNodeProxier)
	case "HYBRID_LINUX":
		m.Username, m.Groups = "system:node:{{SessionName}}", node
	default:
		m.Username = entry.Principal
		if arn, err := awsauth.ParseARN(entry.Principal); err == nil && arn.Kind == awsauth.KindRole {
			m.Username = "arn:" + arn.Partition + ":sts::" + arn.Account + ":assumed-role/" + arn.Name + "/{{SessionName}}"
		}
	}
	return m
}

// Mapped is the username and the groups of an access entry, as templates.
func Mapped(entry fake.AccessEntry) (username string, groups []string) {
	m := mappingOf(entry)
	return m.Username, m.Groups
}
