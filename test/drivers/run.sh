#!/usr/bin/env bash
# The extension through real drivers: psycopg 3, psycopg2 and node-postgres; and what an application
# builds on them: a client that listens, a cache. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is
# superuser; everything happens in a database of its own, which is dropped at the end. Needs Debian's
# python3-psycopg, python3-psycopg2, nodejs and npm; npm fetches what node/package-lock.json names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

database=session_service_drivers
output=$(mktemp)

sql() {
    psql -X -q -v ON_ERROR_STOP=1 -d "${PGDATABASE_OF_CALLER}" -c "$1"
}

drop_database() {
    rm -f "$output"
    sql "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    sql "DROP ROLE IF EXISTS session_service_drivers_nobody, session_service_drivers_notify, session_service_drivers_cache"
}

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

PGDATABASE_OF_CALLER=${PGDATABASE:-postgres}
drop_database 2>/dev/null || true
trap drop_database EXIT
sql "CREATE DATABASE $database"
export PGDATABASE=$database PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/../t/lib
psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION session_service'

# Debian's Python, which has Debian's packages, whatever else is in the PATH.
test_driver psycopg /usr/bin/python3 python/psycopg_test.py
test_driver psycopg2 /usr/bin/python3 python/psycopg2_test.py
test_driver notifications /usr/bin/python3 python/notify_test.py
test_driver 'session cache' /usr/bin/python3 python/session_cache_test.py

# Exactly the locked packages; none of them may run a script of its own as it is installed.
if [ ! -d node/node_modules ] && ! npm --prefix node ci --ignore-scripts --no-audit --no-fund >"$output" 2>&1; then
    cat "$output"
    echo "not ok - node-postgres: npm ci"
else
    test_driver node-postgres node node/node_postgres_test.mjs
fi
