// Package rules holds every rule of the catalogue, one in each file, which is named for what the rule catches. A file without
// a rule.Rule has what several rules share, or the longer half of one rule, which its first comment names.
package rules
