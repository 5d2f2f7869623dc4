package awsauth_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// The model: what a template can become is worked out by writing down all of it, over an alphabet of four characters and
// cut off after modelLength. It knows of each placeholder which of the characters it takes, and how many it takes at least. (STS,
// RoleSessionName; EKS turns @ into -, which is no letter here; a private DNS name has no capitals.)
const modelLength = 4

const modelAlphabet = "aA@:"

var modelled = map[string]struct {
	letters string
	least   int
}{
	awsauth.SessionName:       {"aA", 2},
	awsauth.SessionNameRaw:    {"aA@", 2},
	awsauth.EC2PrivateDNSName: {"a", 0},
}

// modelTokens are what templates are made of.
var modelTokens = []string{"a", "A", "@", ":", "aA", awsauth.SessionName, awsauth.SessionNameRaw, awsauth.EC2PrivateDNSName}

// words are all words over an alphabet, with least characters at least and most at most.
func words(alphabet string, least, most int) []string {
	var all []string
	last := []string{""}
	for n := 0; n <= most; n++ {
		if n >= least {
			all = append(all, last...)
		}
		var next []string
		for _, w := range last {
			for _, c := range alphabet {
				next = append(next, w+string(c))
			}
		}
		last = next
	}
	return all
}

// renderings are all that a sequence of tokens can become. A longer one is cut off after modelLength+1 characters, so that it is
// not taken for one of modelLength.
func renderings(tokens []string) map[string]bool {
	all := map[string]bool{"": true}
	for _, token := range tokens {
		values := []string{token}
		if m, ok := modelled[token]; ok {
			values = words(m.letters, m.least, modelLength+1)
		}
		longer := map[string]bool{}
		for begin := range all {
			for _, v := range values {
				s := begin + v
				longer[s[:min(len(s), modelLength+1)]] = true
			}
		}
		all = longer
	}
	return all
}

// TestCanBe holds CanBe and CanBegin against the model: for every template of up to three tokens, and every word of up to
// modelLength characters, CanBe says yes if and only if the word is something that the template can become, and CanBegin if and only
// if something that it can become begins with the word.
func TestCanBe(t *testing.T) {
	role, err := awsauth.ParseARN("arn:aws:iam::111122223333:role/ci")
	if err != nil {
		t.Fatal(err)
	}
	targets := words(modelAlphabet, 0, modelLength)
	compared, yes := 0, 0
	var compare func(tokens []string)
	compare = func(tokens []string) {
		s := strings.Join(tokens, "")
		template := awsauth.ParseTemplate(s, role)
		can := renderings(tokens)
		begins := map[string]bool{}
		for r := range can {
			for i := range len(r) + 1 {
				begins[r[:i]] = true
			}
		}
		for _, target := range targets {
			by, got := template.CanBe(target)
			if got != can[target] {
				t.Fatalf("%q can be %q: got %v, want %v", s, target, got, can[target])
			}
			// A name that is asked for twice counts as two, so that nobody may have it.
			once := strings.Count(s, awsauth.EC2PrivateDNSName) <= 1
			if got && by != "" && once && !rendersTo(s, by, target) {
				t.Fatalf("%q is said to be %q by the session %q, and is not", s, target, by)
			}
			if _, got := template.CanBegin(target); got != begins[target] {
				t.Fatalf("%q can begin with %q: got %v, want %v", s, target, got, begins[target])
			}
			if compared++; can[target] {
				yes++
			}
		}
		if len(tokens) == 3 {
			return
		}
		for _, token := range modelTokens {
			compare(append(tokens[:len(tokens):len(tokens)], token))
		}
	}
	compare(nil)
	if yes < 4_000 || compared-yes < 4_000 {
		t.Errorf("%d of %d words can be, want some thousands of either", yes, compared)
	}
}

// rendersTo reports that a template is the target for a session of that name, on an instance of some name.
func rendersTo(template, session, target string) bool {
	for _, dns := range words("a", 0, modelLength) {
		s := strings.ReplaceAll(template, awsauth.EC2PrivateDNSName, dns)
		s = strings.ReplaceAll(s, awsauth.SessionName, strings.ReplaceAll(session, "@", "-"))
		if s = strings.ReplaceAll(s, awsauth.SessionNameRaw, session); s == target {
			return true
		}
	}
	return false
}

