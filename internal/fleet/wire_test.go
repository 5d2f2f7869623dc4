package fleet

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// sent is what AWS gets to see of a request, but for what is not the same twice.
type sent struct {
	Method, Path string
	Query, Form  url.Values
	Scope        string // of the signature: key, region, service
}

func sentIn(t *testing.T, r *http.Request) sent {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.Error(err)
	}
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	key, rest, _ := strings.Cut(scope, "/")
	_, rest, _ = strings.Cut(rest, "/") // the day
	return sent{r.Method, r.URL.EscapedPath(), r.URL.Query(), form, key + "/" + rest}
}

// askerOf asks what answers, as fast as it likes.
func askerOf(t *testing.T, answers http.HandlerFunc) *asker {
	t.Helper()
	server := httptest.NewServer(answers)
	t.Cleanup(server.Close)
	a := newAsker(func() string { return "the guard" }, nil)
	for _, service := range []string{"ec2", "eks", "iam"} {
		a.limiters[service] = aws.NewLimiter(1_000_000, 1_000_000)
	}
	a.connect(sdk.Config{Region: "us-west-2", BaseEndpoint: &server.URL, HTTPClient: server.Client(),
		APIOptions:  []func(*middleware.Stack) error{aws.BoundAnswers},
		Credentials: credentials.NewStaticCredentialsProvider("guard", "secret", "")})
	return a
}

