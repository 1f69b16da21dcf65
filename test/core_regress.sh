#!/usr/bin/env bash
# PostgreSQL's own regression tests, on a server without the extension's library and on the same with the library
# preloaded: both must have the same results. `bash test/core_regress.sh`. Optional: only test/soak.sh calls it. Some
# minutes.
#
# The tests are those of the source package of Debian's server. Some may fail in both runs, since the package may be
# of another minor version than the server, or for a reason of this machine.
#
#   PG_CONFIG        the pg_config of the server to test with
#
# Skipped, with the reason, where the source cannot be had. The exit status is 0 where the results were the same, 77
# where it was skipped.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in packages workspace cluster results server_source; do
    # shellcheck source=/dev/null
    . "$top/test/lib/$part.sh"
done

# --- the inner run, in a workspace

# What the tests load, beside what they read.
build_test_libraries() {
    local name
    "$("$PG_CONFIG" --cc | cut -d ' ' -f 1)" -shared -fPIC -O1 -w -I"$("$PG_CONFIG" --includedir-server)" \
        -o "$tests/regress.so" "$tests/regress.c" || return
    for name in refint autoinc; do
        ln -sf "$("$PG_CONFIG" --pkglibdir)/$name.so" "$tests/$name.so"
    done
}

# run_tests NAME: the verdicts are left in $WORKSPACE/NAME.results, what the tests printed in NAME/results.
run_tests() {
    local status=0 directory=$WORKSPACE/$1 pg_regress
    pg_regress=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress
    mkdir -p "$directory"
    (
        cd "$tests"
        "$pg_regress" --inputdir=. --outputdir="$directory" --dlpath=. \
            --bindir="$BINDIR" --max-concurrent-tests=20 --schedule=parallel_schedule
    ) >"$directory.log" 2>&1 || status=$?
    results_from_pg_regress <"$directory.log" | sort >"$directory.results"
    if ! grep -q '^pass' "$directory.results"; then
        echo "pg_regress ended with status $status, and no test passed:"
        tail -n 40 "$directory.log"
        return 1
    fi
    echo "$1: $(grep -c '^pass' "$directory.results") passed, $(grep -c '^fail' "$directory.results" || true) failed"
}

# The same tests passed, and what failed printed the same.
compare() {
    local name status=0
    diff "$WORKSPACE/without.results" "$WORKSPACE/with.results" || status=1
    for name in $(sed -n 's/^fail //p' "$WORKSPACE/with.results"); do
        diff -u "$WORKSPACE/without/results/$name.out" "$WORKSPACE/with/results/$name.out" || status=1
    done
    [ "$status" -ne 0 ] ||
        echo "The same results. Failed in both: $(sed -n 's/^fail //p' "$WORKSPACE/with.results" | tr '\n' ' ')"
    return "$status"
}

inner_run() {
    BINDIR=$("$PG_CONFIG" --bindir)
    tests=$WORKSPACE/server_source/source/src/test/regress
    build_extension
    stage_extension
    build_test_libraries
    trap stop_cluster EXIT
    trap 'exit 130' INT TERM HUP
    start_cluster
    run_tests without
    restart_cluster_with "shared_preload_libraries = 'session_service'"
    run_tests with
    # That it was there, and that the server is as it was.
    [ "$(psql -XAtc 'SHOW shared_preload_libraries')" = session_service ]
    psql -XAtqc 'CREATE EXTENSION session_service' \
        -c 'SELECT count(*) FROM session_service.create_session(gen_random_uuid())' >"$WORKSPACE/log/afterwards.log"
    compare
}

outer_run() {
    local status=0 log
    need_build
    install_missing
    trap remove_workspace EXIT
    trap 'exit 130' INT TERM HUP
    make_workspace "$top"
    log=$WORKSPACE/download.log
    (mkdir "$WORKSPACE/server_source" && cd "$WORKSPACE/server_source" && download_source) >"$log" 2>&1 || {
        cat "$log"
        echo "skipped: the source of the server cannot be had"
        exit 77
    }
    [ "$(id -u)" -ne 0 ] || chown -R "$(unprivileged_user):" "$WORKSPACE/server_source"
    run_in_workspace test/core_regress.sh --in-workspace || status=$?
    return "$status"
}

case "$*" in
"") outer_run ;;
--in-workspace) inner_run ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$top/test/core_regress.sh"
    exit 2
    ;;
esac
