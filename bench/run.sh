#!/usr/bin/env bash
# The benchmark, from a clone: `bash bench/run.sh [option...]`. Writes bench/RESULTS.md and bench/results.svg.
#
# Installs the Debian packages that are missing (saying which), copies the tree to a private temporary
# workspace, builds there, and starts a PostgreSQL and two Redis servers of its own, which go with the
# workspace at the end. bench/README.md tells what each row measures.
#
#   --quick           smaller tables, fewer and shorter rounds: a few minutes
#   --rows P1,P5      only these rows
#   --sizes S,M,L     sessions in the small, the usual and the large database; L may be 0 for none
#                     (10000,1000000,10000000; quick: 10000,200000,0)
#   --rounds N        interleaved rounds (25; quick: 21)
#   --seconds S       of each side in each round (2; quick: 0.4): many short ones rather than few long ones
#                     keep out what else the machine does
#   --calls N         calls of each function in the row of memory (1000000; quick: 20000)
#   --output DIR      where the results go (bench)
#
#   PG_CONFIG         the pg_config of the server to measure
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for part in packages workspace cluster; do
    # shellcheck source=/dev/null
    . "$top/test/lib/$part.sh"
done

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$top/bench/run.sh"
}

# --- the outer run: packages, workspace, where the results go

outer_run() {
    local status=0
    need_build
    need python3 test -x /usr/bin/python3
    need redis-server command -v redis-server
    need libpq-dev test -e /usr/include/postgresql/libpq-fe.h
    need libhiredis-dev test -e /usr/include/hiredis/hiredis.h
    install_missing
    trap remove_workspace EXIT
    trap 'exit 130' INT TERM HUP
    make_workspace "$top"
    as_unprivileged_user mkdir "$WORKSPACE/results"
    echo "Measuring $("$PG_CONFIG" --version), as user $(unprivileged_user), in $WORKSPACE."
    export quick rows sizes rounds seconds calls
    run_in_workspace bench/run.sh --in-workspace || status=$?
    if [ "$status" -eq 0 ]; then
        mkdir -p "$output"
        cp "$WORKSPACE/results/RESULTS.md" "$WORKSPACE/results/results.svg" "$output/"
        echo "Written: $output/RESULTS.md and $output/results.svg"
    fi
    return "$status"
}

# --- the inner run: servers

start_servers() {
    local kilobytes
    build_extension
    stage_extension
    make -s -j"$(nproc)" -C bench PG_CONFIG="$PG_CONFIG"
    start_cluster
    kilobytes=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    shared_buffers=$((kilobytes / 4096))MB
    # Durable, as in use. No autovacuum and no checkpoint by the clock, which would fall into the rounds
    # of one side and not of the other.
    psql -XqAt <<SQL
ALTER SYSTEM SET fsync = on;
ALTER SYSTEM SET shared_buffers = '$shared_buffers';
ALTER SYSTEM SET max_wal_size = '8GB';
ALTER SYSTEM SET checkpoint_timeout = '1h';
ALTER SYSTEM SET autovacuum = off;
SQL
    restart_server
    start_redis everysec
    start_redis always
}

restart_server() {
    "$BINDIR/pg_ctl" -D "$WORKSPACE/cluster" -l "$WORKSPACE/log/cluster.log" -s -w -m fast restart
}

# start_redis APPENDFSYNC
start_redis() {
    mkdir -p "$WORKSPACE/redis-$1"
    redis-server --port 0 --unixsocket "$WORKSPACE/run/redis-$1" --dir "$WORKSPACE/redis-$1" --save '' \
        --appendonly yes --appendfsync "$1" --auto-aof-rewrite-percentage 0 --daemonize yes \
        --pidfile "$WORKSPACE/run/redis-$1.pid" >"$WORKSPACE/log/redis-$1.log"
    until redis-cli -s "$WORKSPACE/run/redis-$1" ping >/dev/null 2>&1; do sleep 0.1; done
}

