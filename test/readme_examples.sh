#!/usr/bin/env bash
# Runs the README's SQL examples, in their order, in one psql session. Prints TAP, a test for each.
#
# An example is a block fenced as ```sql. It must run without an error, and where it has lines that start
# with "-->" they must be what it prints (unaligned, without empty lines). The PG… variables lead to a
# running server that has the extension and on which the caller is superuser.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
database=session_service_readme
roles=(app_server web_client)
directory=$(mktemp -d)
database_of_caller=${PGDATABASE:-postgres}
export PGOPTIONS='-c client_min_messages=warning'

clean_up() {
    local role
    rm -rf "$directory"
    psql -X -q -d "$database_of_caller" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    for role in "${roles[@]}"; do
        psql -X -q -d "$database_of_caller" -c "DROP ROLE IF EXISTS $role"
    done
}

clean_up
mkdir "$directory"
trap clean_up EXIT
psql -X -q -d "$database_of_caller" -c "CREATE DATABASE $database"
export PGDATABASE=$database

# The examples as one script, with a mark before each, and as one file each of what it must print. A mark
# has the number of the line at which the example begins.
awk -v directory="$directory" '
    /^```sql$/ { line = NR + 1; inside = 1; print "\\echo @@example", line; next }
    /^```$/    { inside = 0; next }
    inside && /^-->/ { sub(/^--> ?/, ""); print > (directory "/" line ".expected"); next }
    inside
' "$top/README.md" >"$directory/examples.sql"

status=0
psql -X -q -A -t -v ON_ERROR_STOP=1 -f "$directory/examples.sql" >"$directory/output" 2>"$directory/errors" || status=$?
awk -v directory="$directory" '
    /^@@example/ { file = directory "/" $2 ".actual"; printf "" > file; next }
    NF { print > file }
' "$directory/output"

number=0
while read -r line; do
    number=$((number + 1))
    if [ ! -e "$directory/$line.actual" ]; then
        echo "not ok $number - README example at line $line: not reached"
    elif [ "$status" -ne 0 ] && [ "$(ls "$directory" | grep -c '\.actual$')" -eq "$number" ]; then
        echo "not ok $number - README example at line $line"
        sed 's/^/# /' "$directory/errors"
    elif [ -e "$directory/$line.expected" ] && ! diff "$directory/$line.expected" "$directory/$line.actual" >"$directory/diff"; then
        echo "not ok $number - README example at line $line"
        sed 's/^/# /' "$directory/diff"
    else
        echo "ok $number - README example at line $line"
    fi
done < <(sed -n 's/^\\echo @@example //p' "$directory/examples.sql")
echo "1..$number"
[ "$number" -gt 0 ]
