#!/usr/bin/env bash
# The endpoint for back-channel logout, with a provider of the test's own. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is superuser;
# everything happens in a database of its own, which is dropped at the end, and so is its role. Needs Debian's
# nodejs and npm; npm fetches what package-lock.json names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=/dev/null
. ../../test/lib/own_database.sh
own_database session_service_logout
psql -X -q -v ON_ERROR_STOP=1 -f schema.sql >"$output"
own_roles=logout_app

if ! locked_packages; then
    echo "not ok - back-channel logout: npm ci"
    exit 1
fi
node --test-reporter=tap test/logout_test.js
