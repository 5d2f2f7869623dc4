package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// plugin is the binary under test, built once.
var plugin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kubectl-awsauth")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary directory fails no test
	plugin = filepath.Join(dir, "kubectl-awsauth")
	// Without the version control stamp, the version in SARIF does not change with every commit.
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", plugin, "../../cmd/kubectl-awsauth").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// generated are the inputs that no one would want to read.
var generated = map[string]string{
	"empty.yaml":  "",
	"blank.yaml":  "\n# nothing yet\n",
	"binary.yaml": "\x7fELF\x02\x01\x01\x00\x00\x00",
	"crlf.yaml":   "@several.yaml, with CRLF",
	"bom.yaml":    "@several.yaml, with BOM",
	"big.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n  mapRoles: |\n" + strings.Repeat("    # 64 characters of comment, again and again, to fill two MiB.\n", 2<<20/64),
	"huge.yaml":   strings.Repeat("#", 9<<20),
	"long.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n  mapRoles: |\n    [{rolearn: 'arn:aws:iam::111122223333:role/nodes', username: 'system:node:{{EC2PrivateDNSName}}', groups: ['system:bootstrappers', 'system:nodes']}" +
		strings.Repeat(", {rolearn: 'arn:aws:iam::111122223333:role/team/ci', username: ci, groups: [deployers]}", 1) + strings.Repeat(" ", 500) + "]\n",
}

