#!/usr/bin/env bash
# The example application in a headless browser. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is superuser;
# everything happens in a database of its own, which is dropped at the end, and so are its roles. Needs
# Debian's nodejs, npm and chromium; npm fetches what package-lock.json names. An argument is a pattern of
# the names of the tests to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

database=session_service_web
output=$(mktemp)

sql() {
    psql -X -q -v ON_ERROR_STOP=1 -d "${PGDATABASE_OF_CALLER}" -c "$1"
}

drop_database() {
    rm -f "$output"
    sql "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    [ "${roles_are_ours:-}" != true ] || sql "DROP ROLE web_app, web_admin"
}

PGDATABASE_OF_CALLER=${PGDATABASE:-postgres}
trap drop_database EXIT
sql "DROP DATABASE IF EXISTS $database WITH (FORCE)"
sql "CREATE DATABASE $database"
export PGDATABASE=$database
psql -X -q -v ON_ERROR_STOP=1 -f schema.sql >"$output"
roles_are_ours=true

# Exactly the locked packages; none of them may run a script of its own as it is installed.
if [ ! -d node_modules ] && ! npm ci --ignore-scripts --no-audit --no-fund >"$output" 2>&1; then
    cat "$output"
    echo "not ok - web: npm ci"
    exit 1
fi
node test/web_test.js "$@"
