package cli

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfigEntry is what a kubeconfig says of a cluster and of who asks it.
type kubeconfigEntry struct {
	kubeconfig string
	timeout    string
	contexts   []string
	clusters   []string
	users      []string
	context    string
	cluster    string
	user       string
	server     string
	info       *clientcmdapi.AuthInfo
}

// entry never fails: it is asked where something went wrong already.
func (o clusterOptions) entry() kubeconfigEntry {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	k := kubeconfigEntry{kubeconfig: o.kubeconfig, timeout: o.timeout(), info: clientcmdapi.NewAuthInfo()}
	if k.kubeconfig == "" {
		k.kubeconfig = strings.Join(rules.GetLoadingPrecedence(), string(os.PathListSeparator))
	}
	config, err := rules.Load()
	if err != nil {
		return k
	}
	k.contexts, k.context = slices.Sorted(maps.Keys(config.Contexts)), config.CurrentContext
	k.clusters, k.users = slices.Sorted(maps.Keys(config.Clusters)), slices.Sorted(maps.Keys(config.AuthInfos))
	k.context = cmp.Or(o.overrides.CurrentContext, k.context)
	if c := config.Contexts[k.context]; c != nil {
		k.cluster, k.user = c.Cluster, c.AuthInfo
	}
	k.cluster = cmp.Or(o.overrides.Context.Cluster, k.cluster)
	k.user = cmp.Or(o.overrides.Context.AuthInfo, k.user)
	if known := config.Clusters[k.cluster]; known != nil {
		k.server = known.Server
	}
	if known := config.AuthInfos[k.user]; known != nil {
		k.info = known
	}
	return k
}

// withProfile is the flag that says whose credentials the exec plugin uses, if the kubeconfig does.
func (k kubeconfigEntry) withProfile() string {
	p := k.flag("--profile")
	if p == "" && k.info.Exec != nil {
		for _, e := range k.info.Exec.Env {
			if e.Name == "AWS_PROFILE" {
				p = e.Value
			}
		}
	}
	if p == "" {
		return ""
	}
	return " --profile " + shell(p)
}

// anonymous reports that the kubeconfig has no credentials at all.
func (k kubeconfigEntry) anonymous() bool {
	i := k.info
	return k.user != "" && i.Exec == nil && i.AuthProvider == nil && i.Token == "" && i.TokenFile == "" &&
		i.Username == "" && i.ClientCertificate == "" && len(i.ClientCertificateData) == 0
}

// certificateExpired is when a client certificate did; zero if there is none, or it is still good.
func (k kubeconfigEntry) certificateExpired() time.Time {
	data := k.info.ClientCertificateData
	if len(data) == 0 && k.info.ClientCertificate != "" {
		data, _ = os.ReadFile(k.info.ClientCertificate) // client-go has read it
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return time.Time{}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil || time.Now().Before(c.NotAfter) {
		return time.Time{}
	}
	return c.NotAfter
}

// plugin is the exec plugin as it would be typed.
func (k kubeconfigEntry) plugin() string {
	const limit = 300
	words := []string{shell(k.info.Exec.Command)}
	for _, arg := range k.info.Exec.Args {
		words = append(words, shell(arg))
	}
	text := strings.Join(words, " ")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return "`" + text + "`"
}

// forEKS reports that the exec plugin signs in with IAM: the AWS CLI, whatever runs it, or the authenticator.
func (k kubeconfigEntry) forEKS() bool {
	if k.info.Exec == nil {
		return false
	}
	exec := k.info.Exec
	return strings.HasPrefix(filepath.Base(exec.Command), "aws-iam-authenticator") ||
		slices.Contains(exec.Args, "get-token") && slices.Contains(exec.Args, "eks")
}

// flag is the value of one of the plugin's flags.
func (k kubeconfigEntry) flag(names ...string) string {
	if k.info.Exec == nil {
		return ""
	}
	for i, arg := range k.info.Exec.Args {
		for _, name := range names {
			if value, ok := strings.CutPrefix(arg, name+"="); ok {
				return value
			}
			if arg == name && i+1 < len(k.info.Exec.Args) {
				return k.info.Exec.Args[i+1]
			}
		}
	}
	return ""
}

// eksARN is how `aws eks update-kubeconfig` names clusters.
var eksARN = regexp.MustCompile(`^arn:[a-z-]+:eks:([a-z0-9-]+):[0-9]{12}:cluster/(.+)$`)

// clusterName is the name that AWS knows, or NAME.
func (k kubeconfigEntry) clusterName() string {
	if name := k.flag("--cluster-name", "--cluster-id", "-i"); name != "" && k.forEKS() {
		return shell(name)
	}
	if m := eksARN.FindStringSubmatch(k.cluster); m != nil {
		return shell(m[2])
	}
	return "NAME"
}

// where are the flags for the AWS CLI that say which region and whose credentials, as far as the kubeconfig says it.
func (k kubeconfigEntry) where() string {
	region := k.flag("--region")
	if m := eksARN.FindStringSubmatch(k.cluster); region == "" && m != nil {
		region = m[1]
	}
	if region == "" {
		return k.withProfile()
	}
	return " --region " + shell(region) + k.withProfile()
}

// update says for what to write the kubeconfig again, and the command.
func (k kubeconfigEntry) update(why string) string { return why + ": `" + k.updateKubeconfig() + "`" }

func (k kubeconfigEntry) updateKubeconfig() string {
	return "aws eks update-kubeconfig --name " + k.clusterName() + k.where()
}

var plain = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// shell is a word as a shell takes it.
func shell(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
