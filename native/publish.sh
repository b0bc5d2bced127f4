# ./attune publish DIR, sourced by the launcher: a build that needs no .NET where it runs, only a POSIX shell, libtorch and a
# C++ compiler. Not trimmed: recipes are bound by reflection, and the whole is far below the 60 MB that trimming would aim for.

publish() {
    target=$1
    mkdir -p "$target" || problem "attune publish" DIR "is $target, expected a folder that can be made; name another"
    [ -z "$(ls -A "$target")" ] || [ -f "$target/program/Attune.Cli.dll" ] ||
        problem "attune publish" DIR "is $target, which holds other things, expected a new folder, an empty one, or an earlier publish; name another"
    target=$(CDPATH='' cd -- "$target" && pwd)
    case $(uname -m) in x86_64) platform=linux-x64 ;; aarch64 | arm64) platform=linux-arm64 ;;
    *) problem "attune publish" "$(uname -m)" "is this machine's kind, expected x86_64 or aarch64; publish on one of them" ;; esac

    say "publishing for $platform to $target"
    mkdir -p "$ATTUNE_STATE/publish"
    lock publish
    rm -rf "$target/program" "$target/native" "$target/recipes" "$target/data" "$target/models"
    log=$ATTUNE_STATE/publish/publish.log
    if ! dotnet_quietly publish "$root/src/Attune.Cli" -c Release -r "$platform" --self-contained --artifacts-path "$ATTUNE_STATE/publish" \
        -o "$target/program" -v quiet -p:DebugType=none -p:GenerateDocumentationFile=false -p:UseSharedCompilation=false >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        problem "The program" src "cannot be published, expected no error; the lines above say why"
    fi
    unlock
    mkdir "$target/native"
    cp "$ATTUNE_NATIVE"/*.cpp "$ATTUNE_NATIVE/find-libtorch.sh" "$target/native/"
    for header in "$ATTUNE_NATIVE"/*.h; do [ ! -f "$header" ] || cp "$header" "$target/native/"; done
    cp "$ATTUNE_NATIVE/start.sh" "$target/attune"
    chmod +x "$target/attune"
    for folder in recipes data models; do [ ! -d "$root/$folder" ] || cp -R "$root/$folder" "$target/"; done
    for file in LICENSE NOTICE README.md; do [ ! -f "$root/$file" ] || cp "$root/$file" "$target/"; done
    say "published; copy $target to a machine with libtorch or PyTorch and a C++ compiler, and run ./attune there"
}
