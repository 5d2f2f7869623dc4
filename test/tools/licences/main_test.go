package main

import (
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const isc = `Copyright (c) 2026 Example

Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY
SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER
RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT,
NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE
USE OR PERFORMANCE OF THIS SOFTWARE.
`

func TestLicences(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"in LICENSE":        {map[string]string{"LICENSE": isc}, []string{"ISC"}},
		"in License.md":     {map[string]string{"License.md": isc}, []string{"ISC"}},
		"in two files":      {map[string]string{"LICENSE": isc, "COPYING": isc}, []string{"ISC"}},
		"terms of its own":  {map[string]string{"LICENSE": "Ask us first."}, nil},
		"without a file":    {map[string]string{"README": isc}, nil},
		"further terms too": {map[string]string{"LICENSE": isc + strings.Repeat("Nobody may use this on a Sunday. ", 40)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cache := fstest.MapFS{}
			for file, text := range test.files {
				cache["example.com/!upper@v1.0.0/"+file] = &fstest.MapFile{Data: []byte(text)}
			}
			got, err := licences(cache, &debug.Module{Path: "example.com/Upper", Version: "v1.0.0"})
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("want %q, got %q (%v)", test.want, got, err)
			}
		})
	}
}
