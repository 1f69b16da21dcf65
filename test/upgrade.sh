#!/usr/bin/env bash
# pg_upgrade with living sessions, from one Debian release's PostgreSQL to the next one's:
# `bash test/upgrade.sh [SUITE...]`, as root. Optional: only test/soak.sh calls it.
#
# For each (by default bookworm, trixie, forky and experimental, which have PostgreSQL 15, 17, 18 and 19) it makes a
# minimal Debian system as test/versions.sh does, and installs the extension there. In the first, sessions in each
# state are made; the cluster then goes through pg_upgrade in one after the other. In each, every table must
# be as it was row for row, and a copy of the database is used: tokens, retries of refreshes that were made
# before, access levels, sign-ins, statistics gathered anew.
#
# pg_upgrade needs both servers at once. The old one's programs are copied into the newer system, with the
# libraries that they were linked with, all but those of the C library.
#
# Skipped, with the reason, where one of these systems cannot be made. MIRROR and SYSTEMS are as in
# test/versions.sh.
#
# The exit status is 0 where all went well, 77 where it was skipped.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$top/test/lib/systems.sh"

# --- in a system: /source has the tree, /shared what goes from one system to the next

# Programs of the server that PG_CONFIG tells of, as the user who owns the cluster.
server() {
    local program=$1
    shift
    (cd /shared && exec runuser -u postgres -- "$("$PG_CONFIG" --bindir)/$program" "$@")
}

start_server() {
    server pg_ctl -D /shared/data -l /shared/log/server.log -s -w \
        -o "-c listen_addresses='' -c unix_socket_directories=/shared" start
}

stop_server() {
    server pg_ctl -D /shared/data -s -w -m fast stop
}

# ask DATABASE SQL
ask() {
    server psql -XAtq -v ON_ERROR_STOP=1 -h /shared -U postgres -d "$1" -c "$2"
}

# Prints TAP; the process's status is in the last line.
tests=0
failures=0
is() {
    tests=$((tests + 1))
    if [ "$1" = "$2" ]; then
        echo "ok $tests - $3"
    else
        echo "not ok $tests - $3"
        printf '%s\n' "got: $1" "expected: $2" | sed 's/^/#   /'
        failures=$((failures + 1))
    fi
}

# module EXPRESSION: what a module of the TAP tests says.
module() {
    perl -I/source/test/t/lib -MHeldSessions -e "print $1"
}

# Packages, and the extension, as in any installation.
install_here() {
    # shellcheck source=/dev/null
    . /source/test/lib/packages.sh
    need_build
    install_missing
    need_build # for PG_CONFIG, once it is there
    make -s -C /source -j"$(nproc)" install >/shared/log/build.log 2>&1 || {
        tail -n 30 /shared/log/build.log
        return 1
    }
}

# Copies what of this server the next system's pg_upgrade needs: /shared/old/bin/ has its programs, which start
# with the libraries in /shared/old/lib.
keep_server() {
    local bindir program library
    bindir=$("$PG_CONFIG" --bindir)
    rm -rf /shared/old
    mkdir -p /shared/old/bin /shared/old/lib /shared/old/root
    tar -cf - "$(dirname "$bindir")" "$("$PG_CONFIG" --sharedir)" 2>/dev/null | tar -C /shared/old/root -xf -
    {
        ldd "$bindir"/* "$("$PG_CONFIG" --pkglibdir)"/{session_service,plpgsql,dict_snowball}.so 2>/dev/null || true
    } | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
        case ${library##*/} in
        libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.*) ;;
        *) cp -L "$library" /shared/old/lib/ ;;
        esac
    done
    for program in "$bindir"/*; do
        program=${program##*/}
        cat >"/shared/old/bin/$program" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=/shared/old/lib exec $bindir/$program "\$@"
