#!/usr/bin/env bash
# The example application on a throw-away server of its own: `bash examples/web/run.sh`.
#
# Installs the Debian packages that are missing (saying which), builds the extension in a private temporary
# workspace, starts a server and the application there as a user without privileges, and prints where to look
# and who may sign in. Ctrl-C ends everything and removes the workspace.
#
#   PORT             the application's port (default 3000)
#   HOST             its address (default 127.0.0.1)
#   PG_CONFIG        the pg_config of the server to build for
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=/dev/null
. "$top/test/lib/example.sh"

need_example() {
    need nodejs command -v node
    need npm command -v npm
}

run_example() {
    createdb web
    export PGDATABASE=web
    psql -X -q -v ON_ERROR_STOP=1 -f examples/web/schema.sql >/dev/null
    cd examples/web
    # Exactly the locked packages; none of them may run a script of its own as it is installed.
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund --silent
    echo
    echo "Who may sign in, and with which password:"
    node seed.js
    echo
    PGUSER=web_app node server.js &
    programs+=($!)
    wait $!
}

run_on_own_server examples/web/run.sh "$@"
