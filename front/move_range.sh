#!/usr/bin/env bash
# Moves a range of buckets from one server to another while clients go on:
#
#   bash front/move_range.sh --range 12 --source CONNINFO --target CONNINFO [option...]
#
# Range R is the buckets R*256 to R*256+255, with all that is stored about their users. Logical replication copies the
# rows and keeps them up. Then the source stops to take calls for the range, both sides are compared, and the target
# takes over. Clients of the range are stopped meanwhile, mostly for the comparison; clients of other ranges never.
#
#   --range R                 0 to 15
#   --source CONNINFO         the database that holds the range
#   --target CONNINFO         the database that is to hold it, with the extension, its settings, roles and access levels
#   --source-seen-by-target CONNINFO
#                             how the target's server reaches the source, where that is not --source
#   --source-standby CONNINFO, --target-standby CONNINFO
#                             a standby of one of them, which has a setting of its own; may be given several times
#   --front CONNINFO          a database with session_service_front, to be told where the range went; may be given
#                             several times
#   --target-shard NAME       the target's name in the fronts; without it, the shard whose connection leads there
#   --pgbouncer CONNINFO      the admin console of a PgBouncer, which keeps the clients of one of its databases waiting
#                             while the source takes no calls: then they see no error
#   --alias NAME              that database, which has the clients of this range and no others
#   --pgbouncer-ini FILE      the file with the alias's line; without it, the one that PgBouncer was started with
#   --target-seen-by-pgbouncer CONNINFO
#                             host, port and dbname by which PgBouncer reaches the target, where that is not --target
#   --compare-before          compares while clients go on, until each bucket was the same on both sides once, and not
#                             while they are stopped: for large ranges
#   --timeout SECONDS         how long clients may wait for transactions that do not end, or for the rest of the rows to
#                             arrive, before the source takes calls again (30)
#   --dry-run                 checks everything, tells what would be done, and changes nothing
#   --give-up                 ends a move that was begun: the source keeps the range, the target's rows of it go
#
# Each step is found out from the servers. So after a failure, and when this or a server was killed, run it again: it
# goes on. Without PgBouncer, clients get 55000 from the source until they ask the target: they have to ask again.
#
# There is one database to a server, since session_service.buckets is set for the whole server. The roles are
# superusers; passwords go to the password file (PGPASSFILE), here and on the target's server. --source and --target
# lead to the servers themselves, not to a pooler.
#
# What stays at the source is the hashes of the range's imported tokens: such a token names no bucket, and with its hash
# there the source still answers that it does not hold it, and not that it is nobody's.
#
# Exit status: 0 moved; 1 not moved, the source goes on as before; 2 wrong arguments; 3 ended on the way, run it again.
set -euo pipefail

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed '$d'
}

say() {
    printf '%s  %s\n' "$(date +%T)" "$*"
}

complain() {
    echo "move_range: $*" >&2
}

fail() {
    complain "$@"
    exit 1
}

refuse_arguments() {
    complain "$@"
    usage >&2
    exit 2
}

# --- arguments

range= source= target= source_seen_by_target= target_shard= timeout=30 compare_before=no mode=move
pgbouncer= alias= pgbouncer_ini= target_seen_by_pgbouncer=
fronts=() source_standbys=() target_standbys=()
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) mode=dry ;;
    --give-up) mode=give_up ;;
    --compare-before) compare_before=yes ;;
    --front | --source-standby | --target-standby | --range | --source | --target | --source-seen-by-target | \
        --target-shard | --timeout | --pgbouncer | --alias | --pgbouncer-ini | --target-seen-by-pgbouncer)
        [ $# -gt 1 ] || refuse_arguments "$1 needs a value"
        name=${1#--}
        case $name in
        front) fronts+=("$2") ;;
        source-standby) source_standbys+=("$2") ;;
        target-standby) target_standbys+=("$2") ;;
        *) declare "${name//-/_}=$2" ;;
        esac
        shift
        ;;
    -h | --help)
        usage
        exit
        ;;
    *) refuse_arguments "an argument is not known" ;;
    esac
    shift
done
[[ $range =~ ^([0-9]|1[0-5])$ ]] || refuse_arguments "--range has to be 0 to 15"
[[ $timeout =~ ^[1-9][0-9]{0,5}$ ]] || refuse_arguments "--timeout has to be a number of seconds"
[ -n "$source" ] && [ -n "$target" ] || refuse_arguments "--source and --target are needed"
if [ -n "$pgbouncer" ]; then
    [[ $alias =~ ^[A-Za-z0-9_-]+$ ]] || refuse_arguments "--pgbouncer needs an --alias of letters, digits, '_' and '-'"
elif [ -n "$alias$pgbouncer_ini$target_seen_by_pgbouncer" ]; then
    refuse_arguments "what belongs to --pgbouncer is given without it"
