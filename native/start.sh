#!/bin/sh
# Starts a published Attune: finds libtorch, compiles the bridge the first time, runs the program beside this file.
set -eu

self=$0
while [ -L "$self" ]; do
    target=$(readlink "$self")
    case $target in /*) self=$target ;; *) self=$(dirname "$self")/$target ;; esac
done
root=$(CDPATH='' cd -- "$(dirname -- "$self")" && pwd -P)

ATTUNE_NATIVE=$root/native
ATTUNE_STATE=$root/.build
if ! { mkdir -p "$ATTUNE_STATE" 2>/dev/null && [ -w "$ATTUNE_STATE" ]; }; then # a shared installation: each user keeps a bridge
    ATTUNE_STATE=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/attune
fi
. "$ATTUNE_NATIVE/find-libtorch.sh"

prepare_bridge
exec "$root/program/Attune.Cli" "$@"
