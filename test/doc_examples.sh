#!/usr/bin/env bash
# Runs the SQL examples of the README and of the documents in docs/. Prints TAP, a test for each example, one for
# whether policies ask once for a statement, and one for whether docs/examples.md uses every function.
#
# An example is a block fenced as ```sql. Those of a document run in their order, in one psql session, in a
# database of its own. Each must run without an error, and where it has lines that start with "-->" they must
# be what it prints (unaligned, without empty lines). The PG… variables lead to a running server that has the
# extension and on which the caller is superuser.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
database=session_service_examples
roles=(app_server web_client example_web example_api)
directory=$(mktemp -d)
database_of_caller=${PGDATABASE:-postgres}
export PGOPTIONS='-c client_min_messages=warning'

clean_up() {
    local role
    psql -X -q -d "$database_of_caller" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    for role in "${roles[@]}"; do
        psql -X -q -d "$database_of_caller" -c "DROP ROLE IF EXISTS $role"
    done
}

trap 'clean_up; rm -rf "$directory"' EXIT

number=0
status=0

# result STATUS NAME [FILE]: one line of TAP, and what FILE says of a failure.
result() {
    number=$((number + 1))
    echo "$1 $number - $2"
    [ "$1" = ok ] || {
        status=1
        sed 's/^/# /' "${3:-/dev/null}"
    }
}

# Runs the examples of the document $1, which leave their database behind.
run_document() {
    local document=$1 work line name last ended=0
    work=$(mktemp -d "$directory/XXXXXX")
    clean_up
    psql -X -q -d "$database_of_caller" -c "CREATE DATABASE $database"

    # The examples as one script, with a mark before each, and as one file each of what it must print. A
    # mark has the number of the line at which the example begins.
    awk -v directory="$work" '
        /^```sql$/ { line = NR + 1; inside = 1; print "\\echo @@example", line; next }
        /^```$/    { inside = 0; next }
        inside && /^-->/ { sub(/^--> ?/, ""); print > (directory "/" line ".expected"); next }
        inside
    ' "$top/$document" >"$work/examples.sql"
    psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$database" -f "$work/examples.sql" \
        >"$work/output" 2>"$work/errors" || ended=$?
    awk -v directory="$work" '
        /^@@example/ { file = directory "/" $2 ".actual"; printf "" > file; next }
        NF { print > file }
    ' "$work/output"

    last=$(sed -n 's/^@@example //p' "$work/output" | tail -n 1)
    while read -r line; do
        name="$document, example at line $line"
        if [ ! -e "$work/$line.actual" ]; then
            result 'not ok' "$name: not reached"
        elif [ "$ended" -ne 0 ] && [ "$line" = "$last" ]; then
            result 'not ok' "$name" "$work/errors"
        elif [ -e "$work/$line.expected" ] && ! diff "$work/$line.expected" "$work/$line.actual" >"$work/diff"; then
            result 'not ok' "$name" "$work/diff"
        else
            result ok "$name"
        fi
    done < <(sed -n 's/^\\echo @@example //p' "$work/examples.sql")
    cp "$work/examples.sql" "$directory/$(basename "$document").sql"
}

# A policy's functions stand in subqueries, also where the next reader copies from.
policies_ask_once() {
    local name="$1: policies ask once for a statement"
    psql -X -q -A -t -d "$database" -c "
        SELECT tablename, policyname, expression FROM pg_policies, unnest(ARRAY[qual, with_check]) expression
        WHERE expression ~ 'session_service'
            AND expression !~ '^[^.]*SELECT[^.]* \(?session_service'" >"$directory/policies"
    if [ -s "$directory/policies" ]; then
        result 'not ok' "$name" "$directory/policies"
    else
        result ok "$name"
    fi
}

# Those of the type token_hash are called by its operators, classes and casts.
every_function_is_used() {
    psql -X -q -A -t -d "$database" -c "
        SELECT DISTINCT proname FROM pg_proc
        WHERE pronamespace = 'session_service'::regnamespace AND proname NOT LIKE 'token\\_hash%' AND proname <> 'bytea'
        ORDER BY 1" >"$directory/functions"
    # Counted, so that an empty list is no success.
    if [ "$(wc -l <"$directory/functions")" -ge 50 ] &&
        while read -r name; do
            grep -q "\<$name(" "$directory/examples.md.sql" || echo "$name"
        done <"$directory/functions" >"$directory/unused" && [ ! -s "$directory/unused" ]; then
        result ok 'docs/examples.md uses every function'
    else
        result 'not ok' 'docs/examples.md uses every function' "$directory/unused"
    fi
}

for document in README.md docs/{calling,reference,security,operations,migration,bound-sessions}.md; do
    run_document "$document"
done
run_document docs/row-level-security.md
policies_ask_once docs/row-level-security.md
run_document docs/examples.md
every_function_is_used
echo "1..$number"
exit "$status"
