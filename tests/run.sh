# The one check, sourced by ./attune test: restore, format, build, every test project, skips. Its last line is
# "N passed, N failed, N skipped". Arguments (for instance --filter X) go to dotnet test.

run_tests() {
    results=$ATTUNE_STATE/test-results
    rm -rf "$results"
    mkdir -p "$results"
    broken= passed=0 failed=0 skipped=0
    solution=$root/Attune.slnx

    # Where one of these fails there is nothing to test. Bridge and program: in shells of their own, as their errors end the shell.
    if stage restore dotnet_quietly restore "$solution" --locked-mode && # fails where a lock file is out of date
        stage build locked build dotnet_quietly build "$solution" -c Release --no-restore -warnaserror -v quiet -p:UseSharedCompilation=false &&
        stage bridge in_own_shell prepare_bridge &&
        stage program in_own_shell prepare_program; then
        prepare_bridge
        stage format dotnet_quietly format "$solution" --verify-no-changes --no-restore || true
        stage projects check_projects || true
        ! needs_browser || stage browser install_browser || true
        stage database install_database || true
        for project in "$root"/tests/*.Tests/*.csproj; do
            name=$(basename "$project" .csproj)
            stage "$name" dotnet_quietly test "$project" -c Release --no-build --logger "trx;LogFileName=$name.trx" --results-directory "$results" "$@" || true
            count "$name" "$@"
        done
        stage skips check_skips || true
        [ $((passed + failed)) -gt 0 ] || { echo "no test ran, expected at least one; correct the filter" && broken=yes; }
    fi
    [ -z "$broken" ] || [ "$failed" -gt 0 ] || failed=1 # a stage that fails counts as a failed test: the last line may not look green
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] || exit 1
}

in_own_shell() { ("$@"); }

# A launcher that starts meanwhile must not build into the same folders.
locked() {
    lock "$1"
    shift
    if "$@"; then unlock; else unlock && return 1; fi
}

# stage NAME COMMAND...: one line with its time; the command's output only where it fails.
stage() {
    stage_name=$1
    shift
    began=$(date +%s)
    if "$@" >"$results/$stage_name.log" 2>&1 </dev/null; then outcome=ok; else outcome=FAILED broken=yes; fi
    printf '%-22s %-6s %4d s\n' "$stage_name" "$outcome" "$(($(date +%s) - began))"
    [ $outcome = ok ] || { tail -n 200 "$results/$stage_name.log" && return 1; }
}

# Every project of src/ has its tests, and every test project is built with the solution.
check_projects() {
    missing_projects=0
    for project in "$root"/src/*/*.csproj; do
        name=$(basename "$project" .csproj)
        [ -f "$root/tests/$name.Tests/$name.Tests.csproj" ] ||
            { echo "tests/$name.Tests is missing, expected a test project for src/$name; add it" && missing_projects=1; }
    done
    for project in "$root"/src/*/*.csproj "$root"/tests/*/*.csproj; do
        grep -q "/$(basename "$project")\"" "$solution" ||
            { echo "$(basename "$project") is not in Attune.slnx, expected every project there; add it" && missing_projects=1; }
    done
    return $missing_projects
}

# count PROJECT ARGUMENTS...: adds a result file to the sums. A project without tests is broken, unless a filter left it none.
count() {
    counters=$(grep -o '<Counters [^>]*>' "$results/$1.trx" 2>/dev/null | head -n 1) || true
    total=$(counter total) executed=$(counter executed)
    passed=$((passed + $(counter passed))) failed=$((failed + total - (total - executed) - $(counter passed)))
    skipped=$((skipped + total - executed))
    [ "$total" -gt 0 ] || [ $# -gt 1 ] || { echo "$1 ran no test, expected at least one; see $results/$1.log" && broken=yes; }
}

counter() {
    number=$(printf '%s' "$counters" | sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p")
    echo "${number:-0}"
}

# A skip is permitted only by a line "pattern — reason" of tests/expected-skips.txt. Lines whose reason begins with
# "needs ATTUNE_FIXTURES" permit it only where that variable is unset.
check_skips() {
    cat "$results"/*.trx | grep -o '<UnitTestResult [^>]*outcome="NotExecuted"[^>]*>' |
        sed -e 's/.* testName="\([^"]*\)".*/\1/' -e 's/&quot;/"/g' -e 's/&lt;/</g' -e 's/&gt;/>/g' -e 's/&amp;/\&/g' >"$results/skipped.txt"
    unexpected=0
    while IFS= read -r test; do
        is_expected_skip "$test" || { echo "$test is skipped, expected only the skips of tests/expected-skips.txt; run it, or list it with a reason" && unexpected=1; }
    done <"$results/skipped.txt"
    return $unexpected
}

is_expected_skip() {
    while IFS= read -r line; do
        case $line in '' | '#'*) continue ;; *' — '?*) ;; *) echo "tests/expected-skips.txt: '$line' has no ' — reason'" && continue ;; esac
        pattern=${line%% — *}
        case ${line#* — } in 'needs ATTUNE_FIXTURES'*) [ -z "${ATTUNE_FIXTURES:-}" ] || continue ;; esac
        # shellcheck disable=SC2254 # a pattern, on purpose
        case $1 in $pattern) return 0 ;; esac
    done <"$root/tests/expected-skips.txt"
    return 1
}

# The web pages are tested in a real browser, Debian's, as the test library's own download is not to be relied on.
needs_browser() { grep -q 'Microsoft.Playwright' "$root"/tests/*/*.csproj; }

install_browser() {
    [ -x /usr/bin/chromium ] && return
    may_install || { echo "chromium is not installed, expected /usr/bin/chromium; run 'apt-get install -y --no-install-recommends chromium' as root" && return 1; }
    install_packages chromium
}

# Storage is tested on a real PostgreSQL too, which the tests start themselves from Debian's programs. Without the right to install it those tests are
# skipped (tests/expected-skips.txt): SQLite runs the same ones.
install_database() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return
    if may_install; then install_packages postgresql; else echo "PostgreSQL is not installed; its tests are skipped. Run 'apt-get install -y --no-install-recommends postgresql' as root to have them"; fi
}
