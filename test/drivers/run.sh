#!/usr/bin/env bash
# The extension through real drivers: psycopg 3, psycopg2 and node-postgres at length; what an application
# builds on them: a client that listens, a cache; and one life of a session through every other client. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is
# superuser; everything happens in a database of its own, which is dropped at the end. Needs what need_drivers
# of ../lib/packages.sh names; npm, go and cargo fetch what the lock files here name. Go, Rust, Java and newer
# Node.js are skipped where they are not here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# shellcheck source=/dev/null
. ../lib/packages.sh
# shellcheck source=/dev/null
. ../lib/own_database.sh

# Runs the tests of one driver. One that ends without having said that something failed has failed.
test_driver() {
    local name=$1 status=0
    shift
    "$@" >"$output" 2>&1 || status=$?
    cat "$output"
    if [ "$status" -ne 0 ] && ! grep -q '^not ok' "$output"; then
        echo "not ok - $name: ended with status $status"
    fi
}

# The life that every client lives through, by its own ways: a program prints the word of each step that it passed.
# Where a client has nothing of its own for one of the last two, there is no such test.
steps=(
    'sign_in: a sign-in takes an address, scopes, metadata and lifetimes'
    'validate: a token gives its session, with values of their types'
    "nobody: a token that is nobody's gives no row"
    'refresh: a refresh and its repetition give the same pair, and the old token is dead'
    "list: a user's sessions, with values of their types"
    'batch: many tokens are validated at once'
    'sign_out: after a sign-out the next validation gives no row'
    'error: an error has its SQLSTATE, and no token in it'
    'pool: the connections of its pool validate at once'
    'listen: it hears of a revocation'
)

# test_life CLIENT OTHERS COMMAND...: with those of the last two steps that OTHERS names. Some would listen for ever.
test_life() {
    local client=$1 others=" $2 " status=0 word step failed=no
    shift 2
    timeout 300 "$@" >"$output" 2>&1 || status=$?
    for step in "${steps[@]}"; do
        word=${step%%:*}
        case $word in
        pool | listen) [[ $others == *" $word "* ]] || continue ;;
        esac
        if grep -qx "$word" "$output"; then
            echo "ok - $client:${step#*:}"
        else
            echo "not ok - $client:${step#*:}"
            failed=yes
        fi
    done
    if [ "$failed" = no ] && [ "$status" -ne 0 ]; then
        echo "not ok - $client: ended with status $status"
        failed=yes
    fi
    [ "$failed" = no ] || sed 's/^/# /' "$output"
}

# build LANGUAGE: by its function build_LANGUAGE.
build() {
    if "build_$1" >"$built/$1.log" 2>&1; then
        touch "$built/$1.done"
    fi
}

# test_language LANGUAGE REASON CLIENT OTHERS COMMAND...: what was built, or why it was not.
test_language() {
    if [[ " ${languages[*]} " != *" $1 "* ]]; then
        echo "ok - $3 # SKIP $2"
    elif [ -e "$built/$1.done" ]; then
        test_life "${@:3}"
    else
        echo "not ok - $3: build"
        sed 's/^/# /' "$built/$1.log"
    fi
}

# Go comes without its standard library compiled: without optimizing that takes a third less.
build_go() (
    cd go || exit
    export GOFLAGS=-modcacherw GOTOOLCHAIN=local GOPATH=$built/go_path GOCACHE=$built/go_cache
    go build -gcflags='all=-N -l' -o "$built/pgx" .
)

build_rust() (
    cd rust || exit
    CARGO_HOME=$built/cargo CARGO_TARGET_DIR=$built/target cargo build --locked
)

build_java() { javac -cp "$jars/postgresql.jar" -d "$built/java" java/*.java; }

build_cpp() { g++ -std=c++20 -o "$built/pqxx" cpp/pqxx_test.cpp -lpqxx -lpq; }

own_roles='session_service_drivers_nobody, session_service_drivers_notify, session_service_drivers_cache'
own_database session_service_drivers
built=$(mktemp -d)
trap 'drop_own_database; rm -rf "$built"' EXIT
jars=/usr/share/java
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/../t/lib
psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION session_service'

languages=(cpp)
! javac -version >/dev/null 2>&1 || languages+=(java)
! rust_is_new || languages+=(rust)
! go_is_new go || languages+=(go)

# They have the time of the first tests.
for language in "${languages[@]}"; do
    build "$language"
done &
builds=$!

# Debian's Python, which has Debian's packages, whatever else is in the PATH.
test_driver psycopg /usr/bin/python3 python/psycopg_test.py
test_driver psycopg2 /usr/bin/python3 python/psycopg2_test.py
test_driver notifications /usr/bin/python3 python/notify_test.py
test_driver 'session cache' /usr/bin/python3 python/session_cache_test.py

if locked_packages node; then
    test_driver node-postgres node node/node_postgres_test.mjs
else
    echo "not ok - node-postgres: npm ci"
fi

# The others hear of each revocation.
psql -X -q -c "ALTER DATABASE $PGDATABASE SET session_service.notify = on"
test_life asyncpg 'pool listen' /usr/bin/python3 python/asyncpg_test.py
test_life SQLAlchemy pool /usr/bin/python3 python/sqlalchemy_test.py
test_life postgres.js 'pool listen' node node/postgres_js_test.mjs
test_life drizzle pool node node/drizzle_test.mjs
if at_least 20 "$(node --version | tr -d v)"; then
    test_life kysely pool node node/kysely_test.mjs
    test_life TypeORM pool node node/typeorm_test.mjs
else
    echo "ok - kysely, TypeORM # SKIP no Node.js from 20 on"
fi
test_life PDO listen php php/pdo_test.php
test_life "Ruby's pg" listen ruby ruby/pg_test.rb
test_life DBD::Pg listen /usr/bin/perl perl/dbd_pg_test.pl

wait "$builds"
# Two of them know nothing of the PG… variables.
export DATABASE="host=$PGHOST port=${PGPORT:-5432} user=$PGUSER dbname=$PGDATABASE"
export JDBC_URL="jdbc:postgresql://localhost/$PGDATABASE?user=$PGUSER&sslmode=disable"
JDBC_URL+="&socketFactory=org.newsclub.net.unix.AFUNIXSocketFactory\$FactoryArg"
JDBC_URL+="&socketFactoryArg=$PGHOST/.s.PGSQL.${PGPORT:-5432}"

test_language cpp '' libpqxx listen "$built/pqxx"
test_language java 'no JDK' pgjdbc listen \
    java -cp "$built/java:$jars/postgresql.jar:$jars/junixsocket-common.jar" Sessions
test_language rust 'no Rust from 1.85 on' tokio-postgres listen "$built/target/debug/sessions"
test_language go 'no Go of the version that go.mod names' pgx 'pool listen' "$built/pgx"