WRAPPER
    done
    chmod 755 /shared/old/bin/*
}

# The old server where it was built to be: Debian's versions do not share a directory.
place_old_server() {
    tar -C /shared/old/root -cf - . | tar -C / -xf -
}

initdb_here() {
    local options=()
    # From 18 on they are the default; pg_upgrade wants both clusters alike.
    if server initdb --help | grep -q -e --no-data-checksums; then
        options=(--no-data-checksums)
    fi
    server initdb -D "$1" -U postgres --auth=trust --no-locale --encoding=UTF8 "${options[@]}" >/shared/log/initdb.log
    printf '%s\n' 'session_service.refresh_grace = 1d' 'session_service.event_log = all' >>"$1/postgresql.conf"
}

# What is where, and who may do what.
take_stock() {
    local contents
    contents=$(module 'HeldSessions::contents') || return
    ask postgres "$contents"
    ask postgres "SELECT p.oid::regprocedure, a.grantee::regrole, a.privilege_type
        FROM pg_proc p, aclexplode(p.proacl) a
        WHERE p.pronamespace = 'session_service'::regnamespace
        ORDER BY p.oid::regprocedure::text, a.grantee::regrole::text"
}

# A copy of the database is used, and the database itself is left for the next version.
use_copy() {
    local name sql expected asked=0
    ask template1 'CREATE DATABASE used TEMPLATE postgres'
    while IFS= read -r -d '' name && IFS= read -r -d '' sql && IFS= read -r -d '' expected; do
        is "$(ask used "$sql" </dev/null)" "$expected" "$1: $name"
        asked=$((asked + 1))
    done < <(module 'map { map { "$_\0" } @$_ } HeldSessions::go_on')
    is "$asked" "$(module 'scalar(my @all = HeldSessions::go_on)')" "$1: that was all of it"
    is "$(ask used "SET ROLE app; SELECT count(*) FROM session_service.create_session(gen_random_uuid())")" 1 \
        "$1: an application's role may go on"
    sql="SELECT session_service.revoke_access('app', 'application');
        SELECT has_function_privilege('app', 'session_service.validate_session(text, inet)', 'EXECUTE')"
    is "$(ask used "$sql" | tail -n 1)" f "$1: its level is known to the extension"
    ask template1 'DROP DATABASE used'
}

first_step() {
    local sign_in
    mkdir -p /shared/log
    install_here
    chown postgres: /shared /shared/log
    initdb_here /shared/data
    start_server
    ask postgres 'CREATE EXTENSION session_service'
    sign_in=$(module 'HeldSessions::sign_in')
    ask postgres "$sign_in" >/dev/null
    ask postgres "CREATE ROLE app; SELECT session_service.grant_access('app', 'application')"
    take_stock >/shared/stock
    use_copy "$(ask postgres 'SHOW server_version')"
    stop_server
    keep_server
}

upgrade_step() {
    local version bindir
    install_here
    bindir=$("$PG_CONFIG" --bindir)
    # The user has another number in each system.
    chown -R postgres: /shared
    place_old_server
    mv /shared/data /shared/data.old
    initdb_here /shared/data
    if ! (cd /shared/log && runuser -u postgres -- "$bindir/pg_upgrade" -U postgres -b /shared/old/bin -B "$bindir" \
        -d /shared/data.old -D /shared/data -s /shared/log) >/shared/log/pg_upgrade.log 2>&1; then
        cat /shared/log/pg_upgrade.log
        find /shared/data/pg_upgrade_output.d -type f -exec tail -n 20 {} + || true
        return 1
    fi
    rm -rf /shared/data.old
    start_server
    version=$(ask postgres 'SHOW server_version')
    is "$(take_stock)" "$(cat /shared/stock)" "$version: after pg_upgrade every table is the same, and who may do what"
    use_copy "$version"
    server vacuumdb -h /shared -U postgres --all --analyze-only -q
    use_copy "$version, analyzed"
    stop_server
    keep_server
}

if [ "${1:-}" = --in-system ]; then
    "$2_step"
    echo "$tests tests, $failures failed."
    [ "$failures" -eq 0 ]
    exit
fi

# --- the outer run

[ $# -gt 0 ] || set -- bookworm trixie forky experimental
check_requirements "$@"
choose_directory
shared=$systems/upgrade
rm -rf "$shared"
mkdir -p "$shared"
step=first
for suite in "$@"; do
    echo "--- $suite"
    make_system "$suite" "$systems/$suite"
    copy_tree "$top" "$systems/$suite"
    in_system "$systems/$suite" bash /source/test/upgrade.sh --in-system "$step" || {
        echo "failed: $suite"
        exit 1
    }
    step=upgrade
done
rm -rf "$shared"
