// Command vulnerabilities reads what govulncheck -format json says of a program, from standard input, and sums it up. It
// exits with 1 if vulnerable code of a module or of Go's own library is in the program.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// message is one of govulncheck's (golang.org/x/vuln/internal/govulncheck, Message), as far as it is read here.
type message struct {
	OSV *struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	} `json:"osv"`
	Finding *struct {
		OSV          string `json:"osv"`
		FixedVersion string `json:"fixed_version"`
		Trace        []struct {
			Module   string `json:"module"`
			Version  string `json:"version"`
			Package  string `json:"package"`
			Function string `json:"function"`
		} `json:"trace"`
	} `json:"finding"`
}

// standardLibrary is what govulncheck calls Go's own library.
const standardLibrary = "stdlib"

// advisory is what is known of one vulnerability of one module.
type advisory struct {
	id, summary, module, version, fixed string
	contained                           bool // its code is in the program, and not merely its module in the build list
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vulnerabilities:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	all, err := read(in)
	if err != nil {
		return err
	}
	var bad, elsewhere int
	for _, a := range all {
		if !a.contained {
			elsewhere++
			continue
		}
		bad++
		module := a.module
		if module == standardLibrary {
			module = "Go's own library of"
		}
		fmt.Fprintf(out, "%s: %s; %s %s has it, and the program calls it; fixed in %s\n",
			a.id, a.summary, module, a.version, cmp.Or(a.fixed, "no version yet"))
	}
	if elsewhere > 0 {
		fmt.Fprintf(out, "note: %d more in code that the program does not contain\n", elsewhere)
	}
	if bad > 0 {
		return fmt.Errorf("known vulnerabilities: %d; go get the versions named, go@VERSION for Go's own library, then make lint again", bad)
	}
	return nil
}

// read collects the advisories that concern a program, by their ids.
func read(in io.Reader) ([]advisory, error) {
	summaries := map[string]string{}
	found := map[[2]string]advisory{}
	decoder := json.NewDecoder(in)
	messages := 0
	for ; ; messages++ {
		var m message
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("not what govulncheck -format json prints: %w", err)
		}
		if m.OSV != nil {
			summaries[m.OSV.ID] = m.OSV.Summary
		}
		if f := m.Finding; f != nil && len(f.Trace) > 0 {
			t := f.Trace[0]
			key := [2]string{f.OSV, t.Module}
			a := found[key]
			found[key] = advisory{id: f.OSV, module: t.Module, version: t.Version, fixed: f.FixedVersion, contained: a.contained || t.Function != ""}
		}
	}
	if messages == 0 {
		return nil, errors.New("nothing to read: want what govulncheck -format json prints")
	}
	var all []advisory
	for _, key := range slices.SortedFunc(maps.Keys(found), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		a := found[key]
		a.summary = summaries[a.id]
		all = append(all, a)
	}
	return all, nil
}
