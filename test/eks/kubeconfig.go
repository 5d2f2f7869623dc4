package eks

import (
	"cmp"
	"path/filepath"
	"slices"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// CreatorContext is the context of the cluster's admin by certificate in Kubeconfig's file. On EKS that is the principal that
// created the cluster, until it is taken from it.
const CreatorContext = "cluster-creator"

// WriteKubeconfig writes a kubeconfig with a context for each principal, by its name, which signs in as on EKS: an exec entry
// makes a token for each command. The first name's context is the current one.
func (a *Authenticator) WriteKubeconfig(file string, names []string, principals map[string]Principal) error {
	config, err := clientcmd.LoadFromFile(a.kubeconfig)
	if err != nil {
		return err
	}
	admin := config.Contexts[config.CurrentContext]
	config.Contexts = map[string]*clientcmdapi.Context{CreatorContext: admin}
	program, err := filepath.Abs(a.program)
	if err != nil {
		return err
	}
	for _, name := range names {
		p := principals[name]
		key := cmp.Or(p.AccessKeyID, fake.AccessKeyID())
		if err := a.AWS.AddCredential(fake.Credential{AccessKeyID: key, ARN: p.session()}); err != nil {
			return err
		}
		exec := &clientcmdapi.ExecConfig{APIVersion: "client.authentication.k8s.io/v1beta1", InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
			Command: program, Args: []string{"token", "--cluster-id", Name}}
		for variable, value := range a.environment(key) {
			exec.Env = append(exec.Env, clientcmdapi.ExecEnvVar{Name: variable, Value: value})
		}
		slices.SortFunc(exec.Env, func(a, b clientcmdapi.ExecEnvVar) int { return cmp.Compare(a.Name, b.Name) })
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Exec: exec}
		config.Contexts[name] = &clientcmdapi.Context{Cluster: admin.Cluster, AuthInfo: name}
	}
	config.CurrentContext = names[0]
	return clientcmd.WriteToFile(*config, file)
}