// TestPlaceholders: which characters every placeholder takes, and how many. A role of an account that is no number stands for one
// whose account is not known.
func TestPlaceholders(t *testing.T) {
	const digits, capitals, small = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	unknown, err := awsauth.ParseARN("arn:aws:iam::x:role/ci")
	if err != nil {
		t.Fatal(err)
	}
	for placeholder, want := range map[string]struct {
		characters  string
		least, most int
	}{
		awsauth.AccountID:         {digits, 12, 12},
		awsauth.SessionName:       {digits + capitals + small + "_+=,.-", 2, 64},
		awsauth.SessionNameRaw:    {digits + capitals + small + "_+=,.-@", 2, 64},
		awsauth.AccessKeyID:       {digits + capitals, 16, 128},
		awsauth.EC2PrivateDNSName: {digits + small + "-.", 0, 253},
	} {
		template := awsauth.ParseTemplate("<"+placeholder+">", unknown)
		for c := range 256 {
			value := strings.Repeat(string([]byte{byte(c)}), max(want.least, 1))
			_, got := template.CanBe("<" + value + ">")
			if takes := strings.IndexByte(want.characters, byte(c)) >= 0; got != takes {
				t.Errorf("%s can be %q: got %v, want %v", placeholder, value, got, takes)
			}
		}
		one := want.characters[:1]
		for n := range want.most + 2 {
			_, got := template.CanBe("<" + strings.Repeat(one, n) + ">")
			if takes := n >= want.least && n <= want.most; got != takes {
				t.Errorf("%s can have %d characters: got %v, want %v", placeholder, n, got, takes)
			}
			_, begins := template.CanBegin("<" + strings.Repeat(one, n))
			if takes := n <= want.most; begins != takes {
				t.Errorf("%s can begin with %d characters: got %v, want %v", placeholder, n, begins, takes)
			}
		}
	}
}

// TestParseTemplate: what is the same for every caller of an ARN is replaced at once.
func TestParseTemplate(t *testing.T) {
	for _, tt := range []struct{ text, resource, literal string }{
		{"viewers", "role/ci", "viewers"},
		{"", "role/ci", ""},
		{"a:{{AccountID}}", "role/ci", "a:111122223333"},
		{"{{AccountID}}{{AccountID}}", "user/ann", "111122223333111122223333"},
		{"{{Unknown}}", "role/ci", "{{Unknown}}"},
		{"{{ SessionName }}", "role/ci", "{{ SessionName }}"},
		{"{{sessionname}}", "role/ci", "{{sessionname}}"},
		{"x{{SessionName}}y", "user/ann", "xy"},
		{"x{{SessionNameRaw}}y", "root", "xy"},
		{"{{Session{{SessionName}}Name}}", "user/ann", "{{SessionName}}"},
		{"{{Session{{SessionName}}NameRaw}}", "user/ann", ""},
		{"system:{{SessionName}}masters", "user/ann", "system:masters"},
	} {
		template := awsauth.ParseTemplate(tt.text, arnOf(t, tt.resource))
		if !template.Literal() || template.Text() != tt.literal {
			t.Errorf("%q of %s: literal %v, %q; want %q for everybody", tt.text, tt.resource, template.Literal(), template.Text(), tt.literal)
		}
		if _, can := template.CanBe(tt.literal); !can {
			t.Errorf("%q of %s cannot be %q", tt.text, tt.resource, tt.literal)
		}
		if _, can := template.CanBe(tt.literal + "x"); can {
			t.Errorf("%q of %s can be %q", tt.text, tt.resource, tt.literal+"x")
		}
	}
	for _, tt := range []struct{ text, resource string }{
		{"{{SessionName}}", "role/ci"}, {"{{AccessKeyID}}", "role/ci"}, {"{{AccessKeyID}}", "user/ann"}, {"x{{EC2PrivateDNSName}}", "role/ci"},
	} {
		if template := awsauth.ParseTemplate(tt.text, arnOf(t, tt.resource)); template.Literal() {
			t.Errorf("%q of %s is said to be %q for everybody", tt.text, tt.resource, template.Text())
		}
	}
	// EKS denies every caller without a session where it asks for an instance, so such a template becomes nothing at all.
	nobody := awsauth.ParseTemplate("{{EC2PrivateDNSName}}", arnOf(t, "user/ann"))
	for _, target := range []string{"", "a", "{{EC2PrivateDNSName}}"} {
		_, be := nobody.CanBe(target)
		_, begin := nobody.CanBegin(target)
		if be || begin || nobody.Literal() {
			t.Errorf("{{EC2PrivateDNSName}} of a user: can be %q %v, can begin %v, literal %v", target, be, begin, nobody.Literal())
		}
	}
}

func arnOf(t *testing.T, resource string) awsauth.ARN {
	t.Helper()
	a, err := awsauth.ParseARN("arn:aws:iam::111122223333:" + resource)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestBy: the session name by which somebody becomes an admin is named, so that it can be looked for.
func TestBy(t *testing.T) {
	for _, tt := range []struct{ template, target, by string }{
		{"{{SessionName}}", "masters", "masters"},
		{"system:{{SessionName}}", "system:masters", "masters"},
		{"{{SessionNameRaw}}", "a@example.com", "a@example.com"},
		{"{{SessionName}}:{{SessionName}}", "ab:ab", "ab"},
		{"{{SessionName}}:{{SessionNameRaw}}", "a-b:a@b", ""}, // a@b does it, and is not found: the first one shows a-b
		{"{{SessionName}}:{{SessionName}}", "ab:cd", ""},      // nobody does it
		{"admin-{{AccessKeyID}}", "admin-AKIAAAAAAAAAAAAAAAAA", ""},
		{"{{SessionName}}{{Se{{SessionName}}ionName}}", "xxyy", ""}, // what is nested is not known
	} {
		by, ok := awsauth.ParseTemplate(tt.template, arnOf(t, "role/ci")).CanBe(tt.target)
		if !ok || by != tt.by {
			t.Errorf("%q can be %q: %v, by %q; want by %q", tt.template, tt.target, ok, by, tt.by)
		}
	}
}
