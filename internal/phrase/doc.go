// Package phrase puts values, lists and numbers into messages: quoted, shortened, and without the secrets that people paste
// into the wrong window.
package phrase
