#!/usr/bin/env bash
# The extension through real drivers: psycopg 3, psycopg2 and node-postgres; and what an application
# builds on them: a client that listens, a cache. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is
# superuser; everything happens in a database of its own, which is dropped at the end. Needs Debian's
# python3-psycopg, python3-psycopg2, nodejs and npm; npm fetches what node/package-lock.json names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

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

own_roles='session_service_drivers_nobody, session_service_drivers_notify, session_service_drivers_cache'
own_database session_service_drivers
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/../t/lib
psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION session_service'

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
