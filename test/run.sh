#!/usr/bin/env bash
# The whole test suite, from a clone: `bash test/run.sh [stage...]`.
#
# Installs the Debian packages that are missing (saying which), copies the tree to a private temporary
# workspace, builds and tests it there as a user without privileges, on servers that it starts and
# stops itself, and removes the workspace. One line per stage; the last line counts the tests. The exit
# status is 0 where every test passed.
#
#   PG_CONFIG        the pg_config of the server to test with
#   TESTS            names of tests, of the stages regress, isolation and tap: those alone (default: all)
#   STAGE_SECONDS    how long one program of a stage, or all that test servers, may take (default 1200)
#   EXTENT           quick, or soak for the long forms (test/soak.sh runs those)
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in packages workspace cluster results instrumented sanitized; do
    # shellcheck source=/dev/null
    . "$top/test/lib/$part.sh"
done

all_stages=(lint layers build unit fuzz regress isolation tap drivers web examples sanitize)

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$top/test/run.sh"
    echo "Stages: ${all_stages[*]}"
}

# What each stage needs besides a compiler and a server.
need_stage() {
    case $1 in
    lint)
        need clang-format command -v clang-format
        need clang-tidy command -v clang-tidy
        need shfmt command -v shfmt
        need shellcheck command -v shellcheck
        need perltidy command -v perltidy
        need black command -v black
        need rubocop command -v rubocop
        need nodejs command -v node
        need npm command -v npm
        need libgtest-dev test -e /usr/include/gtest/gtest.h
        # For the benchmark's client.
        need libpq-dev test -e /usr/include/postgresql/libpq-fe.h
        need libhiredis-dev test -e /usr/include/hiredis/hiredis.h
        ;;
    unit)
        need libgtest-dev test -e /usr/include/gtest/gtest.h
        ;;
    fuzz)
        need clang command -v clang++
        need libclang-rt-dev compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*'
        ;;
    sanitize)
        [ "${EXTENT:-quick}" != soak ] || { need_stage tap && need_stage drivers; }
        ;;
    tap)
        need perl command -v prove
        need_test_modules
        need libipc-run-perl perl -MIPC::Run -e 1
        need libmaxmind-db-writer-perl perl -MMaxMind::DB::Writer::Tree -e 1
        need libfaketime compgen -G '/usr/lib/*/faketime/libfaketime.so.1'
        need python3 test -x /usr/bin/python3
        need python3-psycopg /usr/bin/python3 -c 'import psycopg'
        need python3-cryptography /usr/bin/python3 -c 'import cryptography'
        # For the script that takes over a Django's sessions.
        need python3-psycopg2 /usr/bin/python3 -c 'import psycopg2'
        need python3-django /usr/bin/python3 -c 'import django'
        need sqlsmith command -v sqlsmith
        need pgbouncer env PATH="$PATH:/usr/sbin" sh -c 'command -v pgbouncer'
        need prometheus-postgres-exporter command -v prometheus-postgres-exporter
        need prometheus command -v promtool
        need_plproxy
        need libpq-dev test -e /usr/include/postgresql/libpq-fe.h
        need libhiredis-dev test -e /usr/include/hiredis/hiredis.h
        need valgrind command -v valgrind
        ;;
    drivers)
        need_drivers
        ;;
    web)
        need nodejs command -v node
        need npm command -v npm
        need chromium test -x /usr/bin/chromium
        need openssl command -v openssl
        # Go is not installed: where it is not, the media server is skipped.
        ! command -v go >/dev/null || need python3-venv /usr/bin/python3 -c 'import ensurepip'
        ;;
    examples)
        need_plproxy
        # Languages that are not here are skipped.
        need_rust
        ;;
    esac
}

# --- the outer run: packages, workspace

outer_run() {
    local stage status=0
    need_build
    for stage in "$@"; do
        need_stage "$stage"
    done
    install_missing
    trap remove_workspace EXIT
    trap 'exit 130' INT TERM HUP
    make_workspace "$top"
    echo "Testing with $("$PG_CONFIG" --version), as user $(unprivileged_user), in $WORKSPACE."
    run_in_workspace test/run.sh --in-workspace "$@" || status=$?
    return "$status"
}

# --- the inner run: the stages
#
# Each stage prints what its programs print, and one line for each test on descriptor 3.