// workdir is a directory with all inputs, so that the outputs name them alike everywhere.
func workdir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/in")); err != nil {
		t.Fatal(err)
	}
	several, err := os.ReadFile("testdata/in/several.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range generated {
		switch name {
		case "crlf.yaml":
			text = strings.ReplaceAll(string(several), "\n", "\r\n")
		case "bom.yaml":
			text = "\ufeff" + string(several)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestGolden runs the plugin as its users do, and compares the exit code and both outputs to the last byte.
func TestGolden(t *testing.T) {
	dir := workdir(t)
	for name, tt := range map[string]struct {
		args  string
		stdin string // a file of the inputs
		env   []string
	}{
		"check-good":                {args: "check -f good.yaml"},
		"check-several":             {args: "check -f several.yaml"},
		"check-several-no-color":    {args: "check -f several.yaml", env: []string{"NO_COLOR=1", "TERM=xterm-256color"}},
		"check-several-json":        {args: "check -f several.yaml -o json"},
		"check-several-crlf":        {args: "check -f crlf.yaml"},
		"check-several-bom":         {args: "check -f bom.yaml"},
		"check-path-json-file":      {args: "check -f path.json"},
		"check-sarif":               {args: "check -f path.json -o sarif"},
		"check-good-json":           {args: "check -f good.yaml -o json"},
		"check-stdin":               {args: "check -f -", stdin: "no-bar.yaml"},
		"check-stdin-empty":         {args: "check -f -"},
		"check-no-bar":              {args: "check -f no-bar.yaml"},
		"check-tab":                 {args: "check -f tab.yaml"},
		"check-tab-in-manifest":     {args: "check -f tab-in-manifest.yaml"},
		"check-not-indented":        {args: "check -f not-indented.yaml"},
		"check-long-line":           {args: "check -f long.yaml"},
		"check-against-same":        {args: "check -f no-bar.yaml --against no-bar.yaml"},
		"check-against-unchanged":   {args: "check --map-roles roles.yaml --against path.json"},
		"check-against-preexisting": {args: "check -f several.yaml --against path.json"},
		"check-against-better":      {args: "check -f good.yaml --against path.json"},
		"check-against-worse":       {args: "check -f path.json --against good.yaml"},
		"check-against-broken":      {args: "check -f good.yaml --against tab-in-manifest.yaml"},
		"check-against-missing":     {args: "check -f good.yaml --against missing.yaml"},
		"check-map-roles":           {args: "check --map-roles roles.yaml"},
		"check-map-roles-json":      {args: "check --map-roles - -o json", stdin: "roles.yaml"},
		"check-map-roles-manifest":  {args: "check --map-roles good.yaml"},
		"check-policy":              {args: "check -f path.json --policy policy.yaml"},
		"check-policy-bad":          {args: "check -f path.json --policy bad-policy.yaml"},
		"check-policy-missing":      {args: "check -f path.json --policy missing.yaml"},
		"check-other-kind":          {args: "check -f deployment.yaml"},
		"check-bare-as-manifest":    {args: "check -f roles.yaml"},
		"check-missing":             {args: "check -f missing.yaml"},
		"check-directory":           {args: "check -f ."},
		"check-empty":               {args: "check -f empty.yaml"},
		"check-blank":               {args: "check -f blank.yaml"},
		"check-binary":              {args: "check -f binary.yaml"},
		"check-2-mib":               {args: "check -f big.yaml"},
		"check-9-mib":               {args: "check -f huge.yaml"},
		"check-live-unreachable":    {args: "check -f good.yaml --against live --kubeconfig nowhere.kubeconfig"},
		"check-live-no-kubeconfig":  {args: "check -f good.yaml --against live --kubeconfig missing.kubeconfig"},
		"check-live-no-context":     {args: "check -f good.yaml --against live --kubeconfig nowhere.kubeconfig --context other"},
		"check-rbac":                {args: "check -f access-new.yaml --against access.yaml --rbac rbac.yaml"},
		"check-rbac-bad":            {args: "check -f good.yaml --rbac bad-rbac.yaml"},
		"check-rbac-no-bindings":    {args: "check -f good.yaml --rbac good.yaml"},
		"check-rbac-missing":        {args: "check -f good.yaml --rbac missing.yaml"},
		"check-rbac-live":           {args: "check -f good.yaml --rbac live --kubeconfig nowhere.kubeconfig"},
		"access":                    {args: "access -f access.yaml"},
		"access-rbac":               {args: "access -f access.yaml --rbac rbac.yaml --policy access-policy.yaml"},
		"access-json":               {args: "access -f access.yaml --rbac rbac.yaml --policy access-policy.yaml -o json"},
		"access-unreadable":         {args: "access -f tab.yaml"},
		"access-live-unreachable":   {args: "access --kubeconfig nowhere.kubeconfig"},
		"access-nothing":            {args: "access -f several.yaml --policy missing.yaml"},
		"diff":                      {args: "diff access.yaml access-new.yaml --rbac rbac.yaml --policy access-policy.yaml"},
		"diff-json":                 {args: "diff access.yaml access-new.yaml --rbac rbac.yaml -o json"},
		"diff-same":                 {args: "diff access.yaml access.yaml"},
		"diff-live-unreachable":     {args: "diff access.yaml --kubeconfig nowhere.kubeconfig"},
		"diff-stdin":                {args: "diff - access-new.yaml", stdin: "access.yaml"},
		"diff-nothing":              {args: "diff"},
		"whois-session":             {args: "whois arn:aws:sts::111122223333:assumed-role/ops/bob@example.com -f access.yaml --rbac rbac.yaml --policy access-policy.yaml"},
		"whois-role":                {args: "whois arn:aws:iam::111122223333:role/ops -f access.yaml --rbac rbac.yaml"},
		"whois-role-path":           {args: "whois arn:aws:iam::111122223333:role/team/admin -f access.yaml"},
		"whois-user":                {args: "whois arn:aws:iam::111122223333:user/alice -f access.yaml --rbac rbac.yaml"},
		"whois-becomes-admin":       {args: "whois arn:aws:sts::111122223333:assumed-role/anybody/alice -f access.yaml --rbac rbac.yaml"},
		"whois-can-become-admin":    {args: "whois arn:aws:iam::111122223333:role/anybody -f access.yaml --rbac rbac.yaml"},
		"whois-account":             {args: "whois arn:aws:sts::444455556666:assumed-role/any/thing -f access.yaml -o json"},
		"whois-nobody":              {args: "whois arn:aws:iam::111122223333:role/lost -f access.yaml"},
		"whois-refused":             {args: "whois arn:aws:sts::111122223333:assumed-role/nodes/alice -f templates.yaml"},
		"whois-refused-group":       {args: "whois arn:aws:sts::111122223333:assumed-role/ops/alice -f templates.yaml -o json"},
		"whois-refused-user":        {args: "whois arn:aws:iam::111122223333:user/alice -f templates.yaml"},
		"whois-instance":            {args: "whois arn:aws:sts::111122223333:assumed-role/nodes/i-0123456789abcdef0 -f templates.yaml"},
		"whois-instance-role":       {args: "whois arn:aws:iam::111122223333:role/nodes -f templates.yaml"},
		"whois-nested":              {args: "whois arn:aws:sts::111122223333:assumed-role/dev/es -f templates.yaml"},
		"whois-unauthenticated":     {args: "whois arn:aws:sts::111122223333:assumed-role/quiet/alice -f templates.yaml"},
		"whois-random":              {args: "whois arn:aws:sts::111122223333:assumed-role/test/alice -f templates.yaml"},
		"whois-federated":           {args: "whois arn:aws:sts::111122223333:federated-user/bob -f templates.yaml"},
		"access-templates":          {args: "access -f templates.yaml"},
		"whois-no-arn":              {args: "whois alice -f access.yaml"},
		"whois-instance-profile":    {args: "whois arn:aws:iam::111122223333:instance-profile/ops -f access.yaml"},
		"help-access":               {args: "access --help"},
		"help-diff":                 {args: "diff --help"},
		"help-whois":                {args: "whois --help"},
		"usage-nothing":             {args: "check"},
		"usage-both":                {args: "check -f good.yaml --map-roles roles.yaml"},
		"usage-stdin-twice":         {args: "check --map-roles - --map-users -"},
		"usage-argument":            {args: "check good.yaml"},
		"usage-output":              {args: "check -f good.yaml -o yaml"},
		"usage-flag":                {args: "check --file good.yaml"},
		"usage-context":             {args: "check -f good.yaml --context x"},
		"usage-command":             {args: "chekc"},
		"help":                      {args: ""},
		"help-check":                {args: "check --help"},
		"explain-id":                {args: "explain aa203"},
		"explain-name":              {args: "explain Role-ARN-Path"},
		"explain-typo":              {args: "explain AA20E"},
		"explain-unknown":           {args: "explain everything"},
		"explain-nothing":           {args: "explain"},
		"iam-policy":                {args: "iam-policy"},
		"iam-policy-list":           {args: "iam-policy --list --account 111122223333 --partition aws-us-gov"},
		"iam-policy-role":           {args: "iam-policy --list --role-arn arn:aws:iam::444455556666:role/aws-auth-guard"},
		"iam-policy-fleet":          {args: "iam-policy --fleet --account 111122223333 --cluster-name demo --region us-west-2"},
		"usage-iam-policy-cluster":  {args: "iam-policy --cluster-name demo"},
		"fleet-unreachable":         {args: "fleet --kubeconfig nowhere.kubeconfig"},
		"fleet-help":                {args: "fleet --help"},
		"iam-policy-trust":          {args: "iam-policy --trust arn:aws:iam::111122223333:role/aws-auth-guard"},
		"iam-policy-help":           {args: "iam-policy --help"},
		"usage-iam-policy-role":     {args: "iam-policy --role-arn arn:aws:iam::444455556666:user/alice"},
		"usage-iam-policy-account":  {args: "iam-policy --account 1111-2222-3333"},
		"usage-iam-policy-both":     {args: "iam-policy --trust arn:aws:iam::111122223333:role/aws-auth-guard --list"},
		"usage-iam-policy-where":    {args: "iam-policy --partition aws-mars"},
		"complete-rule":             {args: "__complete explain AA20"},
		"complete-output":           {args: "__complete check -o j"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(plugin, strings.Fields(tt.args)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), tt.env...)
			if tt.stdin != "" {
				f, err := os.Open(filepath.Join(dir, tt.stdin))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close() //nolint:errcheck // read only
				cmd.Stdin = f
			}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code == exitFailed && stdout.Len() > 0 {
				t.Errorf("could not run, and yet wrote to stdout: %s", stdout.String())
			}
			got := fmt.Sprintf("$ kubectl awsauth %s\nexit code %d\n=== stdout\n%s=== stderr\n%s", tt.args, cmd.ProcessState.ExitCode(), stdout.String(), stderr.String())
			golden := filepath.Join("testdata/golden", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v; -update writes it", err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Every rule can be explained, by id and by name, and is in the table.
func TestEveryRule(t *testing.T) {
	table, err := exec.Command(plugin, "rules").Output()
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := exec.Command(plugin, "rules", "-o", "json").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(asJSON)) {
		_, id, ok := strings.Cut(line, `"id": "`)
		if !ok {
			continue
		}
		id, _, _ = strings.Cut(id, `"`)
		if !strings.Contains(string(table), id) {
			t.Errorf("%s is not in the table", id)
		}
		out, err := exec.Command(plugin, "explain", id).Output()
		if err != nil || !bytes.HasPrefix(out, []byte(id)) {
			t.Errorf("explain %s: %v\n%s", id, err, out)
		}
	}
}
