# shellcheck shell=bash
# Sourced by every script that runs go: the Go release that go.mod names, whichever Go the machine has and whatever its
# GOTOOLCHAIN says. A Go since 1.21 fetches it by itself, as the module golang.org/toolchain.
GOTOOLCHAIN=go$(sed -n 's/^go //p' "$(dirname "${BASH_SOURCE[0]}")/../../go.mod")
export GOTOOLCHAIN