# Runs a program of a stage, and ends it after STAGE_SECONDS.
limited() {
    local status=0
    local pid_file=$WORKSPACE/run/stage.$BASHPID.pid
    timeout --kill-after=10 "${STAGE_SECONDS:-1200}" "$@" &
    echo $! >"$pid_file"
    wait $! || status=$?
    rm -f "$pid_file"
    [ "$status" -ne 124 ] || echo "Ended after ${STAGE_SECONDS:-1200} seconds: $*"
    return "$status"
}

# check NAME COMMAND...: one test, which is whether the command succeeds.
check() {
    local name=$1
    shift
    if "$@"; then
        echo "pass $name" >&3
    else
        echo "fail $name" >&3
    fi
}

# recorded FILTER COMMAND...: runs the command, and lets FILTER find its tests in what it prints.
recorded() {
    local filter=$1 status=0 output
    shift
    output=$(mktemp)
    limited "$@" >"$output" 2>&1 || status=$?
    cat "$output"
    "$filter" <"$output" >&3
    rm -f "$output"
    return "$status"
}

# check_with PROGRAM NAME COMMAND...: the same, skipped where the program is not that of LLVM 14.
check_with() {
    if "$1" --version | grep -q 'version 14\.'; then
        check "${@:2}"
    else
        echo "skip $2: another $1" >&3
    fi
}

stage_lint() {
    local status=0
    # Another version has other opinions, and more of them.
    check_with clang-format format limited make -s format
    check_with clang-tidy clang-tidy limited make -s lint
    recorded results_from_tap bash test/format.sh || status=$?
    recorded results_from_tap perl test/check_links.pl || status=$?
    recorded results_from_tap perl test/check_snippets.pl || status=$?
    recorded results_from_tap perl test/check_meta.pl || status=$?
    return "$status"
}

stage_layers() {
    recorded results_from_tap bash test/check_layers.sh
}

stage_build() {
    check build build_extension
    check install stage_extension
    check "build in another directory" build_elsewhere
}

# make in a directory beside the sources.
make_elsewhere() {
    make -s -C "$WORKSPACE/elsewhere/build" -f ../source/Makefile VPATH=../source "$@"
}

# Builds there and installs. What was built in place is taken over, but for two files: it would be the same again.
build_elsewhere() {
    mkdir -p "$WORKSPACE/elsewhere/build" && cp -a . "$WORKSPACE/elsewhere/source" &&
        make -s -C "$WORKSPACE/elsewhere/source" clean &&
        find src -name '*.[od]' -print0 | tar -cf - --null -T - | tar -C "$WORKSPACE/elsewhere/build" -xf - &&
        rm "$WORKSPACE/elsewhere/build/src/core/hex.o" "$WORKSPACE/elsewhere/build/src/api/module.o" &&
        make_elsewhere -j"$(nproc)" && make_elsewhere install DESTDIR="$WORKSPACE/elsewhere/stage" &&
        diff <(cd "$WORKSPACE/stage" && find . -type f -path '*session_service*' | sort) \
            <(cd "$WORKSPACE/elsewhere/stage" && find . -type f | sort)
}

stage_unit() {
    recorded results_from_googletest make -s -j"$(nproc)" unit
}

stage_fuzz() {
    recorded results_from_fuzzers make -s -k -j"$(nproc)" fuzz
}

# chosen SUFFIX FILE...: the tests of a stage, by name: those that TESTS names, else one for each file.
chosen() {
    xargs <<<"${TESTS:-$(basename -as "$@")}"
}

# with_diffs FILE COMMAND...: shows what pg_regress left there, where the command failed.
with_diffs() {
    "${@:2}" || {
        show_diffs "$1"
        return 1
    }
}

