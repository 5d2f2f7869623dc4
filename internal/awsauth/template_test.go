package awsauth_test

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/test/signin/draw"
)

// key is an access key id.
const key = "ASIA0000000000000000"

// rendering is what EKS makes of a template, for an instance whose private DNS name may also be empty. test/signin holds
// Caller.Render, which this must equal, to the authenticator itself.
func rendering(t testing.TB, s string, c awsauth.Caller) (string, bool) {
	t.Helper()
	rendered, ok := c.Render(s)
	if !ok || c.PrivateDNSName != "" || !strings.Contains(s, awsauth.EC2PrivateDNSName) {
		return rendered, ok
	}
	for _, step := range [][2]string{{awsauth.EC2PrivateDNSName, ""}, {awsauth.AccountID, c.Account}, {awsauth.SessionName, strings.ReplaceAll(c.Session, "@", "-")},
		{awsauth.SessionNameRaw, c.Session}, {awsauth.AccessKeyID, c.AccessKeyID}} {
		s = strings.ReplaceAll(s, step[0], step[1])
	}
	return s, true
}

// holds checks that a template can be what EKS makes of it, and can begin as that begins.
func holds(t testing.TB, s, arn string, c awsauth.Caller) {
	t.Helper()
	of, err := awsauth.ParseARN(arn)
	if err != nil {
		t.Fatal(err)
	}
	template := awsauth.ParseTemplate(s, of)
	is, ok := rendering(t, s, c)
	if !ok {
		if template.Literal() {
			t.Errorf("%q for %+v is refused, and said to be %q for everybody", s, c, template.Text())
		}
		return
	}
	if template.Literal() && template.Text() != is {
		t.Errorf("%q of %s is %q for everybody, and for %+v it is %q", s, arn, template.Text(), c, is)
	}
	if _, can := template.CanBe(is); !can {
		t.Errorf("%q of %s cannot be %q, and for %+v it is", s, arn, is, c)
	}
	for i := range len(is) {
		if _, can := template.CanBegin(is[:i]); !can && i > 0 {
			t.Errorf("%q of %s cannot begin %q, and for %+v it is %q", s, arn, is[:i], c, is)
			return
		}
	}
}

func callerOf(arn, session, dns string) awsauth.Caller {
	c := awsauth.Caller{Account: draw.Account, AccessKeyID: key}
	if strings.Contains(arn, ":role/") {
		c.Session, c.PrivateDNSName = session, dns
	}
	return c
}

// length is how long templates are drawn.
func length() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("AWS_AUTH_GUARD_TIME")); err == nil {
		return d
	}
	return 2 * time.Second
}