stop_servers() {
    local file
    for file in "$WORKSPACE"/run/redis-*.pid; do
        [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null || true
    done
    stop_cluster || true
}

# --- databases and tokens

client() {
    build/bench/client "$@"
}

say() {
    printf '%s  %s\n' "$(date +%T)" "$*"
}

# sql DATABASE [psql's arguments]
sql() {
    local database=$1
    shift
    psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "$@"
}

# make_database NAME SESSIONS [TABLE...]: a database with the extension and, of the peers, those given.
make_database() {
    local name=$1 sessions=$2
    shift 2
    say "filling $name: $sessions sessions"
    sql postgres -c "CREATE DATABASE $name"
    sql "$name" -c 'CREATE EXTENSION session_service' -f bench/sql/plpgsql.sql -f bench/sql/original.sql
    client fill --sessions "$sessions" --now "$now" --spread "$spread" --extension "$name" "$@"
    sql "$name" -c 'VACUUM (FREEZE, ANALYZE)'
}

# Tokens drawn at random: the first half for what only reads, the rest for what spends them, a part for each
# of its rows, since a spent token is no longer good in the next.
draw_tokens() {
    local sessions=$1 name=$2 i
    client fill --sessions "$sessions" --now "$now" --spread "$spread" --tokens "$WORKSPACE/run/all.tokens" \
        --sample 300000
    local part=$(($(wc -l <"$WORKSPACE/run/all.tokens") / 6))
    head -n $((part * 2)) "$WORKSPACE/run/all.tokens" >"$WORKSPACE/run/$name.tokens"
    for i in 1 2 3 4; do
        sed -n "$((part * (i + 1) + 1)),$((part * (i + 2)))p" "$WORKSPACE/run/all.tokens" >"$WORKSPACE/run/$name.spent$i"
    done
    rm "$WORKSPACE/run/all.tokens"
}

set_for_all() {
    sql postgres -c "ALTER DATABASE $1 SET session_service.$2 = '$3'"
}

wanted() {
    local row
    for row in "$@"; do
        case ,$rows, in
        ,, | *,"$row",*) return 0 ;;
        esac
    done
    return 1
}

# compare ROW A B TOKENS [options]: appends a line to the results.
compare() {
    local row=$1 a=$2 b=$3 tokens=$4
    shift 4
    say "$row: $a against $b $*"
    client compare --row "$row" --a "$a" --b "$b" --tokens "$WORKSPACE/run/$tokens" --rounds "$rounds" \
        --seconds "$seconds" "$@" >>"$WORKSPACE/results/compare.tsv"
}

# figure ROW NAME VALUE: a figure of another kind.
figure() {
    printf '%s\t%s\t%s\n' "$@" >>"$WORKSPACE/results/figures.tsv"
}

# --- rows

redis_everysec() { echo "$WORKSPACE/run/redis-everysec"; }
redis_always() { echo "$WORKSPACE/run/redis-always"; }

measure_reads() {
    set_for_all usual touch_interval 1d
    if wanted P1; then
        compare P1 validate:usual select:usual usual.tokens --pin 1
        compare P1 validate:usual select:usual usual.tokens
        compare P1 validate:usual select:usual usual.tokens --clients 8
        compare P1-plpgsql plpgsql_validate:usual select:usual usual.tokens --pin 1
        compare P1-roundtrip validate:usual select_one:usual usual.tokens --pin 1
    fi
    if wanted P3; then
        compare P3 validate:usual "redis_get:$(redis_everysec)" usual.tokens --pin 1
        compare P3 validate:usual "redis_get:$(redis_everysec)" usual.tokens
        compare P3 validate:usual "redis_get:$(redis_everysec)" usual.tokens --clients 8
    fi
    if wanted P4; then
        compare P4 validate_many:usual validate:usual usual.tokens --pin 1
        compare P4 validate_many:usual validate:usual usual.tokens
    fi
    if wanted P7; then
        set_for_all small touch_interval 1d
        local larger=usual
        [ "$large" -eq 0 ] || larger=large
        measure_growth "$larger" --pin 1
        measure_growth "$larger" --clients 8
    fi
}