fi
# Whoever is on this machine sees the arguments, and whoever may read pg_subscription those of a subscription.
for connection in "$source" "$target" "$source_seen_by_target" "$pgbouncer" "$target_seen_by_pgbouncer" \
    "${fronts[@]}" "${source_standbys[@]}" "${target_standbys[@]}"; do
    [[ ! $connection =~ password[[:space:]]*= && ! $connection =~ ^postgres(ql)?://[^/@]*:[^/@]*@ ]] ||
        refuse_arguments "a connection has a password: put it into the password file (PGPASSFILE)"
done
: "${source_seen_by_target:=$source}"

low=$((range * 256))
high=$((low + 255))
in_range="bucket BETWEEN $low AND $high"
# Of the subscription, its slot and the first publication. Imported tokens have a publication of their own.
name=session_service_move_$range
imported=${name}_imported
tables=(users devices sessions events external_sessions)
all_tables="$(printf "'%s', " "${tables[@]}")'imported_tokens'"

# --- servers

export PGAPPNAME=session_service_move_range PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-10}
# Whatever a role or database has set; and rows are to have the same text on both sides. (The backslash is for libpq.)
# shellcheck disable=SC2089,SC2090
for setting in search_path=pg_catalog statement_timeout=0 lock_timeout=0 idle_in_transaction_session_timeout=0 \
    'default_transaction_isolation=read\ committed' default_transaction_read_only=off synchronous_commit=on \
    client_min_messages=warning DateStyle=ISO TimeZone=UTC IntervalStyle=postgres bytea_output=hex; do
    PGOPTIONS="${PGOPTIONS:-} -c $setting"
done
# shellcheck disable=SC2090
export PGOPTIONS

work=$(mktemp -d)
# For sort, join and comm
export LC_ALL=C

# ask CONNECTION [psql's arguments]: runs the statements on standard input, and prints their rows.
ask() {
    local connection=$1
    shift
    psql -XAtq -v ON_ERROR_STOP=1 "$@" -d "$connection"
}

# bounce COMMAND: in PgBouncer's console, which takes no options of a session.
bounce() {
    PGOPTIONS='' psql -XAtqx -v ON_ERROR_STOP=1 -d "$pgbouncer" -c "$1"
}

# Where a test asks for it, this ends as if it was killed here.
reached() {
    [ "${MOVE_RANGE_KILL_AT:-}" != "$1" ] || kill -KILL $$
}

# What this run has stopped, and has to let go on if it ends before the target takes over.
paused=no closed=no
# Whether the target may have taken a call for the range already.
is_passed_on=no

# --- session_service.buckets

# SQL for the buckets that the setting names, as a multirange. There is no setting before the library is loaded.
load='SELECT session_service.session_bucket(NULL) \g /dev/null'
held="(SELECT CASE s WHEN '' THEN '{[0,4096)}' WHEN 'none' THEN '{}' ELSE (
        SELECT range_agg(int4range(split_part(p, '-', 1)::integer, substring(p FROM '[0-9]+\s*\$')::integer, '[]'))
        FROM string_to_table(s, ',') p) END
    FROM (SELECT btrim(current_setting('session_service.buckets')) AS s) setting)"
ours="int4multirange(int4range($low, $high, '[]'))"

# How much of the range a server holds: all, some or none.
holds() {
    ask "$1" <<<"$load
        SELECT CASE WHEN h @> $ours THEN 'all' WHEN h && $ours THEN 'some' ELSE 'none' END
        FROM (SELECT $held AS h) held"
}

# set_buckets CONNECTION OPERATOR: as they are, with the range (+) or without it (-). Returns once new connections have
# it: then the server has told every process of it, and each takes it over before its client's next statement.
set_buckets() {
    local connection=$1 operator=$2 wanted=all found i
    [ "$operator" = + ] || wanted=none
    ask "$connection" <<<"$load
        SELECT coalesce(string_agg(lower(r) || '-' || upper(r) - 1, ',' ORDER BY r), 'none') AS buckets
        FROM unnest($held $operator $ours) r \\gset
        ALTER SYSTEM SET session_service.buckets = :'buckets';
        SELECT pg_reload_conf() \\g /dev/null" || return
    for ((i = 0; i < 200; ++i)); do
        found=$(holds "$connection") || return
        [ "$found" != "$wanted" ] || return 0
        sleep 0.05
    done
    complain "session_service.buckets does not change: is it set where that goes before ALTER SYSTEM?"
    return 1
}

# --- what is there

