// Package acceptance holds the tests of a release as its users get it (build tag e2e): release.sh makes it for this machine, krew
// installs the plugin, publish.sh pushes image and chart to the CNCF's registry on loopback, helm reads the chart from there, and
// cosign verifies what was signed with a key of these tests. make release-test runs them.
package acceptance