# Both sides have tokens of their own; a side that has none for its database would measure refusals.
measure_growth() {
    local larger=$1
    shift
    say "P7: validate, $larger against small $*"
    client compare --row P7 --a "validate:$larger" --b validate:small --tokens "$WORKSPACE/run/$larger.tokens" \
        --tokens-b "$WORKSPACE/run/small.tokens" --rounds "$rounds" --seconds "$seconds" "$@" \
        >>"$WORKSPACE/results/compare.tsv"
}

# Last activities as they are after a while: spread over the interval, so that as many fall due in each
# second as in any other.
spread_activity() {
    cut -f 3 "$WORKSPACE/run/usual.tokens" | sql usual -c 'CREATE TEMP TABLE drawn (id uuid)' \
        -c '\copy drawn FROM pstdin' -c "UPDATE session_service.sessions s
            SET last_activity_at = clock_timestamp() - age,
                idle_expires_at = clock_timestamp() - age + interval '7 days'
            FROM (SELECT id, random() * interval '60 seconds' AS age FROM drawn) AS d WHERE s.id = d.id"
    sql usual -c 'VACUUM session_service.sessions' -c 'VACUUM original.sessions' -c CHECKPOINT
}

measure_activity() {
    local options
    wanted P2 P9 || return 0
    set_for_all usual touch_interval 60s
    for options in "--pin 1" "" "--clients 8"; do
        spread_activity
        # shellcheck disable=SC2086
        compare P2 validate:usual original_validate:usual usual.tokens $options
    done
    set_for_all usual touch_interval 1d
}

# A command while pages are not written to WAL whole, as long after a checkpoint: what is left are the records.
without_page_images() {
    sql postgres -c 'ALTER SYSTEM SET full_page_writes = off' -c 'SELECT pg_reload_conf()' >/dev/null
    "$@"
    sql postgres -c 'ALTER SYSTEM RESET full_page_writes' -c 'SELECT pg_reload_conf()' -c CHECKPOINT >/dev/null
}

measure_writes() {
    # Above what the rounds make of one user, so that no sign-in ends a session whose token is needed yet.
    set_for_all usual max_per_user 1000
    if wanted P5; then
        compare P5 create:usual original_create:usual usual.tokens
        compare P5 create:usual original_create:usual usual.tokens --clients 8
        compare P5-checkpoint create:usual original_create:usual usual.tokens --clients 8 --checkpoint 1
        without_page_images compare P5-records create:usual original_create:usual usual.tokens --clients 8
        compare P5-gauge create:usual original_create_gauge:usual usual.tokens
    fi
    if wanted P3; then
        compare P3-create create:usual "redis_set:$(redis_always)" usual.tokens
        compare P3-create create:usual "redis_set:$(redis_always)" usual.tokens --clients 8
        compare P3-everysec create:usual "redis_set:$(redis_everysec)" usual.tokens --clients 8
    fi
    if wanted P6 P9; then
        sql usual -c 'VACUUM session_service.sessions' -c 'VACUUM original.sessions'
        compare P6 refresh:usual original_refresh:usual usual.spent1
        compare P6 refresh:usual original_refresh:usual usual.spent2 --clients 8
        compare P6-checkpoint refresh:usual original_refresh:usual usual.spent3 --clients 8 --checkpoint 1
        without_page_images compare P6-records refresh:usual original_refresh:usual usual.spent4 --clients 8
    fi
}

measure_storage() {
    wanted P8 || return 0
    say "P8: bytes on disk"
    local table
    for table in session_service.sessions session_service.devices session_service.users session_service.events \
        original.sessions original.users; do
        figure P8 "$table" "$(sql usual -c "SELECT pg_total_relation_size('$table')::numeric / $usual")"
        figure P8-heap "$table" "$(sql usual -c "SELECT pg_relation_size('$table')::numeric / $usual")"
    done
}

