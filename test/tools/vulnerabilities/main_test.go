package main

import (
	"strings"
	"testing"
)

const (
	config = `{"config":{"protocol_version":"v1.0.0"}}`
	osv    = `{"osv":{"id":"GO-2026-0001","summary":"a parser that does not end"}}`
)

func finding(module, function string) string {
	return fixedIn("v1.2.4", "GO-2026-0001", module, function)
}

func fixedIn(version, id, module, function string) string {
	return `{"finding":{"osv":"` + id + `","fixed_version":"` + version + `","trace":[{"module":"` + module + `","version":"v1.2.3","package":"p","function":"` + function + `"}]}}`
}

func TestRun(t *testing.T) {
	for name, test := range map[string]struct {
		in        []string
		out, fail string
	}{
		"nothing found": {[]string{config, osv}, "", ""},
		"a module's code": {
			[]string{config, osv, finding("example.com/m", ""), finding("example.com/m", "F")},
			"GO-2026-0001: a parser that does not end; example.com/m v1.2.3 has it, and the program calls it; fixed in v1.2.4\n",
			"known vulnerabilities: 1; go get the versions named",
		},
		"a module that is listed": {
			[]string{config, osv, finding("example.com/m", "")},
			"note: 1 more in code that the program does not contain\n", "",
		},
		"Go's library": {
			[]string{config, osv, finding("stdlib", "F")},
			"GO-2026-0001: a parser that does not end; Go's own library of v1.2.3 has it, and the program calls it; fixed in v1.2.4\n",
			"go@VERSION for Go's own library",
		},
		"Go's library, elsewhere": {
			[]string{config, osv, finding("stdlib", "")},
			"note: 1 more in code that the program does not contain\n", "",
		},
		"not fixed yet": {
			[]string{config, osv, fixedIn("", "GO-2026-0001", "stdlib", "F")},
			"GO-2026-0001: a parser that does not end; Go's own library of v1.2.3 has it, and the program calls it; fixed in no version yet\n",
			"known vulnerabilities: 1",
		},
		"no input":    {nil, "", "nothing to read"},
		"other input": {[]string{"No vulnerabilities found."}, "", "not what govulncheck -format json prints"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := run(strings.NewReader(strings.Join(test.in, "\n")), &out)
			if out.String() != test.out {
				t.Errorf("want %q, got %q", test.out, out.String())
			}
			if test.fail == "" && err != nil || test.fail != "" && (err == nil || !strings.Contains(err.Error(), test.fail)) {
				t.Errorf("want the error %q, got %v", test.fail, err)
			}
		})
	}
}
