#!/usr/bin/env bash
# node.sh PROGRAMS STATE CGROUP: the first process inside the namespaces that up.sh makes. It sets up the node's file system and network,
# starts everything, makes STATE/ready when the node is Ready, and starts again what ends.
#
# The node's own data is under /run/cluster, on a tmpfs that only these namespaces see. So two clusters have the same
# paths and addresses and never meet, nothing of it stays on disk, and etcd does not wait for one.
set -euo pipefail
programs=$1 state=$2 cgroup=$3
export PATH=$programs:$PATH
ip=10.99.0.1
run=/run/cluster

hostname node1
mount --make-rshared / # kubelet's mounts have to reach the containers
resolv=$(realpath -m /etc/resolv.conf)
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p $run/state $run/cni $run/over
mount --bind "$state" $run/state
# kubelet and the CNI plugins have paths here that no flag moves. They write into the tmpfs.
for dir in /var/lib /var/log; do
  mkdir -p "$run/over$dir/upper" "$run/over$dir/work"
  mount -t overlay overlay -o "lowerdir=$dir,upperdir=$run/over$dir/upper,workdir=$run/over$dir/work" "$dir"
done
# Names are resolved from /etc/hosts alone: there is no way out of this network.
printf '127.0.0.1 localhost\n%s node1\n' $ip >$run/hosts
mount --bind $run/hosts /etc/hosts
if [[ $resolv == /run/* ]]; then
  mkdir -p "$(dirname "$resolv")" && : >"$resolv"
else
  : >$run/resolv.conf && mount --bind $run/resolv.conf "$resolv"
fi
# kubelet sets these for the whole machine, unless they read as it wants. In here, they do.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=/proc/sys/${setting%=*} shown=$run/sysctl.${setting//\//.}
  [ -e "$file" ] || continue
  echo "${setting#*=}" >"$shown"
  mount --bind "$shown" "$file"
done

# Without a cgroup of its own, a second cluster's kubelet would remove this one's pods as strangers.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p "/sys/fs/cgroup/$cgroup"
else
  for hierarchy in /sys/fs/cgroup/*/; do
    mkdir -p "$hierarchy$cgroup"
    if [ -e "${hierarchy}cpuset.cpus" ]; then # an empty cpuset takes no process
      for file in cpuset.cpus cpuset.mems; do cat "$hierarchy$file" >"$hierarchy$cgroup/$file"; done
    fi
  done
fi

ip link set lo up
ip link add node0 type bridge
ip addr add $ip/24 dev node0
ip link set node0 up
ip route add default via $ip dev node0 # kube-apiserver and kube-proxy want one to exist; nothing is behind it
echo 1 >/proc/sys/net/ipv4/ip_forward

# keep NAME COMMAND...: runs the command, and starts it again when it ends. $run/NAME.pid has its process id, so a test can kill it.
keep() {
  local name=$1
  shift
  while :; do
    "$@" &
    echo $! >"$run/$name.pid"
    wait $! || true
    echo "node.sh: $name ended; starting it again"
    sleep 0.5
  done >>"$run/state/log/$name.log" 2>&1 </dev/null &
}
# await WHAT COMMAND...: returns when the command succeeds.
await() {
  local what=$1
  shift
  until "$@" >/dev/null 2>&1; do sleep 0.05; done
  echo "$((SECONDS)) s: $what"
}

# --- who is who. Static tokens will do, for nobody else is in this network.
openssl genrsa -out $run/sa.key 2048 2>/dev/null
cat >$run/tokens.csv <<END
admin-token,admin,admin,"system:masters"
controller-manager-token,system:kube-controller-manager,controller-manager
scheduler-token,system:kube-scheduler,scheduler
proxy-token,system:kube-proxy,proxy
node-token,system:node:node1,node1,"system:nodes"
END
for who in admin controller-manager scheduler proxy node; do
  cat >$run/$who.kubeconfig <<END
apiVersion: v1
kind: Config
clusters: [{name: cluster, cluster: {server: "https://$ip:6443", certificate-authority: $run/ca.crt}}]
users: [{name: $who, user: {token: $who-token}}]
contexts: [{name: $who, context: {cluster: cluster, user: $who}}]
current-context: $who
END
done

# --- sign-in as on EKS. The API server asks here about every token that is none of those above; a test may start
# aws-iam-authenticator there, with this certificate.
mkdir -p $run/authenticator
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $run/authenticator/key.pem -out $run/authenticator/cert.pem \
  -days 30 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null
cat >$run/webhook.kubeconfig <<END
apiVersion: v1
kind: Config
clusters: [{name: authenticator, cluster: {server: "https://127.0.0.1:21362/authenticate", certificate-authority: $run/authenticator/cert.pem}}]
users: [{name: kube-apiserver}]
contexts: [{name: webhook, context: {cluster: authenticator, user: kube-apiserver}}]
current-context: webhook
END

# --- the control plane
keep etcd etcd --data-dir $run/etcd --unsafe-no-fsync --listen-peer-urls http://127.0.0.1:2380 \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
# shellcheck disable=SC2086 # several flags
keep kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --bind-address 0.0.0.0 --advertise-address $ip --secure-port 6443 \
  --cert-dir $run/pki --token-auth-file $run/tokens.csv \
  --authentication-token-webhook-config-file $run/webhook.kubeconfig --authentication-token-webhook-cache-ttl 1s --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file $run/sa.key --service-account-signing-key-file $run/sa.key \
  --service-cluster-ip-range 10.96.0.0/24 --kubelet-preferred-address-types InternalIP --allow-privileged ${APISERVER_FLAGS:-}

# --- the container runtime
cat >$run/containerd.toml <<END
version = 3
root = "$run/containerd"
state = "$run/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.tracing", "io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "$run/containerd.sock"
[ttrpc]
  address = "$run/containerd.sock.ttrpc"
[plugins.'io.containerd.internal.v1.opt']
  path = "$run/opt"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "example.test/pause:dev"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true # in a container or a small virtual machine, root may lack the right to lower it
  disable_apparmor = true # the profile would stay loaded in the machine's kernel
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["$programs/cni"]
  conf_dir = "$run/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "$programs/runc"
  SystemdCgroup = false
END
cat >$run/cni/pods.conflist <<END
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "$run/ipam", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
export CONTAINERD_ADDRESS=$run/containerd.sock CONTAINERD_NAMESPACE=k8s.io
keep containerd containerd --config $run/containerd.toml
await "containerd answers" ctr version
for image in "$run"/state/images/*.tar; do ctr images import "$image"; done

# --- the controllers. Their default rate limits would make the first Deployment wait for seconds.
await "kube-apiserver has a certificate" test -s $run/pki/apiserver.crt
awk '/BEGIN/ {n++} n == 2' $run/pki/apiserver.crt >$run/ca.crt # the file has the certificate, then its issuer's
export KUBECONFIG=$run/admin.kubeconfig
await "kube-apiserver is ready" kubectl get --raw /readyz
keep kube-controller-manager kube-controller-manager --kubeconfig $run/controller-manager.kubeconfig --use-service-account-credentials \
  --service-account-private-key-file $run/sa.key --root-ca-file $run/ca.crt --flex-volume-plugin-dir $run/flexvolumes \
  --leader-elect=false --bind-address 127.0.0.1 --kube-api-qps 500 --kube-api-burst 1000
keep kube-scheduler kube-scheduler --kubeconfig $run/scheduler.kubeconfig --leader-elect=false --bind-address 127.0.0.1

# --- the node
cat >$run/kubelet.yaml <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $ip
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}} # for kube-apiserver's logs, exec and port-forward
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://$run/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: ""
clusterDomain: cluster.local
clusterDNS: [10.96.0.10]
podLogsDir: $run/pod-logs
volumePluginDir: $run/flexvolumes
nodeStatusUpdateFrequency: 2s
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%, imagefs.inodesFree: 1%}
END
cat >$run/proxy.yaml <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $run/proxy.kubeconfig}
hostnameOverride: node1
clusterCIDR: 10.244.0.0/24
conntrack: {maxPerCore: 0, min: 0} # a limit of the whole machine
END
keep kubelet kubelet --config $run/kubelet.yaml --kubeconfig $run/node.kubeconfig --root-dir $run/kubelet --hostname-override node1 --node-ip $ip
keep kube-proxy kube-proxy --config $run/proxy.yaml
await "the node is there" kubectl get node node1
kubectl wait --for condition=Ready --timeout 100s node/node1
echo "$((SECONDS)) s: the node is Ready"
touch $run/state/ready
while :; do wait; sleep 1; done # and take in the orphans of this PID namespace
