#!/usr/bin/env bash
# The regression and isolation tests on a server with assertions, and again under valgrind, which sees what the
# sanitizers do not: reads past what palloc gave, and bytes that nobody set. `bash test/valgrind.sh [TEST...]`.
# Optional: only test/soak.sh calls it. An hour or so, and 1 GB while it runs.
#
# The server is built from the source package of Debian's server, whose binaries have neither assertions nor
# what tells valgrind of palloc. Arguments are regression tests, instead of all (under valgrind).
#
#   SERVER     a directory to keep that server in for the next time (default: a temporary one, removed)
#
# Skipped, with the reason, where valgrind or what builds a server is missing, or the source cannot be had. The
# exit status is 0 where every test passed and nothing was reported, 77 where it was skipped.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in packages workspace cluster results instrumented; do
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
    command -v apt-get >/dev/null || skip "needs apt-get, for the server's source"
    choose_server
    major=$("$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
}

# Downloads the source of Debian's server into the current directory, through lists of sources of its own, so
# that the machine's stay as they are.
download_source() {
    local version
    mkdir -p apt/sources apt/lists/partial apt/cache/archives/partial
    find /etc/apt/sources.list.d -name '*.sources' -exec cp {} apt/sources/ \;
    find /etc/apt/sources.list /etc/apt/sources.list.d -name '*.list' -exec cp {} apt/sources/ \; 2>/dev/null || true
    find apt/sources -type f -exec sed -i -e 's/^Types: .*/Types: deb-src/' -e 's/^deb /deb-src /' {} +
    cat >apt/apt.conf <<END
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$PWD/apt/sources";
Dir::State::lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt/cache";
END
    export APT_CONFIG=$PWD/apt/apt.conf
    apt-get -qq update || return
    # The newest may be known and not be there.
    for version in $(apt-cache showsrc "postgresql-$major" | sed -n 's/^Version: //p' | sort -rV); do
        apt-get -qq source --download-only "postgresql-$major=$version" && return
    done
    return 1
}

# build_server DIRECTORY: installs the server into DIRECTORY/server, unless it is there.
build_server() (
    [ ! -e "$1/server/complete" ] || exit 0
    rm -rf "$1/server"
    cd "$1"
    download_source >download.log 2>&1 || { cat download.log; exit 77; }
    rm -rf source build
    mkdir source build
    tar -C source --strip-components=1 -xf "$(compgen -G 'postgresql-*.orig.tar.*' | grep -v '\.asc$')"
    cd build
    {
        ../source/configure --prefix="$1/server" --enable-debug --enable-cassert --enable-tap-tests --with-openssl \
            --without-readline CFLAGS="-g -Og -fno-omit-frame-pointer" CPPFLAGS=-DUSE_VALGRIND PROVE=/usr/bin/prove
        make -s -j"$(nproc)" install
        make -s -C contrib/pg_stat_statements install
        make -s -C src/test/regress all install
        make -s -C src/test/isolation all install
    } >"$1/build.log" 2>&1 || { tail -n 40 "$1/build.log"; exit 1; }
    cp ../source/src/tools/valgrind.supp "$1/server/"
    touch "$1/server/complete"
    rm -rf ../source ../build
)

# --- the inner run, in a workspace

run_under_valgrind() {
    local status=0
    build_extension
    stage_extension
    make_instrumented "$WORKSPACE/watched" session_service.so \
        valgrind --quiet --tool=memcheck --leak-check=no --track-origins=yes --num-callers=30 --trace-children=yes \
        --suppressions="$(dirname "$PG_CONFIG")/../valgrind.supp" --log-file="$WORKSPACE/watched/reports/%p.log"
    WORKSPACE=$WORKSPACE/watched
    BINDIR=$WORKSPACE/programs
    export PGCTLTIMEOUT=600
    start_cluster
    trap 'stop_cluster || true' EXIT
    make -s installcheck ISOLATION= ${1:+REGRESS="$*"} || { status=1; head -n 400 regression.diffs; }
    [ $# -gt 0 ] || make -s installcheck REGRESS= || { status=1; head -n 400 output_iso/regression.diffs; }
    # Fast, so that processes under valgrind end as they should.
    "$BINDIR/pg_ctl" -D "$WORKSPACE/cluster" -s -w -m fast stop
    # Each process has a file, which is empty where nothing was found.
    echo "$(find "$WORKSPACE/reports" -type f | wc -l) processes under valgrind, $(find "$WORKSPACE/reports" -type f -size +0 | wc -l) with a report"
    find "$WORKSPACE/reports" -type f -size +0 -exec cat {} + | head -n 400
    [ -z "$(find "$WORKSPACE/reports" -type f -size +0)" ] || status=1
    return "$status"
}

if [ "${1:-}" = --in-workspace ]; then
    shift
    run_under_valgrind "$@"
    exit
fi

check_requirements
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
build_server "$server" || { status=$?; [ "$status" -ne 77 ] || skip "the source of postgresql-$major cannot be had"; exit "$status"; }
export PG_CONFIG=$server/server/bin/pg_config

echo "--- with assertions"
status=0
[ $# -gt 0 ] || bash "$top/test/run.sh" regress isolation || status=1
echo "--- under valgrind"
make_workspace "$top"
run_in_workspace test/valgrind.sh --in-workspace "$@" || status=1
exit "$status"
