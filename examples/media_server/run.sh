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
# shellcheck source=/dev/null
. "$top/test/lib/example.sh"

need_example() {
    command -v go >/dev/null || {
        echo "Needs Go, of the version that examples/media_server/go.mod names or later." >&2
        exit 2
    }
    need python3-venv /usr/bin/python3 -c 'import ensurepip'
}

run_example() {
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
    programs+=($!)
    wait $!
}

run_on_own_server examples/media_server/run.sh "$@"