# Sets publication and subscription to whether they are there, and slot to there, lost or none.
look() {
    publication=$(ask "$source" <<<"SELECT count(*) = 2 FROM pg_publication WHERE pubname IN ('$name', '$imported')")
    subscription=$(ask "$target" <<<"SELECT count(*) = 1 FROM pg_subscription
        WHERE subname = '$name' AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())")
    slot=$(ask "$source" <<<"SELECT coalesce(min(CASE wal_status WHEN 'lost' THEN 'lost' ELSE 'there' END), 'none')
        FROM pg_replication_slots WHERE slot_name = '$name' AND database = current_database()")
}

# The tables that have rows of the range, but for those of imported tokens.
tables_with_rows() {
    local table found=()
    for table in "${tables[@]}"; do
        found+=("$(ask "$1" <<<"SELECT '$table' WHERE EXISTS (SELECT FROM session_service.$table WHERE $in_range)")")
    done
    xargs <<<"${found[*]}"
}

# --- step 1: checks

problems=0
problem() {
    complain "$@"
    problems=$((problems + 1))
}

note() {
    complain "note: $*"
}

stop_at_problems() {
    [ "$problems" -eq 0 ] || fail "nothing was changed"
}

# What has to be the same on both sides, a line each.
describe() {
    ask "$1" <<<"
        SELECT 'extension of version ' || extversion FROM pg_extension WHERE extname = 'session_service';
        SELECT 'encoding ' || current_setting('server_encoding');
        SELECT format('table %s with %s %s %s', relname, attname, format_type(atttypid, atttypmod), attgenerated)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE relnamespace = 'session_service'::regnamespace AND relname IN ($all_tables)
            AND attnum > 0 AND NOT attisdropped"
}

describe_settings() {
    ask "$1" <<<"$load
        SELECT name || ' = ' || setting FROM pg_settings WHERE name ^@ 'session_service.' AND name <> ALL (
            '{session_service.buckets, session_service.maintenance_database, session_service.geoip_database,
              session_service.identity, session_service.engine, session_service.engine_calls}')"
}

describe_access() {
    ask "$1" <<<"SELECT DISTINCT format('%s may %s', role, level) FROM session_service.access_levels"
}

# only_at_source WHAT: the lines that this function prints for the source and not for the target, as one.
only_at_source() {
    local at_source at_target
    at_source=$("$1" "$source")
    at_target=$("$1" "$target")
    comm -23 <(sort <<<"$at_source") <(sort <<<"$at_target") | paste -sd ';' | sed 's/;/; /g'
}

# check_server CONNECTION WORD: what each of the two needs.
check_server() {
    local connection=$1 word=$2 found
    if ! found=$(ask "$connection" <<<"
        SELECT 'it is older than PostgreSQL 15' WHERE current_setting('server_version_num')::integer < 150000
        UNION ALL SELECT 'it is a standby' WHERE pg_is_in_recovery()
        UNION ALL SELECT 'the role is no superuser'
            WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
        UNION ALL SELECT 'it does not have the extension'
            WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'session_service')
        UNION ALL SELECT 'session_service.buckets is set for a database or a role, which goes before the server''s'
            WHERE EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) s WHERE s ^@ 'session_service.buckets=')
        UNION ALL SELECT 'track_activities is off, so that it does not tell which transactions are open'
            WHERE current_setting('track_activities') = 'off'
        UNION ALL SELECT format('table %s %s', relname, CASE WHEN relkind <> 'r' THEN 'is no plain table'
            WHEN relpersistence <> 'p' THEN 'is unlogged' ELSE 'is not replicated by its primary key' END)
            FROM pg_class WHERE relnamespace = to_regnamespace('session_service') AND relname IN ($all_tables)
                AND (relkind <> 'r' OR relpersistence <> 'p' OR relreplident NOT IN ('d', 'f'))" 2>&1); then
        problem "the $word cannot be asked: $found"
    elif [ -n "$found" ]; then
        problem "the $word: ${found//$'\n'/; }"
    fi
}

# Checks both; and takes both locks, where something is to be done.
check_servers() {
    check_server "$source" source
    check_server "$target" target
    stop_at_problems
    if [ "$mode" != dry ]; then
        lock "$source" source
        lock "$target" target
    fi
}

