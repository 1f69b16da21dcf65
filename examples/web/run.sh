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
for part in packages workspace cluster; do
    # shellcheck source=/dev/null
    . "$top/test/lib/$part.sh"
done

outer_run() {
    local status=0
    need_build
    need nodejs command -v node
    need npm command -v npm
    install_missing
    trap remove_workspace EXIT
    trap 'exit 130' INT TERM HUP
    make_workspace "$top"
    run_in_workspace examples/web/run.sh --in-workspace || status=$?
    return "$status"
}

stop_all() {
    [ -z "${application:-}" ] || { kill "$application" && wait "$application"; } 2>/dev/null || true
    stop_cluster || true
}

inner_run() {
    BINDIR=$("$PG_CONFIG" --bindir)
    trap stop_all EXIT
    trap 'exit 130' INT TERM HUP
    echo "Building."
    build_extension
    stage_extension
    start_cluster
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
    application=$!
    wait "$application"
}

case "$*" in
"") outer_run ;;
--in-workspace) inner_run ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$top/examples/web/run.sh"
    case $* in
    -h | --help) ;;
    *) exit 2 ;;
    esac
    ;;
esac
