#!/usr/bin/env bash
# The API and its client, against a real server. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is superuser;
# everything happens in a database of its own, which is dropped at the end, and so is its role. Needs Debian's
# nodejs and npm; npm fetches what package-lock.json names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=/dev/null
. ../../test/lib/own_database.sh
own_database session_service_native
psql -X -q -v ON_ERROR_STOP=1 -f schema.sql >"$output"
own_roles=api_app

if ! locked_packages; then
    echo "not ok - native client: npm ci"
    exit 1
fi
node --test-reporter=tap test/native_client_test.js