# check_standbys CONNECTION WORD STANDBY...
check_standbys() {
    local connection=$1 word=$2 standby seen
    shift 2
    for standby in "$@"; do
        [ "$(ask "$standby" <<<'SELECT pg_is_in_recovery()' 2>&1)" = t ] ||
            problem "a standby of the $word cannot be asked, or is none"
    done
    seen=$(ask "$connection" <<<"SELECT count(*) FROM pg_stat_replication r
            LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
        WHERE s.slot_type IS DISTINCT FROM 'logical' AND r.state IN ('streaming', 'catchup')
            AND r.application_name NOT IN ('pg_basebackup', 'pg_receivewal', '$name')")
    [ "$seen" -le $# ] ||
        note "the $word has $seen standbys, $# were named: on the others set session_service.buckets yourself"
}

check_before_copy() {
    local found
    [ "$(ask "$source" <<<'SHOW wal_level')" = logical ] || problem "the source's wal_level is not logical"
    found=$(ask "$source" <<<"SELECT string_agg(DISTINCT relname, ', ')
        FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE relnamespace = 'session_service'::regnamespace AND tgenabled <> 'D'")
    [ -z "$found" ] || note "tables of the source have triggers or foreign keys, which see rows deleted: $found"
    [ "$subscription" = f ] || return 0
    # One for the subscription, and another for the table that is being copied.
    found=$(ask "$source" <<<"SELECT least(
        current_setting('max_replication_slots')::integer - (SELECT count(*) FROM pg_replication_slots),
        current_setting('max_wal_senders')::integer - (SELECT count(*) FROM pg_stat_replication))")
    [ "$found" -ge 2 ] || problem "the source has no two free slots (max_replication_slots, max_wal_senders)"
    found=$(ask "$target" <<<"SELECT least(
        current_setting('max_replication_slots')::integer - (SELECT count(*) FROM pg_replication_origin),
        current_setting('max_logical_replication_workers')::integer
            - (SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL))")
    [ "$found" -ge 2 ] ||
        problem "the target has no two free workers (max_logical_replication_workers, max_replication_slots)"
    found=$(tables_with_rows "$target")
    [ -z "$found" ] || problem "the target has rows of the range that no move put there (see --give-up): $found"
}

# Sets source_holds and target_holds.
check() {
    local found here there front
    check_servers
    here=$(ask "$source" <<<'SELECT system_identifier, pg_postmaster_start_time() FROM pg_control_system()')
    there=$(ask "$target" <<<'SELECT system_identifier, pg_postmaster_start_time() FROM pg_control_system()')
    [ "$here" != "$there" ] || problem "source and target are of one server, for all of which the setting is"
    found=$(only_at_source describe)
    [ -z "$found" ] || problem "what the source has and the target has not: $found"
    stop_at_problems
    found=$(only_at_source describe_settings)
    [ -z "$found" ] || note "settings of the source that the target does not have: $found"
    found=$(only_at_source describe_access)
    [ -z "$found" ] || note "what was granted at the source and not at the target: $found"
    here=$(ask "$source" <<<'SELECT extract(epoch FROM clock_timestamp())')
    there=$(ask "$target" <<<'SELECT extract(epoch FROM clock_timestamp())')
    ! awk -v a="$here" -v b="$there" 'BEGIN { exit !(b - a > 2 || b - a < -1) }' ||
        note "the clocks of source and target differ"

    look
    source_holds=$(holds "$source")
    target_holds=$(holds "$target")
    [ "$source_holds/$target_holds/$mode" != none/all/move ] || is_passed_on=yes
    case $source_holds/$target_holds in
    all/none) check_before_copy ;;
    none/none)
        [ "$subscription" = t ] || problem "neither side holds the range, and no move of it was begun"
        ;;
    none/all)
        [ "$(ask "$source" <<<"SELECT count(*) FROM pg_subscription WHERE subname = '$name'")" = 0 ] ||
            problem "the range is moving the other way: source and target are confused"
        ;;
    all/*)
        problem "the target holds buckets of the range: first set its session_service.buckets, which is empty for all"
        ;;
    *) problem "of the range the source holds $source_holds, the target $target_holds" ;;
    esac
    [ "$subscription" = f ] || [ "$target_holds" = all ] || [ "$slot" = there ] ||
        problem "the subscription has lost its slot at the source: --give-up, and begin again"
    check_standbys "$source" source "${source_standbys[@]}"
    check_standbys "$target" target "${target_standbys[@]}"
    for front in "${fronts[@]}"; do
        check_front "$front"
    done
    [ -z "$pgbouncer" ] || check_pgbouncer
    stop_at_problems
}

# --- fronts

# The target's name in a front; none where it has none.
shard_in() {
    local front=$1 shard connection here there
    if [ -n "$target_shard" ]; then
        ask "$front" -v shard="$target_shard" <<<"
            SELECT shard FROM session_service_front.shards WHERE shard = :'shard'"
        return
    fi
    here='SELECT extract(epoch FROM pg_postmaster_start_time()), current_database()'
    there=$(ask "$target" <<<"$here")
    ask "$front" -F $'\t' <<<'SELECT shard, connection FROM session_service_front.shards ORDER BY shard' >"$work/shards"
    while IFS=$'\t' read -r shard connection; do
        # It may lead to a pooler, which takes no options of a session.
        if [ "$(PGOPTIONS='' ask "$connection" <<<"$here" 2>/dev/null || true)" = "$there" ]; then
            echo "$shard"
            return
        fi
    done <"$work/shards"
}

check_front() {
    local front=$1 found
    if ! found=$(ask "$front" <<<"SELECT count(*) FROM session_service_front.ranges WHERE range = $range" 2>&1); then
        problem "a front cannot be asked, or is none: $found"
    elif [ "$found" != 1 ]; then
        problem "a front does not know the range: add it to session_service_front.ranges"
    elif [ -z "$(shard_in "$front")" ]; then
        problem "a front does not know the target: add it to session_service_front.shards, or see --target-shard"
    fi
}

switch_fronts() {
    local front shard
    for front in "${fronts[@]}"; do
        shard=$(shard_in "$front")
        [ -n "$shard" ] || fail "a front does not know the target any more"
        ask "$front" -v shard="$shard" <<<"
            BEGIN;
            UPDATE session_service_front.ranges SET shard = :'shard' WHERE range = $range AND shard <> :'shard';
            SELECT session_service_front.apply() \\g /dev/null
            COMMIT;"
        say "step 7: a front sends the range to $shard"
    done
}

# --- PgBouncer

# field KEY WANTED COLUMN: of the record of PgBouncer's that has the wanted value under the key, its first column.
field() {
    awk -F '|' -v key="$1" -v wanted="$2" -v column="$3" '
        $1 == key { here = $2 == wanted } here && $1 == column && !n++ { print $2 }'
}

# of_alias COLUMN: as PgBouncer has it now.
of_alias() {
    bounce 'SHOW DATABASES' | field name "$alias" "$1"
}

check_pgbouncer() {
    local found lines
    if ! found=$(bounce 'SHOW DATABASES' 2>&1); then
        problem "PgBouncer cannot be asked, or this is not its console: $found"
        return
    fi
    [ -n "$(field name "$alias" name <<<"$found")" ] || problem "PgBouncer does not know the alias $alias"
    [ -n "$pgbouncer_ini" ] || pgbouncer_ini=$(bounce 'SHOW CONFIG' | field key conffile value)
    lines=$(grep -cE "^[[:space:]]*${alias}[[:space:]]*=" "$pgbouncer_ini" || true)
    if [ "$lines" != 1 ]; then
        problem "PgBouncer's file $pgbouncer_ini does not have one line of the alias $alias: see --pgbouncer-ini"
    elif [ ! -w "$pgbouncer_ini" ] || [ ! -w "$(dirname "$pgbouncer_ini")" ]; then
        problem "PgBouncer's file $pgbouncer_ini, or its directory, cannot be written to"
    fi
}

# host, port and dbname by which PgBouncer reaches the target, a line each.
target_of_pgbouncer() {
    ask "$target" <<<$'\\echo host=:HOST\n\\echo port=:PORT\n\\echo dbname=:DBNAME' |
        awk -v given="$target_seen_by_pgbouncer" '
            BEGIN {
                n = split(given, words)
                for (i = 1; i <= n; ++i) { split(words[i], pair, "="); value[pair[1]] = pair[2] }
            }
            { split($0, pair, "="); print pair[1] in value ? value[pair[1]] : substr($0, length(pair[1]) + 2) }'
}

pause() {
    local status=0
    say "step 4: PgBouncer keeps the clients of $alias waiting"
    paused=yes
    PGOPTIONS='' timeout "$timeout" psql -XAtq -v ON_ERROR_STOP=1 -d "$pgbouncer" -c "PAUSE $alias" || status=$?
    [ "$status" -ne 124 ] || fail "transactions of PgBouncer's clients do not end within $timeout seconds"
    [ "$status" -eq 0 ] || fail "PgBouncer does not pause $alias"
}

resume() {
    [ "$(of_alias paused)" = 0 ] || bounce "RESUME $alias" || return
    paused=no
}

# Lets the alias lead to the target, where it does not yet.
switch_pgbouncer() {
    local host port dbname
    { read -r host && read -r port && read -r dbname; } < <(target_of_pgbouncer)
    if [ "$(of_alias host)|$(of_alias port)|$(of_alias database)" != "$host|$port|$dbname" ]; then
        # By renaming, so that there is a whole file at each moment, with its owner and mode.
        cp -p "$pgbouncer_ini" "$pgbouncer_ini.new"
        awk -v alias="$alias" -v target="host=$host port=$port dbname=$dbname" '
            match($0, "^[[:space:]]*" alias "[[:space:]]*=") {
                rest = " " substr($0, RSTART + RLENGTH)
                value = "(\047[^\047]*\047|[^[:space:]\047]*)"
                while (match(rest, "[[:space:]](host|port|dbname)[[:space:]]*=[[:space:]]*" value))
                    rest = substr(rest, 1, RSTART - 1) substr(rest, RSTART + RLENGTH)
                print alias " = " target rest
                next
            }
            { print }' "$pgbouncer_ini" >"$pgbouncer_ini.new"
        mv "$pgbouncer_ini.new" "$pgbouncer_ini"
        bounce RELOAD
        [ "$(of_alias host)|$(of_alias port)|$(of_alias database)" = "$host|$port|$dbname" ] ||
            fail "PgBouncer does not take over the line of $alias in $pgbouncer_ini"
        say "step 7: PgBouncer leads $alias to the target"
    fi
    resume
}

# --- the ways out

# What a run before this has stopped, and could not let go on, as it was killed
take_over_stop() {
    [ "$source_holds/$target_holds" != none/none ] || closed=yes
    [ -z "$pgbouncer" ] || [ "$(of_alias paused)" = 0 ] || paused=yes
}

let_source_go_on() {
    local server
    if [ "$closed" = yes ] && [ "$is_passed_on" = no ]; then
        closed=no
        for server in "$source" "${source_standbys[@]}"; do
            set_buckets "$server" + || closed=yes
        done
        [ "$closed" = yes ] || say "the source takes calls for the range again"
    fi
    if [ "$paused" = yes ] && resume; then
        say "PgBouncer lets the clients of $alias go on"
    fi
}

finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    set +e
    let_source_go_on
    if [ "$closed" = yes ]; then
        complain "the source takes no calls for the range now: run this again"
        status=3
    fi
    if [ "$paused" = yes ]; then
        complain "PgBouncer may still keep the clients of $alias waiting: run this again, or RESUME $alias"
        status=3
    fi
    [ "$is_passed_on" = no ] || [ "$status" -eq 0 ] || status=3
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# --- one at a time

# lock CONNECTION WORD: two moves would overwrite each other's session_service.buckets. The lock goes with this process
# and what it started.
lock() {
    local connection=$1 word=$2 pipe
    exec {pipe}> >(exec psql -XAtq -d "$connection" >"$work/$word.lock" 2>&1)
    # After one that was killed, its last statement may still run for a moment.
    echo "SET lock_timeout = '3s';
        SELECT 'locked', pg_advisory_lock(hashtextextended('session_service move_range', 0));" >&"$pipe"
    until grep -q . "$work/$word.lock" 2>/dev/null; do
        sleep 0.02
    done
    grep -q locked "$work/$word.lock" || fail "another move is at work at the $word"
}

# --- step 2 and 3: publications, subscription, copy

publish() {
    local filtered
    if [ "$publication" = t ]; then
        say "step 2: publications: done already"
        return
    fi
    filtered=$(printf ", session_service.%s WHERE ($in_range)" "${tables[@]}")
    # Of imported tokens the insertions alone: their key has no bucket, by which a filter could tell deletions.
    ask "$source" <<<"
        BEGIN;
        DROP PUBLICATION IF EXISTS $name, $imported;
        CREATE PUBLICATION $name FOR TABLE ${filtered#, };
        CREATE PUBLICATION $imported FOR TABLE session_service.imported_tokens WHERE ($in_range)
            WITH (publish = 'insert');
        COMMIT;"
    say "step 2: publications: made at the source"
}

subscribe() {
    if [ "$subscription" = t ]; then
        ask "$target" <<<"ALTER SUBSCRIPTION $name ENABLE"
        say "step 3: subscription: done already"
        return
    fi
    # Of a subscription that was not finished
    [ "$slot" = none ] || ask "$source" <<<"SELECT pg_drop_replication_slot('$name') \\g /dev/null"
    say "step 3: subscription: made once all transactions have ended that are open at the source"
    # What an earlier move away from there has left comes back with the copy.
    ask "$target" -v source="$source_seen_by_target" <<<"
        DELETE FROM session_service.imported_tokens WHERE $in_range;
        CREATE SUBSCRIPTION $name CONNECTION :'source' PUBLICATION $name, $imported"
}

# Errors of the subscription's workers so far, of each kind that this version of PostgreSQL counts.
worker_errors() {
    ask "$target" <<<"SELECT coalesce(sum(value::bigint), 0)
        FROM pg_stat_subscription_stats s, jsonb_each_text(to_jsonb(s))
        WHERE subname = '$name' AND key LIKE '%\\_error\\_count'"
}

# Imported tokens whose sessions were deleted meanwhile: their own deletion does not arrive, and a token that is
# imported again would find its hash taken.
delete_orphans() {
    ask "$target" <<<"DELETE FROM session_service.imported_tokens i WHERE $in_range
        AND NOT EXISTS (SELECT FROM session_service.sessions s WHERE s.id = i.session_id AND s.bucket = i.bucket)"
}

copy() {
    local now states told='' told_at=0 errors
    errors=$(worker_errors)
    while :; do
        now=$(ask "$target" <<<"
            SELECT string_agg(srsubstate::text, ''),
                string_agg(c.relname || CASE srsubstate WHEN 'r' THEN ' done' ELSE ' ' || tuples_processed END, ', ')
            FROM (SELECT * FROM pg_subscription_rel ORDER BY srrelid) r JOIN pg_class c ON c.oid = srrelid
                LEFT JOIN pg_stat_progress_copy p ON p.relid = srrelid AND p.datname = current_database()
            WHERE srsubid = (SELECT oid FROM pg_subscription WHERE subname = '$name'
                AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))")
        states=${now%%|*}
        # Each table that is there, and the rows of the others now and then
        if [ "$states" != "$told" ] || [ $((SECONDS - told_at)) -ge 10 ]; then
            now=${now#*|}
            say "step 3: rows copied: ${now:-none yet}"
            told=$states
            told_at=$SECONDS
        fi
        [[ ! $states =~ ^r+$ ]] || break
        [ "$(worker_errors)" -le $((errors + 5)) ] ||
            fail "the copy fails again and again, and the target's log says why; run this again, or --give-up"
        sleep "${MOVE_RANGE_INTERVAL:-1}"
    done
    # What is planned there first is to know what is there.
    ask "$target" <<<"ANALYZE $(printf 'session_service.%s, ' "${tables[@]}") session_service.imported_tokens"
}

# --- step 4: the source stops to take calls for the range

# Who may still write rows of the range: transactions, prepared ones, and statements that may commit on the way, from
# before the moment $1. Never what they run: it may have tokens in it.
open_transactions() {
    ask "$source" -v moment="$1" <<<"
        SELECT format('process %s (%s), %s, since %s', pid,
            concat_ws(', ', backend_type, 'role ' || usename, nullif(application_name, '')),
            coalesce(state, 'at work'), coalesce(xact_start, query_start)::timestamptz(0))
        FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND backend_type NOT IN ('walsender', 'autovacuum worker')
            AND (xact_start < :'moment' OR state <> 'idle' AND query_start < :'moment')
        UNION ALL
        SELECT format('prepared transaction %s (role %s), since %s', gid, owner, prepared::timestamptz(0))
        FROM pg_prepared_xacts WHERE database = current_database() AND prepared < :'moment'"
}

close_source() {
    local server moment open deadline
    stopped_at=$EPOCHREALTIME
    [ -z "$pgbouncer" ] || pause
    reached paused
    closed=yes
    for server in "${source_standbys[@]}" "$source"; do
        set_buckets "$server" -
    done
    say "step 4: the source takes no more calls for the range"
    reached closed
    # A process that was reading a statement as it was told has noted that statement's begin by now.
    sleep 0.05
    moment=$(ask "$source" <<<'SELECT clock_timestamp()')
    deadline=$((SECONDS + timeout))
    while :; do
        open=$(open_transactions "$moment")
        [ -n "$open" ] || break
        if [ $SECONDS -ge $deadline ]; then
            complain "still open: ${open//$'\n'/; }"
            fail "transactions that may have rows of the range do not end within $timeout seconds"
        fi
        sleep 0.05
    done
    say "step 4: the transactions from before have ended"
}

# --- step 5: the rest arrives

# catch_up STEP: until all that was committed at the source is on disk at the target, and with the target's standbys.
catch_up() {
    local step=$1 position deadline arrived errors errors_before standby
    errors_before=$(worker_errors)
    # This commit flushes all before it, also what was committed without waiting for that.
    position=$(ask "$source" <<<"SELECT pg_logical_emit_message(true, 'session_service', 'range $range')")
    deadline=$((SECONDS + timeout))
    while :; do
        arrived=$(ask "$source" <<<"SELECT count(*) FROM pg_replication_slots
            WHERE slot_name = '$name' AND confirmed_flush_lsn > '$position'")
        [ "$arrived" = 0 ] || break
        errors=$(worker_errors)
        if [ "$errors" -gt "$errors_before" ]; then
            delete_orphans
            errors_before=$errors
        fi
        [ $SECONDS -lt $deadline ] ||
            fail "the rest of the rows does not arrive within $timeout seconds; the target's log may say why"
        sleep 0.05
    done
    # This one waits for synchronous standbys.
    position=$(ask "$target" <<<"SELECT pg_logical_emit_message(true, 'session_service', 'range $range')")
    for standby in "${target_standbys[@]}"; do
        while [ "$(ask "$standby" <<<"SELECT pg_last_wal_replay_lsn() > '$position'")" != t ]; do
            [ $SECONDS -lt $deadline ] || fail "a standby of the target does not catch up within $timeout seconds"
            sleep 0.05
        done
    done
    say "step $step: all that the source has committed is at the target"
}

# --- step 6: both sides have the same

# fingerprints [COLUMN]: makes a file for each side, with a line for each table, or for each value of the column in it:
# how many rows of the range there are, and the sum of hashes of their texts, which is the same in whichever order.
fingerprints() {
    local column=${1:-} other status=0
    ask "$source" <<<"
        SELECT 'SET max_parallel_workers_per_gather = 4;'
        UNION ALL
        SELECT format('SELECT concat_ws('' '', %L${column:+, $column}), count(*),
                    sum(hashtextextended(ROW(%s)::text, 0))
                FROM session_service.%I t WHERE $in_range %s GROUP BY ($column);',
            relname, string_agg(format('t.%I', attname), ', ' ORDER BY attname), relname,
            -- Deletions of these do not arrive.
            CASE relname WHEN 'imported_tokens' THEN 'AND EXISTS (SELECT FROM session_service.sessions s
                WHERE s.id = t.session_id AND s.bucket = t.bucket)' END)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE relnamespace = 'session_service'::regnamespace AND relname IN ($all_tables)
            AND attnum > 0 AND NOT attisdropped GROUP BY relname" >"$work/fingerprints.sql"
    ask "$target" -f "$work/fingerprints.sql" >"$work/at_target" &
    other=$!
    ask "$source" -f "$work/fingerprints.sql" >"$work/at_source" || status=$?
    wait "$other" || status=$?
    [ "$status" -eq 0 ] || fail "the rows of both sides cannot be compared"
    sort -o "$work/at_source" "$work/at_source"
    sort -o "$work/at_target" "$work/at_target"
}

compare() {
    local different
    fingerprints
    if ! cmp -s "$work/at_source" "$work/at_target"; then
        different=$(join -t '|' "$work/at_source" "$work/at_target" |
            awk -F '|' '$2 != $4 || $3 != $5 { print $1 " with " $2 " rows at the source, " $4 " at the target" }')
        complain "what differs: ${different//$'\n'/; }"
        fail "the target does not have what the source has: --give-up, and begin again"
    fi
    say "step 6: both sides have the same rows: $(rows_at_source)"
}

# While clients go on, what one of them writes is for a moment at the source alone.
compare_buckets() {
    local tries=5 left before=
    : >"$work/equal"
    # As long as more of them are found to be the same now and then
    while [ "$tries" -gt 0 ]; do
        fingerprints bucket
        comm -12 "$work/at_source" "$work/at_target" | cut -d '|' -f 1 | sort -u - "$work/equal" -o "$work/equal"
        left=$(cut -d '|' -f 1 "$work/at_source" "$work/at_target" | sort -u | comm -23 - "$work/equal")
        if [ -z "$left" ]; then
            say "step 3: compared: each bucket was the same on both sides"
            return
        fi
        [ "$left" = "$before" ] && tries=$((tries - 1)) || tries=5
        before=$left
        sleep "${MOVE_RANGE_INTERVAL:-1}"
    done
    complain "buckets that were never the same: $(paste -sd ',' <<<"$left" | cut -c 1-1000)"
    fail "the target does not have what the source has: run this again, or --give-up and begin again"
}

rows_at_source() {
    awk -F '|' '{ split($1, words, " "); rows[words[1]] += $2 }
        END { for (table in rows) print table, rows[table] }' "$work/at_source" | sort | paste -sd ',' | sed 's/,/, /g'
}

# --- step 7: the target takes over

open_target() {
    local server
    # From here on there is no way back.
    is_passed_on=yes
    for server in "$target" "${target_standbys[@]}"; do
        set_buckets "$server" +
        closed=no
    done
    say "step 7: the target takes the calls for the range"
}

# --- step 8: what is no longer needed goes

unsubscribe() {
    look
    if [ "$subscription" = t ]; then
        # Should somebody have written past the setting, that arrives as well.
        catch_up 8
        ask "$target" <<<"DROP SUBSCRIPTION $name"
    elif [ "$slot" != none ]; then
        ask "$source" <<<"SELECT pg_drop_replication_slot('$name') \\g /dev/null"
    fi
    reached unsubscribed
    ask "$source" <<<"DROP PUBLICATION IF EXISTS $name, $imported"
    say "step 8: subscription and publications are gone"
}

# delete_rows CONNECTION TABLE...: by pages, so that no batch steps over what those before it deleted.
delete_rows() {
    local connection=$1 table pages page batch=${MOVE_RANGE_PAGES:-1000} rows deleted
    shift
    for table in "$@"; do
        pages=$(ask "$connection" <<<"
            SELECT pg_relation_size('session_service.$table') / current_setting('block_size')::integer")
        deleted=0
        for ((page = 0; page < pages; page += batch)); do
            rows=$(ask "$connection" <<<"WITH gone AS (DELETE FROM session_service.$table
                    WHERE ctid >= '($page,0)' AND ctid < '($((page + batch)),0)' AND $in_range RETURNING 1)
                SELECT count(*) FROM gone")
            deleted=$((deleted + rows))
            reached deleting
        done
        say "rows of $table deleted: $deleted"
    done
}

clean_source() {
    # As long as there is a subscription, the deletions would arrive at the target.
    look
    [ "$subscription/$slot" = f/none ] && [ "$(holds "$source")" = none ] && [ "$(holds "$target")" = all ] ||
        fail "the target does not hold the range alone: the source keeps its rows"
    delete_rows "$source" external_sessions events sessions devices users
    [ -z "$(tables_with_rows "$source")" ] || fail "the source has rows of the range left"
    delete_orphans
}

# --- all of it

move() {
    local stopped_until
    check
    say "step 1: checks: range $range, buckets $low to $high, may move"
    take_over_stop
    reached checked
    if [ "$target_holds" = all ]; then
        say "step 2 to 6: done already, the target holds the range"
    else
        publish
        reached published
        subscribe
        reached subscribed
        copy
        reached copied
        # So that little is left to wait for
        catch_up 3
        delete_orphans
        [ "$compare_before" = no ] || compare_buckets
        close_source
        catch_up 5
        reached caught_up
        [ "$compare_before" = yes ] || compare
        reached compared
    fi
    open_target
    reached opened
    switch_fronts
    reached fronts_switched
    [ -z "$pgbouncer" ] || switch_pgbouncer
    stopped_until=$EPOCHREALTIME
    reached switched
    unsubscribe
    reached dropped
    clean_source
    if [ -n "${stopped_at:-}" ]; then
        say "range $range has moved: $(rows_at_source); its clients were stopped for $(
            awk -v a="$stopped_at" -v b="$stopped_until" 'BEGIN { printf "%.1f", b - a }'
        ) seconds"
    else
        say "range $range has moved"
    fi
    say "the hashes of its imported tokens stay at the source, which still answers that it does not hold those"
}

# plan STEP DONE WHAT: tells what would be done, or is done already.
plan() {
    local would=would
    [ "$2" = no ] || would='done already:'
    say "step $1: $would $3"
}

tell_plan() {
    local copied=no subscribed=no closed_before=no passed=no
    [ "$source_holds" = all ] || closed_before=yes
    [ "$subscription" = f ] || subscribed=yes
    [ "$target_holds" = none ] || passed=yes copied=yes subscribed=yes
    [ "$publication" = f ] || copied=yes
    say "step 1: checks: range $range, buckets $low to $high, may move"
    plan 2 "$copied" "publish the rows of the range at the source"
    plan 3 "$subscribed" "subscribe at the target, and copy"
    [ -z "$pgbouncer" ] || plan 4 "$passed" "have PgBouncer keep the clients of $alias waiting"
    plan 4 "$closed_before" "take the range out of the source's session_service.buckets"
    plan 5 "$passed" "wait for the rest of the rows"
    plan 6 "$passed" "compare both sides"
    plan 7 "$passed" "put the range into the target's session_service.buckets"
    [ ${#fronts[@]} -eq 0 ] || plan 7 no "tell ${#fronts[@]} fronts"
    [ -z "$pgbouncer" ] || plan 7 no "lead the line of $alias in $pgbouncer_ini to the target, RELOAD and RESUME"
    plan 8 no "drop subscription and publications, and delete the rows of the range at the source"
    say "dry run: nothing was changed"
}

give_up() {
    local server
    check_servers
    look
    [ "$(holds "$target")" = none ] || fail "the target holds the range: there is nothing to give up"
    if [ "$(holds "$source")" = none ]; then
        [ "$subscription" = t ] || fail "the source does not hold the range, and no move of it was begun"
        # It may have been told, and not have noticed.
        set_buckets "$target" -
        for server in "$source" "${source_standbys[@]}"; do
            set_buckets "$server" +
        done
        say "the source takes calls for the range again"
    fi
    if [ "$subscription" = t ]; then
        # Without its slot it would not go.
        [ "$slot" != none ] ||
            ask "$target" <<<"ALTER SUBSCRIPTION $name DISABLE; ALTER SUBSCRIPTION $name SET (slot_name = NONE)"
        ask "$target" <<<"DROP SUBSCRIPTION $name"
    elif [ "$slot" != none ]; then
        ask "$source" <<<"SELECT pg_drop_replication_slot('$name') \\g /dev/null"
    fi
    ask "$source" <<<"DROP PUBLICATION IF EXISTS $name, $imported"
    delete_rows "$target" external_sessions events sessions devices users
    say "given up: the source keeps range $range"
}

case $mode in
move) move ;;
give_up) give_up ;;
dry)
    check
    tell_plan
    ;;
esac
