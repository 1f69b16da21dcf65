#!/usr/bin/env bash
# docs/reference.md beside the catalog of a server. Prints TAP, a test for each kind of table in it.
#
# Each function, setting, type, table and column has a line in that page which says exactly what the catalog says:
# signature, result, access level, default, and the words of COMMENT ON. A line that differs, or that only one of the
# two has, is printed: "<" as the page has it, ">" as it should be. Each SQLSTATE that the code raises is in the table
# of errors.
#
# The PG… variables lead to a running server that has the extension and on which the caller is superuser; PG_CONFIG
# to its headers. Everything happens in a database of its own, which is dropped at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=/dev/null
. test/lib/own_database.sh
# shellcheck source=/dev/null
. test/lib/test_that.sh

page=docs/reference.md
own_roles=$(printf ', session_service_reference_%s' validate application monitor admin)
own_roles=${own_roles#, }
own_database session_service_reference

# The page's rows of one kind, each with the table's name before it where a table of the page is about one.
documented() {
    awk -v kind="$1" '
        /^\| function \| result \| level \| what \|$/             { inside = "function" }
        /^\| setting \| default \| values \| context \| what \|$/ { inside = "setting" }
        /^\| type \| fields or values \| what \|$/                { inside = "type" }
        /^\| table \| primary key \| what \|$/                    { inside = "table" }
        /^\| column of `[a-z_]+` \| type \| what \|$/ {
            inside = "column"
            split($0, of, "`")
            before = of[2] ": "
        }
        /^$/ { inside = before = "" }
        inside == kind && /^\| `/ { print before $0 }
    ' "$page"
}

rows_agree() {
    local rows
    rows=$(psql -X -q -A -t -v ON_ERROR_STOP=1 -v kind="$1" -f test/lib/reference.sql | grep -v '^$') || return
    diff <(documented "$1" | LC_ALL=C sort) <(LC_ALL=C sort <<<"$rows")
}

# Those that no caller sees are left out: XX000 is a fault of ours, F0000 is a warning about a file.
raised_errors() {
    local name
    grep -rhoE '\berrcode\(ERRCODE_[A-Z0-9_]+' src | sed 's/.*(//' | sort -u |
        grep -vxE 'ERRCODE_(INTERNAL_ERROR|CONFIG_FILE_ERROR)' | while read -r name; do
        sed -nE "s/^#define $name +MAKE_SQLSTATE\('(.)','(.)','(.)','(.)','(.)'\).*/\1\2\3\4\5/p" \
            "$("$PG_CONFIG" --includedir-server)/utils/errcodes.h"
    done
}

errors_are_documented() {
    local raised state status=0
    raised=$(raised_errors)
    # Counted, so that an empty list is no success.
    [ "$(wc -l <<<"$raised")" -ge 15 ] || status=1
    for state in $raised; do
        sed -n '/^| SQLSTATE | when |$/,/^$/s/^| \([^|]*\) |.*/\1/p' "$page" | grep -qw "$state" || {
            echo "not in the table of errors: $state"
            status=1
        }
    done
    return "$status"
}

psql -X -q -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
CREATE EXTENSION session_service;
SELECT format('CREATE ROLE session_service_reference_%1$s;
    SELECT session_service.grant_access(''session_service_reference_%1$s'', %1$L)', level)
FROM unnest('{validate,application,monitor,admin}'::text[]) level \gexec
SQL
for kind in function setting type table column; do
    test_that "each $kind is in the reference as it is in the catalog" rows_agree "$kind" || true
done
test_that 'each SQLSTATE that the code raises is in the reference' errors_are_documented || true
end_of_tests
