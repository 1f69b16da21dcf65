#!/usr/bin/env bash
# The media server's API on a throw-away server of its own: `bash examples/media_server/run.sh`.
#
# Installs the Debian packages that are missing (saying which), builds the extension and the program in a private
# temporary workspace, starts both there as a user without privileges, and says how to call the API. Needs Go, which is
# not installed. Ctrl-C ends everything and removes the workspace.
#
#   LISTEN           the API's address (default 127.0.0.1:8080)
#   PG_CONFIG        the pg_config of the server to build for
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
for part in packages workspace cluster; do
    # shellcheck source=/dev/null
    . "$top/test/lib/$part.sh"
done

outer_run() {
    local status=0
    command -v go >/dev/null || {
        echo "Needs Go, of the version that examples/media_server/go.mod names or later." >&2
        exit 2
    }
    need_build
    need python3-venv /usr/bin/python3 -c 'import ensurepip'
    install_missing
    trap remove_workspace EXIT
    trap 'exit 130' INT TERM HUP
    make_workspace "$top"
    run_in_workspace examples/media_server/run.sh --in-workspace || status=$?
    return "$status"
}

stop_all() {
    [ -z "${program:-}" ] || { kill "$program" && wait "$program"; } 2>/dev/null || true
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
    createdb media
    export PGDATABASE=media LISTEN=${LISTEN:-127.0.0.1:8080}
    cd examples/media_server
    psql -X -q -v ON_ERROR_STOP=1 -f schema.sql >/dev/null
    psql -X -q -v ON_ERROR_STOP=1 <<'EOF'
INSERT INTO shared.users (username, password_hash) VALUES ('ada', crypt('tea for two', gen_salt('bf')));
EOF
    bash build.sh
    cat <<EOF

Sign in, and call the API with the access_token that comes back:

    curl http://$LISTEN/api/v1/auth/login -H 'Content-Type: application/json' \\
        -d '{"username": "ada", "password": "tea for two", "device_name": "Living room"}'
    curl http://$LISTEN/api/v1/sessions -H 'Authorization: Bearer …'
    curl -X DELETE http://$LISTEN/api/v1/sessions/current -H 'Authorization: Bearer …'
    curl http://$LISTEN/api/v1/sessions/refresh -H 'Content-Type: application/json' -d '{"refresh_token": "…"}'

EOF
    PGUSER=media_server ./media_server &
    program=$!
    wait "$program"
}

case "$*" in
"") outer_run ;;
--in-workspace) inner_run ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$top/examples/media_server/run.sh"
    case $* in
    -h | --help) ;;
    *) exit 2 ;;
    esac
    ;;
esac
