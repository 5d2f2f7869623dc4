// Package rules holds every rule of the catalogue, one in each file, which is named for what the rule catches. What several
// rules use is in a file of its own.
package rules
