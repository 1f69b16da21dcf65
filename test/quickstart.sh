#!/usr/bin/env bash
# The main job in a few minutes, from a clone: `bash test/quickstart.sh [--keep]`.
#
# Installs the Debian packages that are missing (saying which), builds the extension in a private
# temporary workspace, starts a throw-away server there as a user without privileges, and lives through
# a few sessions with real calls. Each answer is printed as it came, tokens shortened, and checked: the
# exit status is 0 where all went as told. --keep leaves the server running, and says how to reach it.
#
#   PG_CONFIG        the pg_config of the server to build for
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in packages workspace cluster; do
    # shellcheck source=/dev/null
    . "$top/test/lib/$part.sh"
done

# --- telling and calling

say() {
    printf '\n'
    fold -s -w 100 <<<"$*"
}

# The values that calls gave, by name; a call finds them as psql's variables, where an application
# binds parameters.
declare -A values=()

variables() {
    local name value
    for name in "${!values[@]}"; do
        value=${values[$name]//\\/\\\\}
        printf "\\\\set %s '%s'\n" "$name" "${value//\'/\'\'}"
    done
}

run_psql() {
    psql -X -q -v ON_ERROR_STOP=1 "$@"
}

shorten_tokens() {
    sed -E 's/(ss[tr]_)[A-Za-z0-9_-]{40,}([A-Za-z0-9_-]{8})/\1…\2/g'
}

show_sql() {
    printf '\n'
    sed 's/^/    /' <<<"$1"
    printf '\n'
}

# call NAME SQL: runs a call that gives one row or none; each column's value is kept as NAME_column.
# Sets `rows`.
call() {
    local name=$1 sql=$2 answer column value
    show_sql "$sql"
    answer=$({
        variables
        printf '%s\n' "$sql;"
    } | run_psql -At -x -F $'\t')
    rows=0
    if [ -z "$answer" ]; then
        echo "    (no row)"
        return
    fi
    rows=1
    while IFS=$'\t' read -r column value; do
        values[${name}_$column]=$value
        printf '    %-20s %s\n' "$column" "$value" | shorten_tokens
    done <<<"$answer"
}

# show SQL: runs a query and shows it as a table, which is kept in `shown`.
show() {
    show_sql "$1"
    shown=$({
        variables
        printf '%s\n' "$1;"
    } | run_psql -P footer=off)
    sed 's/^/    /' <<<"$shown" | shorten_tokens
}

# expect WHAT COMMAND...: the command must succeed, or the story is not true.
expect() {
    local what=$1
    shift
    if ! "$@"; then
        printf '\nThis is not as it should be: %s\n' "$what" >&2
        exit 1
    fi
}

a_row() { [ "$rows" -eq 1 ]; }
no_row() { [ "$rows" -eq 0 ]; }
same() { [ -n "${values[$1]}" ] && [ "${values[$1]}" = "${values[$2]}" ]; }
other() { [ -n "${values[$1]}" ] && [ "${values[$1]}" != "${values[$2]}" ]; }
is() { [ "${values[$1]}" = "$2" ]; }

# --- the story

tell_the_story() {
    say "CREATE EXTENSION is all that a database needs; no library has to be preloaded."
    show_sql "CREATE EXTENSION session_service"
    run_psql -c 'CREATE EXTENSION session_service'

    values[user]=ada00000-0000-4000-8000-000000000001
    values[first_agent]='Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15'
    values[first_agent]+=' (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
    values[second_agent]='Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'

    say "1. Ada signs in on her phone. (Her password was checked by the application; :'names' stand where an" \
        "application binds parameters.) Both tokens are shown this once; the database keeps their hashes."
    call phone "SELECT session_id, token, refresh_token, expires_at, is_new_device
FROM session_service.create_session(:'user', device_name => 'Ada''s phone', user_agent => :'first_agent',
                                    ip_address => '203.0.113.7', scopes => '{read,write}')"
    expect "a session on a new device" is phone_is_new_device t

    say "2. And on her laptop."
    call laptop "SELECT session_id, token, refresh_token, expires_at, is_new_device
FROM session_service.create_session(:'user', device_name => 'Ada''s laptop', user_agent => :'second_agent',
                                    ip_address => '198.51.100.20', scopes => '{read,write}')"
    expect "another session" other laptop_session_id phone_session_id

    say "3. Each request brings the session token, and one call tells whose it is."
    call valid "SELECT session_id, user_id, scopes, expires_at
FROM session_service.validate_session(:'phone_token', ip_address => '203.0.113.7')"
    expect "the phone's session" same valid_session_id phone_session_id
    say "   A token that is not valid, whatever is wrong with it, gives no row, and no error."
    call invalid "SELECT session_id FROM session_service.validate_session('sst_not-a-token')"
    expect "no row for nonsense" no_row

    say "4. From time to time the phone buys a new pair with its refresh token. The session stays the same one."
    call second "SELECT session_id, token, refresh_token, repeated
FROM session_service.refresh_session(:'phone_refresh_token')"
    expect "the same session" same second_session_id phone_session_id
    expect "a new token" other second_token phone_token
    call old "SELECT session_id FROM session_service.validate_session(:'phone_token')"
    expect "the old token is dead at once" no_row

    say "5. The answer got lost on the way: the phone never saw it," \
        "and asks again with the refresh token that it has." \
        "Within the grace it gets the very same pair, however often it asks."
    call retry "SELECT session_id, token, refresh_token, repeated
FROM session_service.refresh_session(:'phone_refresh_token')"
    expect "a repetition" is retry_repeated t
    expect "the same session token" same retry_token second_token
    expect "the same refresh token" same retry_refresh_token second_refresh_token

    say "6. The phone goes on, and refreshes with the new token."
    call third "SELECT session_id, token, refresh_token, repeated
FROM session_service.refresh_session(:'second_refresh_token')"
    expect "a new pair" other third_token second_token

    say "7. Somebody stole the first refresh token, and tries it now." \
        "It was used twice over: somebody has it who should not." \
        "The answer is no, and the session ends, for the thief and for the phone, since nobody can tell which is which."
    call stolen "SELECT session_id
FROM session_service.refresh_session(:'phone_refresh_token', ip_address => '192.0.2.66')"
    expect "no row for the thief" no_row
    call ended "SELECT session_id FROM session_service.validate_session(:'third_token')"
    expect "the phone's session is over" no_row
    call end "SELECT status, revoked_at, revoke_reason
FROM session_service.get_user_session(:'user', :'phone_session_id')"
    expect "revoked" is end_status revoked
    expect "for the reuse" is end_revoke_reason 'Refresh token reuse'
    show "SELECT at::timestamptz(0), kind, ip_address, reason
FROM session_service.list_events(:'user') ORDER BY at, id"
    expect "an event of it" grep -q 'session.reuse_detected' <<<"$shown"

    say "8. Ada signs in on the phone again, and once more in a café." \
        "This is her page of sessions, seen from the laptop."
    call again "SELECT session_id, is_new_device
FROM session_service.create_session(:'user', device_name => 'Ada''s phone', user_agent => :'first_agent',
                                    ip_address => '203.0.113.7')"
    expect "the phone is known by now" is again_is_new_device f
    call cafe "SELECT session_id, is_new_device
FROM session_service.create_session(:'user', device_name => 'Café', user_agent => :'second_agent',
                                    ip_address => '192.0.2.99')"
    show "SELECT device_name, ip_address, last_activity_at::timestamptz(0), status, is_current
FROM session_service.list_user_sessions(:'user', current_session_id => :'laptop_session_id')"

    say "9. She was in no café: she signs out everything but the laptop."
    call others "SELECT session_service.revoke_all_user_sessions_except(:'user', :'laptop_session_id') AS signed_out"
    expect "two sessions ended" is others_signed_out 2
    show "SELECT device_name, status, revoke_reason, is_current
FROM session_service.list_user_sessions(:'user', :'laptop_session_id', include_inactive => true)"
    call laptop_still "SELECT session_id FROM session_service.validate_session(:'laptop_token')"
    expect "the laptop is still signed in" same laptop_still_session_id laptop_session_id

    say "All of it as told."
}

inner_run() {
    BINDIR=$("$PG_CONFIG" --bindir)
    [ "$1" = keep ] || trap stop_cluster EXIT
    trap 'exit 130' INT TERM HUP
    echo "Building."
    build_extension
    stage_extension
    start_cluster
    echo "A throw-away server is running in $WORKSPACE."
    tell_the_story
    if [ "$1" = keep ]; then
        tell_how_to_reach
    fi
}

tell_how_to_reach() {
    local as_owner=
    [ "$OUTER_UID" != 0 ] || [ "$(id -u)" -eq 0 ] || as_owner="runuser -u $(id -un) -- "
    say "The server is still running. To reach it:"
    echo "    $BINDIR/psql -h $WORKSPACE/run -U postgres postgres"
    echo "To stop it and remove everything:"
    echo "    $as_owner$BINDIR/pg_ctl -D $WORKSPACE/cluster -m fast stop && rm -r $WORKSPACE"
}

outer_run() {
    local status=0
    need_build
    install_missing
    trap remove_workspace EXIT
    trap 'exit 130' INT TERM HUP
    make_workspace "$top"
    OUTER_UID=$(id -u)
    export OUTER_UID
    run_in_workspace test/quickstart.sh --in-workspace "$1" || status=$?
    if [ "$1" = keep ] && [ "$status" -eq 0 ]; then
        trap - EXIT
    fi
    return "$status"
}

case "$*" in
"") outer_run once ;;
--keep) outer_run keep ;;
"--in-workspace once" | "--in-workspace keep") inner_run "$2" ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$top/test/quickstart.sh"
    case $* in
    -h | --help) ;;
    *) exit 2 ;;
    esac
    ;;
esac