seconds_of() {
    local began=$EPOCHREALTIME
    "$@" >/dev/null
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}

# repeat_line COUNT LINE
repeat_line() {
    local i
    for ((i = 0; i < $1; ++i)); do echo "$2"; done
}

# Until nothing is left, a transaction each.
clean() {
    repeat_line $((over / 10000 + 2)) 'SELECT session_service.cleanup_sessions();' | sql "$1"
}

delete_plainly() {
    sql "$1" -c "DELETE FROM session_service.sessions WHERE revoked_at <= now() - interval '30 days'"
}

copy_database() {
    sql postgres -c 'SET client_min_messages = warning' -c 'DROP DATABASE IF EXISTS copied' -c "CREATE DATABASE copied TEMPLATE over STRATEGY file_copy" \
        -c CHECKPOINT
    # Into memory, so that both begin alike.
    sql copied -c 'SELECT count(metadata) FROM session_service.sessions' >/dev/null
}

measure_cleanup() {
    wanted P10 || return 0
    local half=$((usual / 2)) round idle busy idle_p99 busy_p99 seconds_needed cleaner
    [ "$quick" = yes ] || half=$usual
    make_database over $((half * 2))
    # Every other session is over, for longer than the retention.
    sql over -c "UPDATE session_service.sessions SET revoked_at = now() - interval '40 days',
            revoke_reason = 'User logout', purge_after = now() - interval '40 days'
            WHERE get_byte(uuid_send(id), 15) & 1 = 1" -c 'VACUUM (ANALYZE)'
    over=$(sql over -c "SELECT count(*) FROM session_service.sessions WHERE revoked_at IS NOT NULL")
    for round in 1 2 3; do
        say "P10: cleaning $over sessions, round $round"
        copy_database
        seconds_needed=$(seconds_of clean copied)
        figure P10 cleanup "$(awk -v n="$over" -v s="$seconds_needed" 'BEGIN { print n / s }')"
        copy_database
        figure P10 delete "$(awk -v n="$over" -v s="$(seconds_of delete_plainly copied)" 'BEGIN { print n / s }')"
        [ "$quick" != yes ] || break
    done
    say "P10: validation during cleanup"
    draw_tokens $((half * 2)) over
    awk -F '\t' '$3 ~ /[02468ace]$/' "$WORKSPACE/run/over.tokens" >"$WORKSPACE/run/alive.tokens"
    copy_database
    set_for_all copied touch_interval 1d
    idle=$(client alone --side validate:copied --tokens "$WORKSPACE/run/alive.tokens" --seconds "$seconds_needed")
    clean copied >/dev/null &
    cleaner=$!
    busy=$(client alone --side validate:copied --tokens "$WORKSPACE/run/alive.tokens" --seconds "$seconds_needed")
    wait "$cleaner"
    idle_p99=$(cut -f 4 <<<"$idle")
    busy_p99=$(cut -f 4 <<<"$busy")
    figure P10 p99-idle "$idle_p99"
    figure P10 p99-busy "$busy_p99"
    figure P10 p50-idle "$(cut -f 3 <<<"$idle")"
    figure P10 p50-busy "$(cut -f 3 <<<"$busy")"
    figure P10 rows "$over"
    sql postgres -c 'DROP DATABASE copied' -c 'DROP DATABASE over'
}

measure_memory() {
    wanted P11 || return 0
    local failing=$calls
    [ "$failing" -le 100000 ] || failing=100000
    say "P11: $calls calls of each function"
    client memory --database usual --tokens "$WORKSPACE/run/usual.tokens" --calls "$calls" --failing-calls "$failing" \
        >"$WORKSPACE/results/memory.tsv"
}

measure_first_call() {
    wanted P12 || return 0
    say "P12: first calls"
    client first --database usual --tokens "$WORKSPACE/run/usual.tokens" --connections 50 |
        while IFS=$'\t' read -r name _ first second; do
            figure P12 "$name, first" "$first"
            figure P12 "$name, second" "$second"
        done
}

