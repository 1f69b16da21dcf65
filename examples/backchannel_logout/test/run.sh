#!/usr/bin/env bash
# The endpoint for back-channel logout, with a provider of the test's own. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is superuser;
# everything happens in a database of its own, which is dropped at the end, and so is its role. Needs Debian's
# nodejs and npm; npm fetches what package-lock.json names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

database=session_service_logout
output=$(mktemp)

sql() {
    psql -X -q -v ON_ERROR_STOP=1 -d "${PGDATABASE_OF_CALLER}" -c "$1"
}

drop_database() {
    rm -f "$output"
    sql "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    [ "${role_is_ours:-}" != true ] || sql "DROP ROLE logout_app"
}

PGDATABASE_OF_CALLER=${PGDATABASE:-postgres}
trap drop_database EXIT
sql "DROP DATABASE IF EXISTS $database WITH (FORCE)"
sql "CREATE DATABASE $database"
export PGDATABASE=$database
psql -X -q -v ON_ERROR_STOP=1 -f schema.sql >"$output"
role_is_ours=true

# Exactly the locked packages; none of them may run a script of its own as it is installed.
if [ ! -d node_modules ] && ! npm ci --ignore-scripts --no-audit --no-fund >"$output" 2>&1; then
    cat "$output"
    echo "not ok - back-channel logout: npm ci"
    exit 1
fi
node --test-reporter=tap test/logout_test.js