// TestRequests holds what goes over the wire against what has always gone: the operations, their filters, and how many at once.
func TestRequests(t *testing.T) {
	const (
		account   = "111122223333"
		principal = "arn:aws:iam::" + account + ":role/team/nodes+1"
		policy    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
		entries   = "/clusters/demo/access-entries"
	)
	ec2 := func(form url.Values) sent {
		form["Action"], form["Version"], form["MaxResults"] = []string{"DescribeInstances"}, []string{"2016-11-15"}, []string{"1000"}
		return sent{http.MethodPost, "/", url.Values{}, form, "guard/us-west-2/ec2/aws4_request"}
	}
	eks := func(path string, query url.Values) sent {
		return sent{http.MethodGet, path, query, url.Values{}, "guard/us-west-2/eks/aws4_request"}
	}
	iam := func(action, parameter, name string) sent {
		form := url.Values{"Action": {action}, "Version": {"2010-05-08"}, parameter: {name}}
		return sent{http.MethodPost, "/", url.Values{}, form, "guard/us-east-1/iam/aws4_request"}
	}
	for name, tt := range map[string]struct {
		ask  func(ctx context.Context, a *asker) error
		want sent
	}{
		"DescribeInstances": {
			func(ctx context.Context, a *asker) error {
				_, err := a.describe(ctx, filter("instance-id", "i-1", "i-2"), filter("launch-time", "2026-11-24T12:*"))
				return err
			},
			ec2(url.Values{"Filter.1.Name": {"instance-id"}, "Filter.1.Value.1": {"i-1"}, "Filter.1.Value.2": {"i-2"},
				"Filter.2.Name": {"launch-time"}, "Filter.2.Value.1": {"2026-11-24T12:*"}})},
		"DescribeCluster": {
			func(ctx context.Context, a *asker) error { _, err := a.cluster(ctx, "demo"); return err },
			eks("/clusters/demo", url.Values{})},
		"ListAccessEntries": {
			func(ctx context.Context, a *asker) error { _, err := a.principals(ctx, "demo", ""); return err },
			eks(entries, url.Values{"maxResults": {"100"}})},
		"ListAccessEntries of a policy": {
			func(ctx context.Context, a *asker) error { _, err := a.principals(ctx, "demo", policy); return err },
			eks(entries, url.Values{"maxResults": {"100"}, "associatedPolicyArn": {policy}})},
		"DescribeAccessEntry": {
			func(ctx context.Context, a *asker) error { _, err := a.entry(ctx, "demo", principal); return err },
			eks(entries+"/arn%3Aaws%3Aiam%3A%3A"+account+"%3Arole%2Fteam%2Fnodes%2B1", url.Values{})},
		"ListFargateProfiles": {
			func(ctx context.Context, a *asker) error { _, err := a.fargateProfiles(ctx, "demo"); return err },
			eks("/clusters/demo/fargate-profiles", url.Values{"maxResults": {"100"}})},
		"DescribeFargateProfile": {
			func(ctx context.Context, a *asker) error { _, err := a.fargateRole(ctx, "demo", "a b"); return err },
			eks("/clusters/demo/fargate-profiles/a%20b", url.Values{})},
		"ListNodegroups": {
			func(ctx context.Context, a *asker) error { _, err := a.nodegroups(ctx, "demo"); return err },
			eks("/clusters/demo/node-groups", url.Values{"maxResults": {"100"}})},
		"DescribeNodegroup": {
			func(ctx context.Context, a *asker) error { _, err := a.nodegroupRole(ctx, "demo", "a b"); return err },
			eks("/clusters/demo/node-groups/a%20b", url.Values{})},
		"GetInstanceProfile": {
			func(ctx context.Context, a *asker) error {
				_, err := a.profileRole(ctx, "arn:aws:iam::"+account+":instance-profile/team/nodes")
				return err
			},
			iam("GetInstanceProfile", "InstanceProfileName", "nodes")},
		"GetRole": {
			func(ctx context.Context, a *asker) error {
				_, err := a.principal(ctx, awsauth.ARN{Kind: awsauth.KindRole, Name: "nodes"})
				return err
			},
			iam("GetRole", "RoleName", "nodes")},
		"GetUser": {
			func(ctx context.Context, a *asker) error {
				_, err := a.principal(ctx, awsauth.ARN{Kind: awsauth.KindUser, Name: "alice"})
				return err
			},
			iam("GetUser", "UserName", "alice")},
	} {
		t.Run(name, func(t *testing.T) {
			var got []sent
			a := askerOf(t, func(w http.ResponseWriter, r *http.Request) {
				got = append(got, sentIn(t, r))
				w.WriteHeader(http.StatusBadRequest)
			})
			if tt.ask(t.Context(), a) == nil {
				t.Error("no error for HTTP 400")
			}
			if d := cmp.Diff([]sent{tt.want}, got); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

// TestNextPage asks for the second page of every list with the token of the first.
func TestNextPage(t *testing.T) {
	const token = "a+b/c="
	var got []string
	a := askerOf(t, func(w http.ResponseWriter, r *http.Request) {
		s := sentIn(t, r)
		next := s.Query.Get("nextToken") + s.Form.Get("NextToken")
		got = append(got, next)
		answer := `{"accessEntries":[],"fargateProfileNames":[],"nodegroups":[]`
		if next == "" {
			answer += `,"nextToken":"` + token + `"`
		}
		answer += "}"
		if r.Method == http.MethodPost {
			answer = "<DescribeInstancesResponse><reservationSet/>"
			if next == "" {
				answer += "<nextToken>" + token + "</nextToken>"
			}
			answer += "</DescribeInstancesResponse>"
		}
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	})
	for name, list := range map[string]func(context.Context) error{
		"instances":        func(ctx context.Context) error { _, err := a.describe(ctx); return err },
		"access entries":   func(ctx context.Context) error { _, err := a.principals(ctx, "demo", ""); return err },
		"Fargate profiles": func(ctx context.Context) error { _, err := a.fargateProfiles(ctx, "demo"); return err },
		"node groups":      func(ctx context.Context) error { _, err := a.nodegroups(ctx, "demo"); return err },
	} {
		got = nil
		if err := list(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff([]string{"", token}, got); d != "" {
			t.Errorf("%s: want -, got +\n%s", name, d)
		}
	}
}

// TestEndlessList answers every page with "and so on".
func TestEndlessList(t *testing.T) {
	a := askerOf(t, func(w http.ResponseWriter, r *http.Request) {
		answer := `{"accessEntries":[],"nextToken":"again"}`
		if r.Method == http.MethodPost {
			answer = `<DescribeInstancesResponse><reservationSet/><nextToken>again</nextToken></DescribeInstancesResponse>`
		}
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	})
	if _, err := a.describe(t.Context()); err == nil || !strings.Contains(err.Error(), "ec2:DescribeInstances does not come to an end") {
		t.Errorf("instances: %v", err)
	}
	if _, err := a.principals(t.Context(), "demo", ""); err == nil || !strings.Contains(err.Error(), "eks:ListAccessEntries does not come to an end") {
		t.Errorf("access entries: %v", err)
	}
}

// hostile is an answer with a text n times between what an answer to DescribeInstances has around its instances.
func hostile(text string, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		text := strings.Repeat(text, 1+(64<<10)/len(text))
		_, err := io.WriteString(w, "<DescribeInstancesResponse><reservationSet><item><instancesSet>")
		for i := 0; err == nil && i < n/len(text); i++ {
			_, err = io.WriteString(w, text)
		}
		if err == nil { // else nobody reads any more
			_, _ = io.WriteString(w, "</instancesSet></item></reservationSet></DescribeInstancesResponse>")
		}
	}
}

// TestHugeAnswer answers with more than any page holds: whatever it is made of, it is an error, and takes little memory.
func TestHugeAnswer(t *testing.T) {
	const notAWSs = "the answer to ec2:DescribeInstances (HTTP 200) is not AWS's"
	for name, tt := range map[string]struct{ text, says string }{
		"blanks between instances": {"<a>" + strings.Repeat(" ", 32<<10) + "</a>", "the answer to ec2:DescribeInstances is larger than 64 MiB, more than AWS ever sends"},
		"interfaces":               {"<item><networkInterfaceSet><item/></networkInterfaceSet></item>", notAWSs},
		"empty instances":          {"<item/>", notAWSs},
		"one long text":            {"text", notAWSs},
		"one long comment":         {"<!-- <", notAWSs},
		"no end of levels":         {"<item>", notAWSs},
		"tags of one instance":     {"<item/><item><tagSet><item><key>kubernetes.io/cluster/a</key></item></tagSet></item>", notAWSs},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && tt.says != notAWSs {
				t.Skip("under the race detector the time of a call is over before 64 MiB are read")
			}
			a := askerOf(t, hostile(tt.text, 2*maxPage))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := a.describe(t.Context())
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
			if most := uint64(16 << 20); after.HeapSys > before.HeapSys+most {
				t.Errorf("took %d bytes, want %d at most", after.HeapSys-before.HeapSys, most)
			}
		})
	}
}