// TestTemplates draws templates for two seconds or AWS_AUTH_GUARD_TIME, or those of AWS_AUTH_GUARD_SEED alone.
func TestTemplates(t *testing.T) {
	seeds := func(n uint64) bool { return n < 1_000 }
	first := uint64(0)
	if s, err := strconv.ParseUint(os.Getenv("AWS_AUTH_GUARD_SEED"), 10, 64); err == nil {
		first, seeds = s, func(n uint64) bool { return n == s }
	} else if deadline := time.Now().Add(length()); !testing.Short() {
		seeds = func(uint64) bool { return time.Now().Before(deadline) }
	}
	for seed := first; seeds(seed); seed++ {
		r := rand.New(rand.NewPCG(seed, 0))
		for range 50 {
			s, out := draw.Template(r)
			for _, arn := range draw.Principals {
				for _, dns := range []string{"ip-10-0-0-1.ec2.internal", ""} {
					holds(t, s, arn, callerOf(arn, draw.Session(r, out), dns))
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	}
}

// FuzzTemplate is TestTemplates for whatever the fuzzer thinks of.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"eks-break-gla{{Se{{SessionName}}ionNameRaw}}", "{{Access{{SessionName}}KeyID}}", "{{{SessionName}}{SessionNameRaw}}",
		"x{{EC2PrivateDNSName}}", "{{{{SessionName}}}}", "{{Acc{{S{{SessionName}}ionNameRaw}}KeyID}}"} {
		f.Add(s, "ss", "ip-10-0-0-1.ec2.internal", 0)
	}
	session, dns := regexp.MustCompile(`^[\w+=,.@-]{2,64}$`), regexp.MustCompile(`^[a-z0-9.-]{0,253}$`)
	f.Fuzz(func(t *testing.T, s, name, host string, kind int) {
		if kind < 0 || !session.MatchString(name) || !dns.MatchString(host) {
			t.Skip("neither AWS has such a session name nor EC2 such a host name")
		}
		arn := draw.Principals[kind%len(draw.Principals)]
		holds(t, s, arn, callerOf(arn, name, host))
	})
}

// TestTemplatesCannot holds that a template which is no danger is not said to be one.
func TestTemplatesCannot(t *testing.T) {
	for _, tt := range []struct{ template, target string }{
		{"team:{{SessionName}}", "system:masters"},
		{"{{SessionName}}", "system:masters"},
		{"{{x{{SessionName}}y}}", "system:masters"},
		{"{{{SessionName}}}", "masters"},
		{"system:node:{{EC2PrivateDNSName}}", "system:nodes"},
		{"eks-break-gla{{SessionName}}x", "eks-break-glass"},
	} {
		role, _ := awsauth.ParseARN(draw.Principals[0])
		if by, can := awsauth.ParseTemplate(tt.template, role).CanBe(tt.target); can {
			t.Errorf("%q can be %q, by %q", tt.template, tt.target, by)
		}
	}
	user, _ := awsauth.ParseARN(draw.Principals[1])
	if _, can := awsauth.ParseTemplate("system:masters{{EC2PrivateDNSName}}", user).CanBe("system:masters"); can {
		t.Error("a user is on no EC2 instance")
	}
}

// TestNested names the parts that are nested.
func TestNested(t *testing.T) {
	for s, want := range map[string]string{
		"{{SessionName}}{{AccountID}}":                    "",
		"{{{SessionName}}}":                               "",
		"{{Unknown}}:{{SessionName}}":                     "",
		"{{ {{SessionName}} }}":                           "",
		"a{{Se{{SessionName}}ionNameRaw}}b":               "{{Se{{SessionName}}ionNameRaw}}",
		"{{A{{S{{SessionName}}nNameRaw}}ID}}{{x}}":        "{{A{{S{{SessionName}}nNameRaw}}ID}}",
		"{{{SessionName}}{SessionNameRaw}}":               "{{{SessionName}}{SessionNameRaw}}",
		"{{a{{AccountID}}}}-{{{{SessionNameRaw}}b}}":      "{{a{{AccountID}}}} {{{{SessionNameRaw}}b}}",
		"{{Session{{EC2PrivateDNSName}}{{AccessKeyID}}}}": "{{Session{{EC2PrivateDNSName}}{{AccessKeyID}}}}",
	} {
		if got := strings.Join(awsauth.Nested(s), " "); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

// TestNestedQuickly holds that a megabyte of braces takes no more than its length.
func TestNestedQuickly(t *testing.T) {
	role, _ := awsauth.ParseARN(draw.Principals[0])
	n := 300_000
	if testing.Short() {
		n /= 3 // the race detector takes ten times as long
	}
	for name, s := range map[string]string{
		"opened":         "{{SessionName}}" + strings.Repeat("{", n) + "a}}",
		"closed":         "{{x{{SessionName}}" + strings.Repeat("}", n),
		"nested":         strings.Repeat("{{a", n/8) + "{{SessionName}}" + strings.Repeat("}}", n/8),
		"one word":       "{{x}}{{SessionName}}" + strings.Repeat("a", n) + strings.Repeat("}}", n/4),
		"values":         "{{x}}" + strings.Repeat("{{SessionName}}", n/15) + "}" + strings.Repeat("{{SessionName}}", n/15) + "}",
		"values, closed": "{{x}}" + strings.Repeat("{{SessionName}}}", n/15),
	} {
		started := time.Now()
		awsauth.ParseTemplate(s, role).CanBe("system:masters")
		if took := time.Since(started); took > 2*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}
