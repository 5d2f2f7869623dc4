package aws

// Source is where credentials come from that belong to the guard alone.
type Source string

// The sources, as a metric names them.
const (
	NoSource    Source = "no-credentials"
	IRSA        Source = "irsa"
	PodIdentity Source = "pod-identity"
	Environment Source = "environment"
)

// sources are the variables that EKS's webhook for service accounts, its Pod Identity webhook and people set, in the
// order in which the SDK looks at them (config.resolveCredentialChain).
var sources = []struct {
	source    Source
	variables []string
}{
	{Environment, []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}},
	{IRSA, []string{"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}},
	{PodIdentity, []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI"}},
}

// FindSource looks for credentials in an environment (os.Getenv) without using them. The instance's metadata is none:
// a pod would use the role of its node without anybody having said so, and which pods can reach it differs by node.
func FindSource(getenv func(string) string) Source {
	for _, s := range sources {
		found := true
		for _, name := range s.variables {
			found = found && getenv(name) != ""
		}
		if found {
			return s.source
		}
	}
	return NoSource
}

// String describes it, after "AWS credentials: ".
func (s Source) String() string {
	switch s {
	case IRSA:
		return "IAM role for the service account (AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE)"
	case PodIdentity:
		return "Pod Identity (AWS_CONTAINER_CREDENTIALS_FULL_URI)"
	case Environment:
		return "access key (AWS_ACCESS_KEY_ID)"
	default:
		return "none of an IAM role for the service account, Pod Identity or an access key"
	}
}
