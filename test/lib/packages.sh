# Sourced: which Debian packages a script needs, which server it builds for, and how both get here.
#
#   need make command -v make     notes the package `make` as missing where the command fails
#   choose_server                 sets PG_CONFIG, and notes the server's packages
#   install_missing               installs what was noted, or says what to install and stops

missing_packages=()

# need PACKAGE TEST...
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing_packages+=("$package")
}

need_build() {
    need make command -v make
    need g++ command -v g++
    need libssl-dev test -e /usr/include/openssl/evp.h
    need nlohmann-json3-dev test -e /usr/include/nlohmann/json.hpp
    need liburiparser-dev test -e /usr/include/uriparser/Uri.h
    need libmaxminddb-dev sh -c 'ls /usr/include/maxminddb.h /usr/include/*/maxminddb.h | grep -q .'
    choose_server
}

# For a front (front/). Debian has it for some versions of the server; where it has none, these tests are skipped.
need_plproxy() {
    local bindir major
    bindir=$("$PG_CONFIG" --bindir 2>/dev/null) || bindir=${PG_CONFIG%/*}
    major=${bindir#/usr/lib/postgresql/}
    major=${major%/bin}
    case $major in
    *[!0-9]*) return ;;
    esac
    apt-cache show "postgresql-$major" >/dev/null 2>&1 || update_package_lists
    ! apt-cache show "postgresql-$major-plproxy" >/dev/null 2>&1 ||
        need "postgresql-$major-plproxy" test -e "/usr/share/postgresql/$major/extension/plproxy.control"
}

# What test/drivers/run.sh needs besides. Go and a JDK are here or not.
need_drivers() {
    need python3 test -x /usr/bin/python3
    need python3-psycopg /usr/bin/python3 -c 'import psycopg'
    need python3-psycopg2 /usr/bin/python3 -c 'import psycopg2'
    need python3-asyncpg /usr/bin/python3 -c 'import asyncpg'
    need python3-sqlalchemy /usr/bin/python3 -c 'import sqlalchemy'
    need nodejs command -v node
    need npm command -v npm
    need php-cli command -v php
    need php-pgsql php -r 'exit(extension_loaded("pdo_pgsql") ? 0 : 1);'
    need ruby-pg ruby -r pg -e 1
    need libdbd-pg-perl /usr/bin/perl -MDBD::Pg -e 1
    need libpqxx-dev test -e /usr/include/pqxx/pqxx
    if command -v javac >/dev/null; then
        need libpostgresql-jdbc-java test -e /usr/share/java/postgresql.jar
        need libjunixsocket-java test -e /usr/share/java/junixsocket-common.jar
    fi
    need_rust
}

# at_least VERSION SEEN: the latter may be empty, of what is not there.
at_least() {
    [ -n "$2" ] && printf '%s\n' "$1" "$2" | sort -CV
}

# Whether there is a Go that is new enough for the module in a directory.
go_is_new() (
    cd "$1" && GOTOOLCHAIN=local go list -m >/dev/null 2>&1
)

rust_is_new() {
    at_least 1.85 "$(cargo --version 2>/dev/null | cut -d ' ' -f 2)"
}

# A Rust in root's home is none for who runs the tests. That of Debian 12 itself is too old for what cargo fetches, but
# it has another one for its browsers.
need_rust() {
    local package=cargo
    command -v cargo >/dev/null || return 0
    export -f at_least rust_is_new
    ! as_unprivileged_user bash -c rust_is_new || return 0
    apt-cache show cargo-web >/dev/null 2>&1 || update_package_lists
    ! apt-cache show cargo-web >/dev/null 2>&1 || package=cargo-web
    missing_packages+=("$package")
}

# Whether `$1` is the pg_config of a server that extensions can be built for and that can run here.
is_complete_server() {
    local bindir pgxs
    pgxs=$("$1" --pgxs 2>/dev/null) && bindir=$("$1" --bindir 2>/dev/null) &&
        [ -e "$pgxs" ] && [ -e "$("$1" --includedir-server)/postgres.h" ] && [ -x "$bindir/initdb" ]
}

# Sets `usual_major`: the newest version of Debian's servers here, else that of this Debian release.
find_usual_major() {
    # A server without its development files first.
    usual_major=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V |
        sed -n '$s:.*/\([0-9]*\)/bin/postgres:\1:p')
    if [ -z "$usual_major" ]; then
        update_package_lists
        usual_major=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
    fi
    usual_major=${usual_major:-15}
}

# PG_CONFIG is what the caller says, else that of the PATH, else the newest of Debian's servers, else
# the server of this Debian release, which is then noted as missing.
choose_server() {
    local candidate major
    if [ -z "${PG_CONFIG:-}" ]; then
        for candidate in pg_config $(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -Vr); do
            if is_complete_server "$candidate"; then
                PG_CONFIG=$(command -v "$candidate")
                break
            fi
        done
    fi
    if [ -z "${PG_CONFIG:-}" ]; then
        find_usual_major
        PG_CONFIG=/usr/lib/postgresql/$usual_major/bin/pg_config
    fi
    export PG_CONFIG
    is_complete_server "$PG_CONFIG" && return
    case $PG_CONFIG in
    /usr/lib/postgresql/*/bin/pg_config)
        major=${PG_CONFIG#/usr/lib/postgresql/}
        major=${major%%/*}
        need "postgresql-$major" test -x "${PG_CONFIG%/*}/initdb"
        need "postgresql-server-dev-$major" test -e "/usr/include/postgresql/$major/server/postgres.h"
        ;;
    *)
        echo "PG_CONFIG=$PG_CONFIG belongs to no complete server (binaries, headers and PGXS)." >&2
        exit 2
        ;;
    esac
}

# PostgreSQL's own modules for tests in Perl: those of the server, else of another version, which know it as well.
test_modules() {
    local directory of_server
    of_server=$(dirname "$("$PG_CONFIG" --pgxs 2>/dev/null)")/../test/perl
    for directory in "$of_server" $(printf '%s\n' /usr/lib/postgresql/*/lib/pgxs/src/test/perl | sort -Vr); do
        [ -e "$directory/PostgreSQL/Test/Cluster.pm" ] || continue
        echo "$directory"
        return
    done
    return 1
}

# Debian has them with a server's development files; others may not.
need_test_modules() {
    case $PG_CONFIG in
    /usr/lib/postgresql/*) return ;;
    esac
    test_modules >/dev/null || {
        find_usual_major
        need "postgresql-server-dev-$usual_major" test_modules
    }
}

# Runs a command as root: directly, or through sudo where that asks nothing. 126 where neither works.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 126
    fi
}

package_lists_are_fresh=false
update_package_lists() {
    $package_lists_are_fresh && return
    package_lists_are_fresh=true
    echo "Updating the package lists (apt-get update)."
    as_root apt-get -qq update || echo "apt-get update failed; going on with the lists that are here." >&2
}

install_missing() {
    [ ${#missing_packages[@]} -gt 0 ] || return 0
    local status=0
    as_root true || status=$?
    if [ "$status" -ne 0 ]; then
        echo "These Debian packages are missing, and neither root nor a sudo without password is at hand:" >&2
        echo "    apt-get install ${missing_packages[*]}" >&2
        exit 2
    fi
    update_package_lists
    mapfile -t missing_packages < <(printf '%s\n' "${missing_packages[@]}" | sort -u)
    echo "Installing (apt-get): ${missing_packages[*]}"
    as_root bash "$(dirname "${BASH_SOURCE[0]}")/install_packages.sh" "${missing_packages[@]}"
    missing_packages=()
}
