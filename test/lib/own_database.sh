# Sourced by tests in other languages: a database of their own on the server to which the PG… variables lead, with
# what npm fetches.
#
#   own_database NAME           makes it anew and connects there; dropped at the end. The caller is superuser
#   locked_packages [DIRECTORY] fetches exactly what its package-lock.json names, where that is not there; none of it
#                               may run a script of its own as it is installed. Says why it failed
#
# $own_roles are dropped with the database, separated by commas: those that the test made, from then on.
# $output is a file for what would stand in the way of TAP.

output=$(mktemp)
own_roles=

# In the caller's database, since one's own cannot be dropped from within.
as_caller() {
    PGDATABASE=$database_of_caller psql -X -q -v ON_ERROR_STOP=1 -c "$1"
}

drop_own_database() {
    rm -f "$output"
    as_caller "DROP DATABASE IF EXISTS $own_database WITH (FORCE)"
    [ -z "$own_roles" ] || as_caller "DROP ROLE IF EXISTS $own_roles"
}

own_database() {
    own_database=$1 database_of_caller=${PGDATABASE:-postgres}
    drop_own_database 2>/dev/null || true
    trap drop_own_database EXIT
    as_caller "CREATE DATABASE $own_database"
    export PGDATABASE=$own_database
}

locked_packages() {
    local directory=${1:-.}
    [ ! -d "$directory/node_modules" ] || return 0
    npm --prefix "$directory" ci --ignore-scripts --no-audit --no-fund >"$output" 2>&1 || {
        cat "$output"
        return 1
    }
}