# Twice: as it is, and with statements in place of the direct engine (of which only builds for developers know).
stage_regress() {
    local status=0 tests
    start_shared_cluster || return
    if [ -d "$WORKSPACE/elsewhere" ]; then
        check "installcheck from another directory" make_elsewhere installcheck REGRESS=user_ids ISOLATION=list_once
    fi
    tests=$(chosen .sql test/sql/*.sql)
    set -- make -s installcheck REGRESS="$tests" ISOLATION=
    with_diffs regression.diffs recorded results_from_pg_regress "$@" || status=1
    with_diffs regression.diffs by_statement "$@" || status=1
    return "$status"
}

# Of the pairs of sign-outs each begins with validations, whose activity statements write in another order.
stage_isolation() {
    local status=0 specs
    start_shared_cluster || return
    specs=$(chosen .spec test/isolation/specs/*.spec)
    set -- make -s installcheck REGRESS=
    with_diffs output_iso/regression.diffs recorded results_from_pg_regress "$@" ISOLATION="$specs" || status=1
    specs=$(tr ' ' '\n' <<<"$specs" | grep -vx sign_out_pairs | xargs)
    with_diffs output_iso/regression.diffs by_statement "$@" ISOLATION="$specs" || status=1
    return "$status"
}

# by_statement COMMAND...: the same tests with the statement engine, under names of their own.
by_statement() {
    PGOPTIONS='-c session_service.engine=statement' recorded results_by_statement "$@"
}

results_by_statement() {
    results_from_pg_regress | sed 's/^\([a-z]*\) /\1 by statement: /'
}

stage_tap() {
    local names
    read -ra names < <(chosen .pl test/t/*.pl)
    run_tap "${names[@]}"
}

# Each file is a program of its own, with servers of its own: as many at a time as there are processors.
run_tap() {
    local file names=("$@")
    export WORKSPACE BINDIR
    printf '%s\n' "${names[@]}" | limited xargs -P "$(nproc)" -I '{}' bash test/lib/tap.sh '{}' || true
    for file in "${names[@]}"; do
        file=$WORKSPACE/tap/$file
        results_from_tap <"$file.log" | sed "s,^\([a-z]*\) ,\1 ${file##*/}: ," >&3
        if [ "$(cat "$file.status" 2>/dev/null)" != 0 ]; then
            cat "$file.log"
            grep -q '^not ok' "$file.log" && continue
            echo "fail ${file##*/}: ended too early" >&3
            # Why, is in what its servers said.
            tail -n 40 "$file"/tmp_check/log/* || true
        fi
    done
}

stage_drivers() {
    [ -e test/drivers/run.sh ] || return 0
    start_shared_cluster || return
    restart_cluster_with 'max_prepared_transactions = 2' || return
    recorded results_from_tap bash test/drivers/run.sh
}

stage_web() {
    local example status=0
    start_shared_cluster || return
    for example in web backchannel_logout native_client media_server; do
        recorded results_from_tap bash "examples/$example/test/run.sh" || status=$?
    done
    return "$status"
}

stage_examples() {
    local status=0
    recorded results_from_tap bash examples/routing/test/run.sh || status=$?
    start_shared_cluster || return
    recorded results_from_tap bash test/doc_examples.sh || status=$?
    recorded results_from_tap bash test/reference.sh || status=$?
    BINDIR=$BINDIR recorded results_from_tap bash test/doc_walk.sh || status=$?
    return "$status"
}

# Programs that do not work beside a sanitizer's runtime: they preload a library of their own, count instructions,
# or watch memory that the sanitizer keeps.
not_sanitized=(clock model out_of_memory disk_full durable_commit cost error_paths)

# The regression and isolation tests again, with a library that ends at the first wrong use of memory or of a
# number; in a soak the drivers and the other TAP programs too.
stage_sanitize() {
    local directory=$WORKSPACE/sanitized status=0 names=()
    make_sanitized "$directory" || return
    # A cluster of its own, beside the shared one.
    # shellcheck disable=SC2034
    local WORKSPACE=$directory BINDIR=$directory/programs PATH=$PATH PGHOST PGUSER PGDATABASE
    # Unlike the shared one, with transactions that can be prepared, and with the rules of a language for the order
    # of texts.
    if "$PG_CONFIG" --configure | grep -q -e --with-icu; then
        local CLUSTER_LOCALE='--locale-provider=icu --icu-locale=en-US'
    fi
    start_cluster 'max_prepared_transactions = 2' || return
    stage_regress || status=$?
    stage_isolation || status=$?
    if [ "${EXTENT:-quick}" = soak ]; then
        stage_drivers || status=$?
        mapfile -t names < <(basename -s .pl test/t/*.pl | grep -vxF "$(printf '%s\n' "${not_sanitized[@]}")")
        EXTENT=quick run_tap "${names[@]}"
    fi
    stop_cluster
    check "no report of a sanitizer" print_reports "$WORKSPACE"
    return "$status"
}

# One cluster serves all stages that need no other; a crash in one stage is not the next one's.
start_shared_cluster() {
    cluster_is_running && return
    rm -rf "$WORKSPACE/cluster"
    start_cluster
}

run_stage() {
    local stage=$1 log=$WORKSPACE/log/$1.log results=$WORKSPACE/log/$1.results status=0 began=$SECONDS verdict
    local passed failed skipped
    : >"$results"
    # Not in a subshell, since the build leaves BINDIR to the stages after it, and the first that needs
    # the cluster leaves it running.
    exec 4>&1 5>&2 >"$log" 2>&1 3>"$results"
    "stage_$stage" || status=$?
    exec >&4 2>&5 3>&- 4>&- 5>&-
    if [ "$status" -ne 0 ] && ! grep -q '^fail' "$results"; then
        echo "fail $stage: ended with status $status" >>"$results"
    fi
    passed=$(grep -c '^pass' "$results" || true)
    failed=$(grep -c '^fail' "$results" || true)
    skipped=$(grep -c '^skip' "$results" || true)
    verdict=ok
    [ $((passed + failed)) -gt 0 ] || verdict=none
    [ "$failed" -eq 0 ] || verdict=FAILED
    printf '%-10s %-6s %4d passed, %d failed%s  (%d s)\n' "$stage" "$verdict" "$passed" "$failed" \
        "$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")" $((SECONDS - began))
    sed -n -e 's/^skip /    skipped: /p' -e 's/^counted /    counted: /p' "$results"
    if [ "$failed" -gt 0 ]; then
        sed -n 's/^fail /    failed: /p' "$results"
        echo "----- what $stage printed, at most the last 400 lines"
        tail -n 400 "$log"
        echo "-----"
    fi
}

end_stage_programs() {
    local pid_file
    # First, lest it begins with its next program.
    [ -z "${lint_pid:-}" ] || kill "$lint_pid" 2>/dev/null || true
    for pid_file in "$WORKSPACE"/run/stage.*.pid; do
        [ ! -e "$pid_file" ] || kill "$(cat "$pid_file")" 2>/dev/null || true
    done
    stop_cluster || true
}

# No other stage waits for lint, so it takes the processors that they leave idle, and as long as they do. In a copy of
# the tree, where nothing is built meanwhile.
start_lint_beside() {
    cp -a . "$WORKSPACE/lint"
    (
        cd "$WORKSPACE/lint"
        renice -n 19 "$BASHPID" >/dev/null
        STAGE_SECONDS=$((3 * ${STAGE_SECONDS:-1200})) run_stage lint
    ) >"$WORKSPACE/log/lint.verdict" 2>&1 &
    lint_pid=$!
}

inner_run() {
    local stage passed failed lint_pid=
    trap end_stage_programs EXIT
    trap 'exit 130' INT TERM HUP
    BINDIR=$("$PG_CONFIG" --bindir)
    if [ "$1" = lint ] && [ $# -gt 1 ]; then
        shift
        start_lint_beside
    fi
    for stage in "$@"; do
        run_stage "$stage"
    done
    if [ -n "$lint_pid" ]; then
        wait "$lint_pid" || {
            echo "fail lint: ended too early" >>"$WORKSPACE/log/lint.results"
            echo "lint       FAILED: ended too early"
            tail -n 400 "$WORKSPACE/log/lint.log"
        }
        cat "$WORKSPACE/log/lint.verdict"
    fi
    passed=$(cat "$WORKSPACE"/log/*.results | grep -c '^pass' || true)
    failed=$(cat "$WORKSPACE"/log/*.results | grep -c '^fail' || true)
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# The stages asked for, in their order, with the build where one of them needs it.
select_stages() {
    local stage asked=" $* "
    case $asked in
    *" regress "* | *" isolation "* | *" tap "* | *" drivers "* | *" web "* | *" examples "* | *" sanitize "*)
        asked+="build "
        ;;
    esac
    for stage in "${all_stages[@]}"; do
        case $asked in
        *" $stage "* | "  ") echo "$stage" ;;
        esac
    done
}

case ${1:-} in
-h | --help)
    usage
    ;;
--in-workspace)
    shift
    inner_run "$@"
    ;;
*)
    for stage in "$@"; do
        case " ${all_stages[*]} " in
        *" $stage "*) ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
    done
    mapfile -t stages < <(select_stages "$@")
    outer_run "${stages[@]}"
    ;;
esac
