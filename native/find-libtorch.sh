# Finds libtorch and compiles the bridge for it. Sourced by ./attune and by the start script of a published build.
# POSIX shell. The caller sets:
#   ATTUNE_NATIVE   the folder with torch_bridge.cpp
#   ATTUNE_STATE    a writable folder for what is compiled and remembered
# and calls prepare_bridge, which exports ATTUNE_BRIDGE or ends the process with 2.

say() { printf 'attune: %s\n' "$*" >&2; }

# problem TITLE KEY TEXT: the three parts of an error (what is wrong, what was expected, what to do), then the end.
problem() {
    printf '%s has 1 problem\n  %s  %s\n' "$1" "$2" "$3" >&2
    exit 2
}

# lock NAME: one holder at a time. The link carries its owner's process id from the instant it exists (a folder would
# be empty for a moment), so that what a killed owner left behind can be told from what a living one holds.
lock() {
    lock_path=$ATTUNE_STATE/$1.lock
    lock_announced= lock_tries=0
    until ln -s "pid-$$" "$lock_path" 2>/dev/null; do
        lock_owner=$(readlink "$lock_path" 2>/dev/null) || lock_owner=
        lock_owner=${lock_owner#pid-}
        if [ -n "$lock_owner" ] && ! is_alive "$lock_owner"; then
            break_lock
            continue
        fi
        lock_tries=$((lock_tries + 1))
        [ -L "$lock_path" ] || [ $lock_tries -lt 5 ] ||
            problem "The environment" "$lock_path" "cannot be made, expected room and the right to write there; make room or change the folder's rights"
        [ -n "$lock_announced" ] || say "another attune (process ${lock_owner:-unknown}) is building here; waiting for it"
        lock_announced=yes
        sleep 1
    done
    trap 'rm -f "$lock_path"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

unlock() { rm -f "$lock_path"; trap - EXIT INT TERM HUP; }

is_alive() { [ -d "/proc/$1" ] || kill -0 "$1" 2>/dev/null; }

# Of several that find a dead owner, one removes the lock, and only if it is still the dead owner's.
break_lock() {
    if mkdir "$lock_path.break" 2>/dev/null; then
        [ "$(readlink "$lock_path" 2>/dev/null)" != "pid-$lock_owner" ] || rm -f "$lock_path"
        rmdir "$lock_path.break"
    else
        sleep 1
    fi
}

# try_libtorch LIB INCLUDE WHENCE: takes the pair if libraries and headers are both there.
try_libtorch() {
    [ -f "$1/libtorch_cpu.$library_ending" ] && [ -f "$2/torch/csrc/api/include/torch/version.h" ] || return 1
    torch_lib=$1 torch_include=$2 torch_from=$3 torch_abi=
}

# Order: what the user names, the PyTorch that python3 would import, the system. Fails quietly if there is none.
find_libtorch() {
    case $(uname -s) in Darwin) library_ending=dylib ;; *) library_ending=so ;; esac
    if [ -n "${ATTUNE_LIBTORCH:-}" ]; then
        # The bridge remembers where it found libtorch: a relative path would hold from one folder alone.
        absolute=$(CDPATH='' cd -- "$ATTUNE_LIBTORCH" 2>/dev/null && pwd) && ATTUNE_LIBTORCH=$absolute
        for above in . .. ../..; do
            try_libtorch "$ATTUNE_LIBTORCH/lib" "$ATTUNE_LIBTORCH/include" ATTUNE_LIBTORCH && return
            try_libtorch "$ATTUNE_LIBTORCH" "$ATTUNE_LIBTORCH/$above/include" ATTUNE_LIBTORCH && return
        done
        problem "The environment" ATTUNE_LIBTORCH "is $ATTUNE_LIBTORCH, expected a folder with lib/libtorch_cpu.$library_ending and \
include/torch; name libtorch's folder or its lib, or unset the variable so that attune looks for itself"
    fi
    find_python_torch && return
    for lib in /usr/lib/*-linux-gnu /usr/lib64 /usr/lib /usr/local/lib /opt/homebrew/lib; do
        try_libtorch "$lib" /usr/include system && return
        try_libtorch "$lib" "${lib%/lib*}/include" system && return
    done
    return 1
}

# Python takes seconds to import torch, so its answer is kept until python3 itself, or a torch folder on its path, changes.
find_python_torch() {
    python=$(command -v python3) || return 1
    asked="$python|${VIRTUAL_ENV:-}|${PYTHONPATH:-}|${PYENV_VERSION:-$(cat "${PYENV_ROOT:-${HOME:-}/.pyenv}/version" 2>/dev/null)}"
    answer=$ATTUNE_STATE/python-torch
    read_python_answer || { ask_python; read_python_answer; } || return 1
    [ -n "$python_torch" ] && try_libtorch "$python_torch/lib" "$python_torch/include" "$python" || return 1
    torch_abi=$python_abi
}

# The file: the question; torch's folder; its C++ ABI; the torch folders seen then; and the folders where they are looked for.
read_python_answer() {
    [ -f "$answer" ] || return 1
    {
        IFS= read -r question && [ "$question" = "$asked" ] || return 1
        IFS= read -r python_torch && IFS= read -r python_abi && IFS= read -r seen || return 1
        now=
        while IFS= read -r folder; do [ ! -d "$folder/torch" ] || now="$now:$folder"; done
    } <"$answer"
    [ "$now" = "$seen" ] || return 1
    [ -z "$python_torch" ] || [ -z "$(find "$python_torch/version.py" -newer "$answer" 2>/dev/null)" ]
}

ask_python() {
    { printf '%s\n' "$asked"; (cd / && python3 -c '
import importlib.util, os, sys
folder = abi = ""
folders = [p for p in sys.path if p]
if importlib.util.find_spec("torch"):
    try:
        import torch
        folder, abi = os.path.dirname(torch.__file__), int(torch._C._GLIBCXX_USE_CXX11_ABI)
    except Exception as error:
        print("attune: python3 has a torch that does not import; looking further:", error, file=sys.stderr)
print(folder, abi, "".join(":" + p for p in folders if os.path.isdir(p + "/torch")), *folders, sep="\n")
'); } >"$answer.$$" || printf '%s\n\n\n\n' "$asked" >"$answer.$$" # a python3 that does not start has no torch
    mv -f "$answer.$$" "$answer"
}

find_compiler() { compiler=$(command -v "${CXX:-c++}" || command -v g++ || command -v clang++); }

# What is missing is installed where that is possible and wanted; otherwise the reader is told what to do.
require_libtorch() {
    missing=
    find_libtorch || missing="libtorch-dev libopenblas0-openmp"
    find_compiler || missing="$missing g++"
    [ -n "$missing" ] || return 0
    if may_install; then
        # shellcheck disable=SC2086 # the words of $missing are package names
        install_packages $missing
        find_libtorch && find_compiler && return
    fi
    case $missing in
    libtorch*) problem "This machine" libtorch "is not installed, expected ATTUNE_LIBTORCH, the torch package of python3, or the system's \
libtorch with headers; run 'apt-get install -y --no-install-recommends $missing' as root (Debian), or 'pip install torch', or set \
ATTUNE_LIBTORCH to a folder with include/ and lib/" ;;
    *) problem "This machine" g++ "is not installed, expected a C++17 compiler to build the bridge to libtorch; \
run 'apt-get install -y --no-install-recommends g++' as root (Debian), or set CXX to your compiler" ;;
    esac
}

may_install() {
    [ -z "${ATTUNE_NO_INSTALL:-}" ] && command -v apt-get >/dev/null || return 1
    as_root=
    [ "$(id -u)" = 0 ] || { as_root="sudo -n"; sudo -n true 2>/dev/null; }
}

install_packages() {
    say "installing $* (Debian packages; set ATTUNE_NO_INSTALL=1 to prevent this)"
    log=$ATTUNE_STATE/install.log
    if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } \
        >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        say "the installation failed; its log is $log"
    fi
}

# The old and the new C++ ABI mangle std::string differently; libc10's exported names tell which one it was built with.
detect_abi() {
    if LC_ALL=C grep -q 'SourceLocationENSt7__cxx1112basic_string' "$torch_lib/libc10.$library_ending"; then torch_abi=1; else torch_abi=0; fi
}

# Compiles the bridge unless the one for this source and this libtorch is there already.
prepare_bridge() {
    mkdir -p "$ATTUNE_STATE" 2>/dev/null && [ -w "$ATTUNE_STATE" ] ||
        problem "The environment" "$ATTUNE_STATE" "cannot be written, expected a folder for what is compiled; change its owner or its rights"
    require_libtorch
    version_header=$torch_include/torch/csrc/api/include/torch/version.h
    key=$({ cat "$ATTUNE_NATIVE"/*.cpp "$ATTUNE_NATIVE"/*.h "$ATTUNE_NATIVE/find-libtorch.sh" "$version_header" 2>/dev/null || true
        wc -c <"$torch_lib/libtorch_cpu.$library_ending"
        ls "$torch_lib/libtorch_cuda.$library_ending" 2>/dev/null || true
        printf '%s\n' "$torch_lib" "$torch_abi" "$compiler"; } | cksum | tr ' ' -)
    ATTUNE_BRIDGE=$ATTUNE_STATE/native/$key/libattune_torch.so
    export ATTUNE_BRIDGE
    [ -f "$ATTUNE_BRIDGE" ] || { lock native; [ -f "$ATTUNE_BRIDGE" ] || compile_bridge; unlock; }
}

compile_bridge() {
    [ -n "$torch_abi" ] || detect_abi
    folder=${ATTUNE_BRIDGE%/*}
    mkdir -p "$folder"
    version=$(sed -n 's/^ *"\([0-9.a-z+]*\)".*/\1/p' "$version_header")
    say "compiling the bridge to libtorch $version from $torch_from ($torch_lib); once, about 20 s"
    set -- -O2 -std=c++17 -shared -fPIC "-D_GLIBCXX_USE_CXX11_ABI=$torch_abi" \
        -I"$torch_include" -I"$torch_include/torch/csrc/api/include" \
        "$ATTUNE_NATIVE/torch_bridge.cpp" -o "$folder/$$.tmp" "-Wl,-rpath,$torch_lib" -L"$torch_lib"
    # Nothing in the bridge names torch_cuda: without this the linker drops it, and the dispatcher has no CUDA kernels.
    [ "$library_ending" = dylib ] || set -- "$@" -Wl,--no-as-needed
    set -- "$@" -ltorch -ltorch_cpu -lc10
    [ ! -f "$torch_lib/libtorch_cuda.$library_ending" ] || set -- "$@" -ltorch_cuda -lc10_cuda
    # Kernels of the bridge's own share work out among the threads of the OpenMP that libtorch itself uses, and a wheel brings its own along; with a
    # compiler that knows no OpenMP they have one thread.
    openmp=
    for library in "$torch_lib"/libgomp*.so*; do [ ! -f "$library" ] || openmp=$library; done
    if ! "$compiler" "$@" -fopenmp ${openmp:+"$openmp"} >"$folder/compile.log" 2>&1 && ! "$compiler" "$@" >"$folder/compile.log" 2>&1; then
        rm -f "$folder/$$.tmp"
        tail -n 20 "$folder/compile.log" >&2
        problem "The bridge" torch_bridge.cpp "does not compile with $compiler against $torch_lib, expected libtorch 1.13 or 2.x and a \
C++17 compiler; read $folder/compile.log, or set ATTUNE_LIBTORCH or CXX to others"
    fi
    mv -f "$folder/$$.tmp" "$ATTUNE_BRIDGE"
}
