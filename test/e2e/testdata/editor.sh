#!/usr/bin/env bash
# An editor for `kubectl edit`. When it is opened for the n-th time, it keeps what it is shown as $EDITOR_DIR/n.yaml, and
# edits that with $EDITOR_DIR/n.sed; without such a file it leaves everything as it is.
set -euo pipefail
n=1
while [ -e "$EDITOR_DIR/$n.yaml" ]; do n=$((n + 1)); done
cp "$1" "$EDITOR_DIR/$n.yaml"
if [ -e "$EDITOR_DIR/$n.sed" ]; then
  sed -f "$EDITOR_DIR/$n.sed" "$EDITOR_DIR/$n.yaml" >"$1"
fi
