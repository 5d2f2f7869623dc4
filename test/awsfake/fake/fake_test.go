package fake_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

func start(t *testing.T) (*fake.Server, string) {
	t.Helper()
	seed, err := fake.Load("../seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL
}

func client(url, key, region string) *iam.Client {
	return iam.New(iam.Options{BaseEndpoint: &url, Region: region, Credentials: credentials.NewStaticCredentialsProvider(key, "secret", ""), Retryer: aws.NopRetryer{}})
}

// Which callers are denied, and with which error.
func TestRefusals(t *testing.T) {
	t.Parallel()
	_, url := start(t)
	get := func(c *iam.Client) error {
		_, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("nodes")})
		return err
	}
	for name, tt := range map[string]struct {
		err  error
		code string
	}{
		"known":        {get(client(url, "guard", "us-east-1")), ""},
		"unknown":      {get(client(url, "nobody", "us-east-1")), "InvalidClientTokenId"},
		"wrong region": {get(client(url, "guard", "eu-west-1")), "SignatureDoesNotMatch"},
		"denied":       {get(client(url, "guard-without-permissions", "us-east-1")), "AccessDenied"},
	} {
		var answer smithy.APIError
		if got := errors.As(tt.err, &answer); got != (tt.code != "") || got && answer.ErrorCode() != tt.code {
			t.Errorf("%s: %v, want %q", name, tt.err, tt.code)
		}
	}
	for name, header := range map[string]string{"MissingAuthenticationToken": "", "IncompleteSignature": "AWS4-HMAC-SHA256 Credential=guard"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("Action=GetRole&RoleName=nodes&Version=2010-05-08"))
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(body), "<Code>"+name+"</Code>") {
			t.Errorf("%q: %v %s, want %s", header, err, body, name)
		}
		_ = resp.Body.Close() // it has been read
	}
}

// Names are unique without regard to letter case, and pages hold each of them once.
func TestNamesAndPages(t *testing.T) {
	t.Parallel()
	_, url := start(t)
	c := client(url, "operator", "us-east-1")
	create := func(name string) error {
		_, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String("{}")})
		return err
	}
	var exists *types.EntityAlreadyExistsException
	if err := create("NODES"); !errors.As(err, &exists) {
		t.Errorf("%v, want EntityAlreadyExists", err)
	}
	for _, name := range []string{"one", "two", "three", "Four"} {
		if err := create(name); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	pages := iam.NewListRolesPaginator(c, &iam.ListRolesInput{MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Roles) > 3 {
			t.Errorf("a page of %d", len(page.Roles))
		}
		for _, r := range page.Roles {
			seen[*r.RoleName]++
		}
	}
	for _, name := range []string{"nodes", "ci", "one", "two", "three", "Four"} {
		if seen[name] != 1 {
			t.Errorf("%s is there %d times", name, seen[name])
		}
	}
	if seen["auditor"] != 0 {
		t.Error("a role of another account")
	}
	if _, err := c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("ONE")}); err != nil {
		t.Error(err)
	}
	var gone *types.NoSuchEntityException
	if _, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("one")}); !errors.As(err, &gone) {
		t.Errorf("%v, want NoSuchEntity", err)
	}
}

// The switches can be turned from outside.
func TestSwitches(t *testing.T) {
	t.Parallel()
	f, url := start(t)
	put := func(text string) int {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, url+"/faults", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // not read
		return resp.StatusCode
	}
	for text, want := range map[string]int{`{"answer":"empty"}`: 200, `{"latency":"5ms","rate":3}`: 200, `{"answer":"what"}`: 400, `{"lag":"1s"}`: 400, `{`: 400} {
		if got := put(text); got != want {
			t.Errorf("%s: HTTP %d, want %d", text, got, want)
		}
	}
	put(`{"answer":"empty","actions":["GetRole"]}`)
	out, err := client(url, "guard", "us-east-1").GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("nodes")})
	if err != nil || out.Role != nil {
		t.Errorf("%v %v, want an empty 200, which is no error to the SDK", out, err)
	}
	if n := f.Count("GetRole"); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	put(`{}`)
	c := client(url, "guard", "us-east-1")
	put(`{"rate":1}`)
	throttled := false
	for range 20 {
		_, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("nodes")})
		var answer smithy.APIError
		throttled = throttled || errors.As(err, &answer) && answer.ErrorCode() == "Throttling"
	}
	if !throttled {
		t.Error("20 calls at once, and none throttled by one a second")
	}
}