# The fastest of five, in milliseconds, of one statement after the first.
milliseconds_of() {
    { echo '\timing on'; repeat_line 6 "$2;"; } | sql "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 5 |
        sort -g | head -n 1
}

measure_refusals() {
    wanted P13 || return 0
    say "P13: refusals"
    local bytes=1073000000 calls_made=100000 total
    [ "$quick" != yes ] || bytes=100000000
    sql usual -c "CREATE TABLE public.large AS SELECT repeat('s', $bytes) AS token" \
        -c "INSERT INTO public.large SELECT 'sst_' || left(token, -4) FROM public.large"
    figure P13 bytes "$bytes"
    figure P13 large "$(milliseconds_of usual \
        'SELECT count(v.session_id) FROM public.large, LATERAL session_service.validate_session(token) v')"
    total=$(milliseconds_of usual "SELECT count(v.session_id) FROM generate_series(1, $calls_made) n,
        LATERAL session_service.validate_session('sst_' || rpad(n::text, 71, 'A')) v")
    figure P13 malformed "$(awk -v t="$total" -v n="$calls_made" 'BEGIN { print t * 1000 / n }')"
    sql usual -c 'DROP TABLE public.large'
}

describe_setup() {
    {
        echo "server	$(sql postgres -c 'SHOW server_version')"
        echo "redis	$(redis-server --version | sed 's/.* v=\([0-9.]*\).*/\1/')"
        echo "processors	$(nproc) x $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)"
        echo "memory	$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo)"
        echo "kernel	$(uname -sr)"
        echo "shared_buffers	$shared_buffers"
        echo "sizes	$small, $usual, $large"
        echo "rounds	$rounds"
        echo "seconds	$seconds"
        echo "calls	$calls"
        echo "quick	$quick"
        echo "date	$(date -u +%F)"
        echo "load	$(cut -d ' ' -f 1 /proc/loadavg)"
    } >"$WORKSPACE/results/setup.tsv"
}

inner_run() {
    local now spread=21600
    trap stop_servers EXIT
    trap 'exit 130' INT TERM HUP
    IFS=, read -r small usual large <<<"$sizes"
    # Created within the last six hours: no activity is due at an interval of a day.
    now=$(date +%s)000000
    say "building"
    start_servers
    describe_setup
    : >"$WORKSPACE/results/compare.tsv"
    : >"$WORKSPACE/results/figures.tsv"
    : >"$WORKSPACE/results/memory.tsv"
    make_database usual "$usual" --original usual
    draw_tokens "$usual" usual
    if wanted P7; then
        make_database small "$small"
        draw_tokens "$small" small
        if [ "$large" -gt 0 ]; then
            make_database large "$large"
            draw_tokens "$large" large
            set_for_all large touch_interval 1d
        fi
    fi
    if wanted P3; then
        say "filling Redis: $usual keys"
        client fill --sessions "$usual" --now "$now" --spread "$spread" --redis "$(redis_everysec)"
    fi
    sql postgres -c CHECKPOINT
    measure_storage
    measure_reads
    measure_first_call
    measure_refusals
    measure_activity
    measure_writes
    measure_memory
    measure_cleanup
    python3 bench/report.py "$WORKSPACE/results"
}

if [ "${1:-}" = --in-workspace ]; then
    # With the options that the outer run exported.
    inner_run
    exit
fi
quick=no rows= sizes= rounds= seconds= calls= output=$top/bench
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --rows | --sizes | --rounds | --seconds | --calls | --output)
        [ $# -gt 1 ] || { usage >&2; exit 2; }
        declare "${1#--}=$2"
        shift
        ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
if [ "$quick" = yes ]; then
    : "${sizes:=10000,200000,0}" "${rounds:=21}" "${seconds:=0.4}" "${calls:=20000}"
else
    : "${sizes:=10000,1000000,10000000}" "${rounds:=25}" "${seconds:=2}" "${calls:=1000000}"
fi
outer_run
