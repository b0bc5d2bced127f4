# ./attune publish DIR, sourced by the launcher: a build that needs no .NET where it runs, only a POSIX shell, libtorch and a
# C++ compiler. Whole files that Attune never loads are left out; assemblies are not trimmed, as recipes are bound by reflection.

publish() {
    target=$1
    mkdir -p "$target" || problem "attune publish" DIR "is $target, expected a folder that can be made; name another"
    [ -z "$(ls -A "$target")" ] || [ -f "$target/program/Attune.Cli" ] || [ -d "$target/.attune-new" ] || # the last: left by a killed publish
        problem "attune publish" DIR "is $target, which holds other things, expected a new folder, an empty one, or an earlier publish; name another"
    target=$(CDPATH='' cd -- "$target" && pwd)
    case $(uname -m) in x86_64) platform=linux-x64 ;; aarch64 | arm64) platform=linux-arm64 ;;
    *) problem "attune publish" "$(uname -m)" "is this machine's kind, expected x86_64 or aarch64; publish on one of them" ;; esac

    say "publishing for $platform to $target"
    mkdir -p "$ATTUNE_STATE/publish"
    lock publish
    # Made apart and moved in when it is whole: a failure leaves an earlier publish as it was.
    new=$target/.attune-new
    rm -rf "$new"
    mkdir "$new"
    log=$ATTUNE_STATE/publish/publish.log
    if ! dotnet_quietly publish "$root/src/Attune.Cli" -c Release -r "$platform" --self-contained --artifacts-path "$ATTUNE_STATE/publish" \
        -o "$new/program" -v quiet -p:DebugType=none -p:GenerateDocumentationFile=false -p:UseSharedCompilation=false >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -rf "$new"
        problem "The program" src "cannot be published, expected no error; the lines above say why"
    fi
    # For debuggers, for tracing, other garbage collectors, Visual Basic; of the web framework other servers, its browser circuits and its views.
    for unneeded in createdump libmscordbi.so libmscordaccore.so libcoreclrtraceptprovider.so libclrgc.so libclrgcexp.so \
        Microsoft.VisualBasic.dll Microsoft.VisualBasic.Core.dll \
        Microsoft.AspNetCore.Server.IIS.dll Microsoft.AspNetCore.Server.HttpSys.dll Microsoft.AspNetCore.Components.Server.dll \
        Microsoft.AspNetCore.SignalR.dll Microsoft.AspNetCore.SignalR.Core.dll Microsoft.AspNetCore.SignalR.Common.dll Microsoft.AspNetCore.SignalR.Protocols.Json.dll \
        Microsoft.AspNetCore.Mvc.dll Microsoft.AspNetCore.Mvc.Cors.dll Microsoft.AspNetCore.Mvc.DataAnnotations.dll Microsoft.AspNetCore.Mvc.Formatters.Json.dll \
        Microsoft.AspNetCore.Mvc.Formatters.Xml.dll Microsoft.AspNetCore.Mvc.Localization.dll Microsoft.AspNetCore.Mvc.Razor.dll Microsoft.AspNetCore.Mvc.RazorPages.dll \
        Microsoft.AspNetCore.Mvc.TagHelpers.dll Microsoft.AspNetCore.Mvc.ViewFeatures.dll Microsoft.AspNetCore.Razor.dll Microsoft.AspNetCore.Razor.Runtime.dll; do
        rm -f "$new/program/$unneeded"
    done
    mkdir "$new/native"
    cp "$ATTUNE_NATIVE"/*.cpp "$ATTUNE_NATIVE/find-libtorch.sh" "$new/native/"
    for header in "$ATTUNE_NATIVE"/*.h; do [ ! -f "$header" ] || cp "$header" "$new/native/"; done
    cp "$ATTUNE_NATIVE/start.sh" "$new/attune"
    chmod +x "$new/attune"
    for folder in recipes data models; do [ ! -d "$root/$folder" ] || cp -R "$root/$folder" "$new/"; done
    for file in LICENSE NOTICE README.md; do [ ! -f "$root/$file" ] || cp "$root/$file" "$new/"; done
    rm -rf "$target/program" "$target/native" "$target/recipes" "$target/data" "$target/models"
    mv "$new"/* "$target/"
    rmdir "$new"
    unlock
    say "published; copy $target to a machine with libtorch or PyTorch and a C++ compiler, and run ./attune there"
}
