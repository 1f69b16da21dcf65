#!/usr/bin/env bash
# The example application in a headless browser. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is superuser;
# everything happens in a database of its own, which is dropped at the end, and so are its roles. Needs
# Debian's nodejs, npm, chromium and openssl; npm fetches what package-lock.json names. An argument is a pattern of
# the names of the tests to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=/dev/null
. ../../test/lib/own_database.sh
own_database session_service_web
psql -X -q -v ON_ERROR_STOP=1 -f schema.sql >"$output"
own_roles='web_app, web_admin'

if ! locked_packages; then
    echo "not ok - web: npm ci"
    exit 1
fi
node test/web_test.js "$@"
