#!/usr/bin/env bash
# All tests that have a server on one with assertions, and the regression and isolation tests and the drivers' again
# under valgrind, which sees what the sanitizers do not: reads past what palloc gave, and bytes that nobody set.
# `bash test/valgrind.sh [TEST...]`. Optional: only test/soak.sh calls it. Two hours or so, and 1 GB while it runs.
#
# The server is built from the source package of Debian's server, whose binaries have neither assertions nor
# what tells valgrind of palloc. Arguments are regression tests, instead of everything.
#
#   SERVER     a directory to keep that server in for the next time (default: a temporary one, removed)
#   PARTS      under valgrind alone, and only these of: regress isolation drivers; or empty: with assertions alone
#   ORIGINS    yes: a report tells where bytes that nobody set came from, which takes twice as long
#
# Skipped, with the reason, where valgrind or what builds a server is missing, or the source cannot be had; the
# drivers alone, where one of them is missing. The exit status is 0 where every test passed and nothing was
# reported, 77 where all was skipped.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in packages workspace cluster results instrumented server_source; do
    # shellcheck source=/dev/null
    . "$top/test/lib/$part.sh"
done

skip() {
    echo "skipped: $1"
    exit 77
}

check_requirements() {
    command -v valgrind >/dev/null || skip "needs valgrind (apt-get install valgrind)"
    [ -e /usr/include/valgrind/memcheck.h ] || skip "needs valgrind's headers (apt-get install valgrind)"
    [ -e /usr/include/openssl/evp.h ] || skip "needs libssl-dev"
    [ -e /usr/include/uriparser/Uri.h ] || skip "needs liburiparser-dev"
    [ -e /usr/include/nlohmann/json.hpp ] || skip "needs nlohmann-json3-dev"
    command -v apt-get >/dev/null || skip "needs apt-get, for the server's source"
    choose_server
}

# build_server DIRECTORY: installs the server into DIRECTORY/server, unless it is there.
build_server() (
    [ ! -e "$1/server/complete" ] || exit 0
    rm -rf "$1/server"
    cd "$1"
    download_source >download.log 2>&1 || {
        cat download.log
        exit 77
    }
    rm -rf build
    mkdir build
    cd build
    {
        ../source/configure --prefix="$1/server" --enable-debug --enable-cassert --enable-tap-tests --with-openssl \
            --without-readline CFLAGS="-g -Og -fno-omit-frame-pointer" CPPFLAGS=-DUSE_VALGRIND PROVE=/usr/bin/prove
        make -s -j"$(nproc)" install
        make -s -C contrib/pg_stat_statements install
        make -s -C contrib/amcheck install
        make -s -C src/test/regress all install
        make -s -C src/test/isolation all install
    } >"$1/build.log" 2>&1 || {
        tail -n 40 "$1/build.log"
        exit 1
    }
    cp ../source/src/tools/valgrind.supp "$1/server/"
    touch "$1/server/complete"
    rm -rf ../source ../build
)

# --- the inner run, in a workspace

# counted PART FILTER COMMAND...: one part of the tests, and how many of them passed, as FILTER reads what the command
# prints. Fails where one failed, or none passed.
counted() {
    local part=$1 filter=$2 log=$WORKSPACE/log/$1.log status=0 passed failed
    shift 2
    "$@" 2>&1 | tee "$log" || status=1
    passed=$("$filter" <"$log" | grep -c '^pass' || true)
    failed=$("$filter" <"$log" | grep -c '^fail' || true)
    echo "$part under valgrind: $passed passed, $failed failed"
    "$filter" <"$log" | sed -n -e 's/^skip /    skipped: /p' -e 's/^fail /    failed: /p'
    [ "$status" -eq 0 ] && [ "$passed" -gt 0 ] && [ "$failed" -eq 0 ]
}

# Each process has a file, which is empty where nothing was found. Fails where something was, or nothing was watched.
count_reports() {
    local processes reports
    processes=$(find "$WORKSPACE/reports" -type f | wc -l)
    reports=$(find "$WORKSPACE/reports" -type f -size +0 | wc -l)
    echo "$processes processes under valgrind, $reports with a report"
    find "$WORKSPACE/reports" -type f -size +0 -exec cat {} + | head -n 400
    [ "$processes" -gt 0 ] && [ "$reports" -eq 0 ]
}

run_regress() {
    counted regress results_from_pg_regress make -s installcheck ISOLATION= ${1:+REGRESS="$*"} ||
        {
            show_diffs regression.diffs
            return 1
        }
}

run_isolation() {
    counted isolation results_from_pg_regress make -s installcheck REGRESS= ||
        {
            show_diffs output_iso/regression.diffs
            return 1
        }
}

run_drivers() {
    if [ -n "$missing_drivers" ]; then
        echo "drivers under valgrind: skipped, for want of $missing_drivers"
    else
        counted drivers results_from_tap bash test/drivers/run.sh
    fi
}

run_under_valgrind() {
    local part status=0
    build_extension
    stage_extension
    make_instrumented "$WORKSPACE/watched" session_service.so \
        valgrind --quiet --tool=memcheck --leak-check=no --track-origins="${ORIGINS:-no}" --num-callers=30 \
        --trace-children=yes --suppressions="$(dirname "$PG_CONFIG")/../valgrind.supp" \
        --log-file="$WORKSPACE/watched/reports/%p.log"
    WORKSPACE=$WORKSPACE/watched
    BINDIR=$WORKSPACE/programs
    export PGCTLTIMEOUT=600
    start_cluster 'max_prepared_transactions = 2'
    trap 'stop_cluster || true' EXIT
    for part in $PARTS; do
        "run_$part" "$@" || status=1
    done
    # Fast, so that processes under valgrind end as they should.
    "$BINDIR/pg_ctl" -D "$WORKSPACE/cluster" -s -w -m fast stop
    count_reports || status=1
    return "$status"
}

if [ "${1:-}" = --in-workspace ]; then
    shift
    run_under_valgrind "$@"
    exit
fi

check_requirements
missing_packages=()
need_drivers
export missing_drivers=${missing_packages[*]}
remove_all() {
    remove_workspace
    [ -z "${temporary:-}" ] || rm -rf --one-file-system "$temporary"
}
trap remove_all EXIT
trap 'exit 130' INT TERM HUP
if [ -n "${SERVER:-}" ]; then
    server=$(mkdir -p "$SERVER" && cd "$SERVER" && pwd)
else
    temporary=$(mktemp -d)
    server=$temporary
    chmod 755 "$temporary"
fi
build_server "$server" || {
    status=$?
    [ "$status" -ne 77 ] || skip "the source of postgresql-$major cannot be had"
    exit "$status"
}
export PG_CONFIG=$server/server/bin/pg_config

echo "--- with assertions"
status=0
stages=(regress isolation tap)
# What the drivers need is not installed for this.
[ -n "$missing_drivers" ] || stages+=(drivers)
# Without optimization, and with each list looked over at each step, TAP takes longer than a stage may.
[ $# -gt 0 ] || [ -n "${PARTS:-}" ] ||
    EXTENT=quick STAGE_SECONDS=${STAGE_SECONDS:-4000} bash "$top/test/run.sh" "${stages[@]}" || status=1
[ $# -eq 0 ] || PARTS=regress
export PARTS=${PARTS-regress isolation drivers}
[ -n "$PARTS" ] || exit "$status"
echo "--- under valgrind"
make_workspace "$top"
run_in_workspace test/valgrind.sh --in-workspace "$@" || status=1
exit "$status"
