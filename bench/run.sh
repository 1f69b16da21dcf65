#!/usr/bin/env bash
# The benchmark, from a clone: `bash bench/run.sh [option...]`. Writes bench/RESULTS.md and its plots.
#
# Installs the Debian packages that are missing (saying which), copies the tree to a private temporary
# workspace, builds there, and starts a PostgreSQL and two Redis servers of its own, which go with the
# workspace at the end. bench/README.md tells what each row measures.
#
#   --quick           smaller tables, fewer and shorter rounds: a few minutes
#   --rows P1,P5      only these rows, with those whose names begin alike; P1-text, P1-cold, and those
#                     that end in -trigger and -statement, also alone
#   --sizes S,M,L     sessions in the small, the usual and the large database; L may be 0 for none
#                     (10000,1000000,10000000; quick: 10000,200000,0)
#   --rounds N        interleaved rounds (15; quick: 7); in the rows of growth twice as many
#   --seconds S       of each side in each round (0.6; quick: 0.3): many short ones rather than few long ones
#                     keep out what else the machine does
#   --calls N         calls of each function in the row of memory (1000000; quick: 20000), a tenth where they
#                     fail; fewer of those that take more than --call-seconds (7; quick: 0.2)
#   --call-seconds S
#   --output DIR      where the results go (bench)
#   --as-is           the machine as it is. Otherwise root gives the server huge pages and keeps the processors
#                     from going to sleep, and takes both back at the end
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

# --- the machine, as far as root may set it up

# PostgreSQL's advice for large shared buffers. What is not had, the server does without.
reserve_huge_pages() {
    local kilobytes needed target setting=/proc/sys/vm/nr_hugepages
    [ -w "$setting" ] || return 0
    kilobytes=$(meminfo Hugepagesize)
    # Its other shared memory is less than 5 % of large buffers, or 64 MB.
    needed=$(((shared_buffers + 64) * 1075 / kilobytes + 1))
    [ "$(meminfo HugePages_Free)" -lt "$needed" ] || return 0
    huge_pages_before=$(cat "$setting")
    target=$((huge_pages_before - $(meminfo HugePages_Free) + needed))
    echo "$target" >"$setting"
    if [ "$(meminfo HugePages_Free)" -lt "$needed" ]; then
        # What is cached of files may be in the way.
        sync
        echo 3 >/proc/sys/vm/drop_caches
        echo "$target" >"$setting"
    fi
    echo "Reserves huge pages while it runs: $(cat "$setting"); there were $huge_pages_before."
}

# meminfo NAME: a number of /proc/meminfo.
meminfo() {
    sed -n "s/^$1: *\([0-9]*\).*/\1/p" /proc/meminfo
}

give_huge_pages_back() {
    [ -z "$huge_pages_before" ] || echo "$huge_pages_before" >/proc/sys/vm/nr_hugepages
}

# The kernel's interface for it: processors sleep no deeper than in so many microseconds they would wake up, as long
# as the file is open. Everything that runs inherits it, so the inner run may change the number.
hold_processors() {
    [ -w /dev/cpu_dma_latency ] || return 0
    { exec {processors}>/dev/cpu_dma_latency; } 2>/dev/null || { processors= && return 0; }
    keep_processors_awake
    echo "Keeps the processors from going to sleep while it runs."
}

keep_processors_awake() {
    printf '\x00\x00\x00\x00' >&"$processors"
}

# The kernel's default, 2000 seconds
let_processors_sleep() {
    printf '\x00\x94\x35\x77' >&"$processors"
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
    trap 'remove_workspace || true; give_huge_pages_back' EXIT
    trap 'exit 130' INT TERM HUP
    make_workspace "$top"
    require_space
    if [ "$as_is" = no ]; then
        reserve_huge_pages
        hold_processors
    fi
    as_unprivileged_user mkdir "$WORKSPACE/results"
    echo "Measuring $("$PG_CONFIG" --version), as user $(unprivileged_user), in $WORKSPACE."
    export quick rows sizes rounds seconds calls call_seconds shared_buffers processors
    run_in_workspace bench/run.sh --in-workspace || status=$?
    if [ "$status" -eq 0 ]; then
        mkdir -p "$output"
        cp "$WORKSPACE"/results/*.{md,svg} "$output/"
        echo "Written: $output/RESULTS.md and its plots"
    fi
    return "$status"
}

# Some 1.3 kB for each session, its device and their indexes, and as much for the peer's; the cleaned database
# has twice the usual number, and a copy; each of four shards is a copy of the usual one; WAL up to 8 GB.
require_space() {
    local small usual large needed free
    IFS=, read -r small usual large <<<"$sizes"
    needed=$(((small + large + usual * 11) * 13 / 10000000 + 9))
    free=$(df -P -k "$WORKSPACE" | awk 'NR == 2 { print int($4 / 1000000) }')
    if [ "$free" -lt "$needed" ]; then
        echo "$needed GB of disk are needed in ${TMPDIR:-/tmp} (TMPDIR), $free are free; --sizes makes it less." >&2
        exit 2
    fi
}

# --- the inner run: servers

start_servers() {
    # As it is installed.
    DEVELOPER=no build_extension
    stage_extension
    make -s -j"$(nproc)" -C bench PG_CONFIG="$PG_CONFIG"
    without_processors start_cluster
    # Durable, as in use. No autovacuum and no checkpoint by the clock, which would fall into the rounds
    # of one side and not of the other.
    psql -XqAt <<SQL
ALTER SYSTEM SET fsync = on;
ALTER SYSTEM SET shared_buffers = '${shared_buffers}MB';
ALTER SYSTEM SET max_wal_size = '8GB';
ALTER SYSTEM SET checkpoint_timeout = '1h';
ALTER SYSTEM SET autovacuum = off;
-- While it is filled.
ALTER SYSTEM SET wal_level = minimal;
ALTER SYSTEM SET max_wal_senders = 0;
SQL
    # As README.md advises.
    [ "$(sql postgres -c 'SHOW server_version_num')" -ge 170000 ] ||
        sql postgres -c 'ALTER SYSTEM SET wal_writer_flush_after = 0'
    restart_server
    start_redis everysec
    start_redis always
}

restart_server() {
    without_processors "$BINDIR/pg_ctl" -D "$WORKSPACE/cluster" -l "$WORKSPACE/log/cluster.log" -s -w -m fast restart
}

# Starts a command that outlives this script if that is killed, and is not to hold the processors then.
without_processors() {
    if [ -n "$processors" ]; then
        eval '"$@"' "$processors>&-"
    else
        "$@"
    fi
}

# start_redis APPENDFSYNC
start_redis() {
    mkdir -p "$WORKSPACE/redis-$1"
    without_processors redis-server --port 0 --unixsocket "$WORKSPACE/run/redis-$1" --dir "$WORKSPACE/redis-$1" \
        --save '' --appendonly yes --appendfsync "$1" --auto-aof-rewrite-percentage 0 --daemonize yes \
        --pidfile "$WORKSPACE/run/redis-$1.pid" >"$WORKSPACE/log/redis-$1.log"
    until redis-cli -s "$WORKSPACE/run/redis-$1" ping >/dev/null 2>&1; do sleep 0.1; done
}

# Whether the server got its shared memory in huge pages.
are_pages_huge() {
    local pid
    pid=$(head -n 1 "$WORKSPACE/cluster/postmaster.pid")
    awk '/^(Shared|Private)_Hugetlb/ { sum += $2 } END { print (sum > 0 ? "yes" : "") }' "/proc/$pid/smaps"
}

stop_servers() {
    local file
    for file in "$WORKSPACE"/run/redis-*.pid; do
        [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null || true
    done
    stop_cluster || true
}

# As in use, with a standby: a write may cost more WAL than where wal_level is minimal.
restart_as_in_use() {
    sql postgres -c 'ALTER SYSTEM RESET wal_level' -c 'ALTER SYSTEM RESET max_wal_senders' -c CHECKPOINT
    restart_server
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

# make_database NAME SESSIONS [options of the client]: a database with the extension and the peers' schemas.
make_database() {
    local name=$1 sessions=$2
    shift 2
    say "filling $name: $sessions sessions"
    sql postgres -c "CREATE DATABASE $name"
    sql "$name" -c 'CREATE EXTENSION session_service' -f bench/sql/bare_select.sql -f bench/sql/plpgsql.sql \
        -f bench/sql/original.sql
    client fill --sessions "$sessions" --now "$now" --spread "$spread" --extension "$name" "$@"
    sql "$name" -c 'VACUUM (FREEZE, ANALYZE)'
    # No activity is due, if not said otherwise.
    set_for_all "$name" touch_interval 1d
}

# draw_tokens NAME SESSIONS [SAMPLE]: tokens drawn at random, to be read.
draw_tokens() {
    client fill --sessions "$2" --now "$now" --spread "$spread" \
        --tokens "$WORKSPACE/run/$1.tokens" --sample "${3:-100000}"
}

# As many lines as of the others, each token several times: the client's own memory is as large at each size.
repeat_tokens() {
    local file=$WORKSPACE/run/$1.tokens lines i
    lines=$(wc -l <"$file")
    mv "$file" "$file.once"
    for ((i = 0; i < 100000 / lines; ++i)); do cat "$file.once"; done >"$file"
    rm "$file.once"
}

# The same, a third for what only reads, the rest for what spends them, a part for each of its rows, since a
# spent token is no longer good in the next.
draw_tokens_to_spend() {
    local name=$1 part i
    draw_tokens "$name" "$2" 300000
    mv "$WORKSPACE/run/$name.tokens" "$WORKSPACE/run/all.tokens"
    part=$(($(wc -l <"$WORKSPACE/run/all.tokens") / 7))
    head -n $((part * 2)) "$WORKSPACE/run/all.tokens" >"$WORKSPACE/run/$name.tokens"
    for i in 1 2 3 4 5; do
        sed -n "$((part * (i + 1) + 1)),$((part * (i + 2)))p" "$WORKSPACE/run/all.tokens" \
            >"$WORKSPACE/run/$name.spent$i"
    done
    rm "$WORKSPACE/run/all.tokens"
}

# Reads a database into shared buffers, as far as there is room: of the large one the drawn sessions.
read_in() {
    if [ "$1" != large ] && sql "$1" -c 'CREATE EXTENSION IF NOT EXISTS pg_prewarm' 2>/dev/null; then
        sql "$1" -c "SELECT sum(pg_prewarm(oid)) FROM pg_class WHERE relkind IN ('r', 'i')
            AND relnamespace IN ('session_service'::regnamespace, 'original'::regnamespace)" >/dev/null
    fi
    cut -f 3 "$WORKSPACE/run/$1.tokens" | sql "$1" -c 'CREATE TEMP TABLE drawn (id uuid)' \
        -c '\copy drawn FROM pstdin' -c 'ANALYZE drawn' \
        -c 'SET enable_hashjoin = off' -c 'SET enable_mergejoin = off' -c 'SET max_parallel_workers_per_gather = 0' \
        -c 'SELECT count(s.metadata) FROM drawn JOIN session_service.sessions s USING (id)' >/dev/null
}

set_for_all() {
    sql postgres -c "ALTER DATABASE $1 SET session_service.$2 = '$3'"
}

# wanted ROW...: whether one of them was asked for, itself or by what its name begins with: P1-text by P1.
wanted() {
    local row
    for row in "$@"; do
        case ,$rows, in
        ,, | *,"$row",* | *,"${row%%-*}",*) return 0 ;;
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

# A comparison while the processors may go to sleep, which the others keep them from.
asleep() {
    [ -n "$processors" ] || return 0
    let_processors_sleep
    "$@"
    keep_processors_awake
}

# figure ROW NAME VALUE [ROW NAME VALUE...]: figures of another kind. Ends where one could not be had: what comes after
# would be measured for nothing.
figure() {
    local i
    for ((i = 3; i <= $#; i += 3)); do
        [ -n "${!i}" ] || {
            say "no figure: ${*:i-2:2}"
            exit 1
        }
    done
    printf '%s\t%s\t%s\n' "$@" >>"$WORKSPACE/results/figures.tsv"
}

# --- rows

redis_everysec() { echo "$WORKSPACE/run/redis-everysec"; }
redis_always() { echo "$WORKSPACE/run/redis-always"; }

measure_reads() {
    local options
    if wanted P1; then
        compare P1 validate:usual select:usual usual.tokens --pin 1
        compare P1 validate:usual select:usual usual.tokens
        compare P1 validate:usual select:usual usual.tokens --clients 8
        asleep compare P1-asleep validate:usual select:usual usual.tokens
        compare P1-wide validate:usual select:usual wide.tokens --pin 1
        compare P1-plpgsql plpgsql_validate:usual select:usual usual.tokens --pin 1
        compare P1-roundtrip validate:usual select_one:usual usual.tokens --pin 1
    fi
    for options in "--pin 1" "" "--clients 8"; do
        # shellcheck disable=SC2086
        ! wanted P1-text || compare P1-text validate_text:usual select_text:usual usual.tokens $options
        # shellcheck disable=SC2086
        ! wanted P1-cold || compare P1-cold validate:usual select:usual usual.tokens --fresh 1 \
            --rounds $(((rounds + 1) / 2)) --seconds 3 $options
    done
    if wanted P3; then
        compare P3 validate:usual "redis_get:$(redis_everysec)" usual.tokens --pin 1
        compare P3 validate:usual "redis_get:$(redis_everysec)" usual.tokens
        compare P3 validate:usual "redis_get:$(redis_everysec)" usual.tokens --clients 8
        asleep compare P3-asleep validate:usual "redis_get:$(redis_everysec)" usual.tokens
    fi
    if wanted P3-user; then
        for options in "--pin 1" "" "--clients 8"; do
            # shellcheck disable=SC2086
            compare P3-user validate_user:usual "redis_get:$(redis_everysec)" usual.tokens $options
            # No question in SQL costs less than this one.
            # shellcheck disable=SC2086
            compare P3-user-limit select_one:usual "redis_get:$(redis_everysec)" usual.tokens $options
        done
        compare P3-user-row validate_user:usual validate:usual usual.tokens --pin 1
        compare P3-user-row validate_user:usual validate:usual usual.tokens
    fi
    if wanted P3-batch; then
        compare P3-batch validate_100:usual "redis_mget_100:$(redis_everysec)" usual.tokens --pin 1
        compare P3-batch validate_100:usual "redis_mget_100:$(redis_everysec)" usual.tokens
    fi
    if wanted P4; then
        compare P4 validate_100:usual validate:usual usual.tokens --pin 1
        compare P4 validate_100:usual validate:usual usual.tokens
        compare P4-1000 validate_1000:usual validate:usual usual.tokens --pin 1
        compare P4-1000 validate_1000:usual validate:usual usual.tokens
    fi
}

measure_growth() {
    local databases=small,usual options
    wanted P7 || return 0
    [ "$large" -eq 0 ] || databases+=,large
    for options in "--pin 1" "--clients 8"; do
        say "P7: validate_session and SELECT in $databases $options"
        # shellcheck disable=SC2086
        client growth --row P7 --sides validate,select --databases "$databases" --tokens "$WORKSPACE/run" \
            --rounds $((rounds * 2)) --seconds "$seconds" $options >>"$WORKSPACE/results/growth.tsv"
    done
}

# It needs the most room.
drop_large_database() {
    sql postgres -c 'SET client_min_messages = warning' -c 'DROP DATABASE IF EXISTS large'
}

# Activity as it is after a while: the last one of each session lies anywhere within the touch interval, so that as many
# fall due in each second as in any other, and what fell due meanwhile is written. The sessions of both sides were
# written since the last checkpoint, as most are at any time: a page is written to WAL whole once in a checkpoint's
# interval, a session's activity five times in the shortest usual one.
#
# The interval is to be 60 seconds of work. The other side has every second slice, in which A's sessions grow
# older as well, so it is twice as long by the clock.
spread_activity() {
    local interval=120s
    set_for_all usual touch_interval "$interval"
    cut -f 1,3,9 "$WORKSPACE/run/usual.tokens" | sql usual -c CHECKPOINT \
        -c 'CREATE TEMP TABLE drawn (token text, id uuid, peer_token text)' -c '\copy drawn FROM pstdin' \
        -c "UPDATE session_service.sessions s
            SET last_activity_at = clock_timestamp() - age,
                idle_expires_at = clock_timestamp() - age + interval '7 days',
                purge_after = date_trunc('day', clock_timestamp() - age + interval '7 days', 'UTC')
            FROM (SELECT id, random() * interval '$interval' AS age FROM drawn) AS d WHERE s.id = d.id" \
        -c "UPDATE original.sessions SET last_activity_at = clock_timestamp()
            FROM drawn WHERE token_hash = encode(sha256(peer_token::bytea), 'hex')" \
        -c 'VACUUM session_service.sessions' -c 'VACUUM original.sessions' \
        -c 'SELECT count(v.session_id) FROM drawn, LATERAL session_service.validate_session(token) v' >/dev/null
}

measure_activity() {
    local options long
    wanted P2 P9 || return 0
    # Half as many slices, four times as long: each of B's leaves the processor's caches full of B's rows.
    long="--rounds $(((rounds + 1) / 2)) --seconds $(awk -v s="$seconds" 'BEGIN { print s * 4 }')"
    for options in "--pin 1" "" "--clients 8 --pin 1" "--clients 8"; do
        spread_activity
        # shellcheck disable=SC2086
        compare P2 validate:usual original_validate:usual usual.tokens $long $options
    done
    spread_activity
    # shellcheck disable=SC2086
    compare P2-checkpoint validate:usual original_validate:usual usual.tokens $long --clients 8 --checkpoint 1
    if [ -n "$processors" ]; then
        spread_activity
        # shellcheck disable=SC2086
        asleep compare P2-asleep validate:usual original_validate:usual usual.tokens $long
    fi
    set_for_all usual touch_interval 1d
}

measure_touches() {
    wanted P4 || return 0
    compare P4-touch touch_100:usual touch_1:usual usual.tokens --pin 1
    compare P4-touch touch_100:usual touch_1:usual usual.tokens
    compare P4-touch-1000 touch_1000:usual touch_1:usual usual.tokens
}

# A table to which a DBA added something, beside the same as the extension made it.
measure_additions() {
    wanted P1-trigger P2-trigger P1-statement P2-statement || return 0
    copy_database usual
    sql copied -c "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'" \
        -c 'CREATE TRIGGER keep BEFORE UPDATE ON session_service.sessions FOR EACH ROW EXECUTE FUNCTION public.keep()'
    compare_addition trigger
    # Then nothing of the table is read or written but by statement.
    sql copied -c 'DROP TRIGGER keep ON session_service.sessions' \
        -c 'CREATE TABLE public.child () INHERITS (session_service.sessions)'
    compare_addition statement
    sql postgres -c 'DROP DATABASE copied'
}

# Without activity due, and with it at each call.
compare_addition() {
    set_for_all copied touch_interval 1d
    ! wanted "P1-$1" || compare "P1-$1" validate:copied validate:usual usual.tokens --pin 1
    set_for_all copied touch_interval 0
    set_for_all usual touch_interval 0
    ! wanted "P2-$1" || compare "P2-$1" validate:copied validate:usual usual.tokens --pin 1
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
    if wanted P14; then
        # Of the first ones only, so that both sides work on as many sessions.
        head -n 2000 "$WORKSPACE/run/usual.spent5" >"$WORKSPACE/run/usual.few"
        sql usual -c 'VACUUM session_service.sessions'
        compare P14-proof validate_proof:usual validate:usual usual.few
        compare P14 refresh_bound:usual refresh:usual usual.few
    fi
}

# Four shards, all of this server, each with all the rows of the usual database and a quarter of the buckets: what a
# front costs, and the choice of a shard in the application.
measure_several_servers() {
    local shard
    wanted P16 || return 0
    say "P16: making four shards and a front"
    sql postgres -c 'CREATE DATABASE front'
    sql front -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION session_service_front CASCADE'
    for shard in 0 1 2 3; do
        sql postgres -c "CREATE DATABASE shard$shard TEMPLATE usual STRATEGY file_copy" \
            -c "ALTER DATABASE shard$shard SET session_service.buckets = '$((shard * 1024))-$((shard * 1024 + 1023))'"
        sql "shard$shard" -c 'SELECT count(metadata) FROM session_service.sessions' >/dev/null
        sql front -c "INSERT INTO session_service_front.shards VALUES
                ('shard$shard', 'host=$PGHOST dbname=shard$shard')" \
            -c "INSERT INTO session_service_front.ranges
                SELECT range, 'shard$shard' FROM generate_series($shard * 4, $shard * 4 + 3) range"
    done
    sql postgres -c CHECKPOINT
    sql front -c 'SELECT session_service_front.apply()' >/dev/null
    # Few, since each connection reads each of them once before it is measured.
    head -n 10000 "$WORKSPACE/run/usual.tokens" >"$WORKSPACE/run/usual.some"
    compare P16 validate:front validate:usual usual.some
    compare P16 validate:front validate:usual usual.some --clients 8
    compare P16-batch validate_100:front validate_100:usual usual.some
    compare P16-batch validate_100:front validate_100:usual usual.some --clients 8
    compare P16-routed validate_routed:shard validate:usual usual.some
    compare P16-routed validate_routed:shard validate:usual usual.some --clients 8
    sql postgres -c 'DROP DATABASE front' -c 'DROP DATABASE shard0' -c 'DROP DATABASE shard1' \
        -c 'DROP DATABASE shard2' -c 'DROP DATABASE shard3'
}

# Dead sessions that wait for cleanup, and those that a transaction itself leaves.
measure_dead_sessions() {
    local user=00000000-0000-4000-8000-00000000000 dead=120000 some=4000 name call
    wanted P15 || return 0
    [ "$quick" != yes ] || { dead=12000 some=1000; }
    say "P15: a user with $dead dead sessions"
    sql usual -c 'SET session_service.max_per_user = 10' -c "SELECT count(c.token) FROM generate_series(1, 10) i,
            LATERAL session_service.create_session('${user}1', device_key => (i % 5)::text) c" \
        -c "SELECT count(c.token) FROM generate_series(1, $dead + 10) i,
            LATERAL session_service.create_session('${user}2', device_key => (i % 5)::text) c" \
        -c 'VACUUM (ANALYZE) session_service.sessions' >/dev/null
    figure P15 list-few "$(milliseconds_of usual "SELECT count(*) FROM session_service.list_user_devices('${user}1')")"
    figure P15 list-many "$(milliseconds_of usual "SELECT count(*) FROM session_service.list_user_devices('${user}2')")"
    for name in sign-ins imports; do
        call="session_service.create_session('${user}3', device_key => (i % 5)::text)"
        [ "$name" = sign-ins ] ||
            call="session_service.import_session(session_service.hash_token('dead' || i), '${user}3',
                clock_timestamp() + interval '1 day', device_key => (i % 5)::text)"
        say "P15: $name of one user in one transaction"
        figure P15 "$name-few" "$(milliseconds_of_rolled_back "$some" "$call")" \
            P15 "$name-many" "$(milliseconds_of_rolled_back $((some * 2)) "$call")"
    done
}

# milliseconds_of_rolled_back TIMES CALL: of so many calls in one transaction, the fastest of three.
milliseconds_of_rolled_back() {
    repeat_line 3 "\\timing off
BEGIN; SET LOCAL session_service.max_per_user = 10;
\\timing on
DO \$\$ BEGIN FOR i IN 1 .. $1 LOOP PERFORM $2; END LOOP; END \$\$;
\\timing off
ROLLBACK;" | sql usual | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | sort -g | head -n 1
}

# What an operator does, in a small table and in the largest.
measure_search() {
    local database name
    wanted P18 || return 0
    for name in small large; do
        database=$name
        [ -e "$WORKSPACE/run/$database.tokens" ] || database=usual
        say "P18: sessions of all users, in $database"
        figure P18 "page-$name" "$(milliseconds_of_page "$database")"
        figure P18 "rows-$name" "$(sql "$database" -c 'SELECT count(*) FROM session_service.sessions')"
        figure P18 "all-$name" \
            "$(repeat_line 1 "$nothing_found" | sql "$database" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p')"
        figure P18 "memory-$name" "$({ echo "$nothing_found" && echo "$own_memory"; } | sql "$database" | tail -n 1)"
    done
}

# Leaves dead rows in the table, though it is rolled back.
measure_mass_revocation() {
    wanted P18 || return 0
    figure P18 ended "$(milliseconds_of_rolled_back 1 "session_service.revoke_sessions(network => '0.0.0.0/0')")"
}

# Of a page of 100, five thousand sessions before the end.
milliseconds_of_page() {
    {
        echo 'SELECT id AS after FROM session_service.sessions ORDER BY id DESC OFFSET 5000 LIMIT 1 \gset'
        echo '\timing on'
        repeat_line 6 "SELECT count(*) FROM session_service.list_sessions(include_inactive => true, after => :'after');"
    } | sql "$1" | fastest_after_first
}

# Reads all sessions, none of which comes from there.
nothing_found='\timing on
SELECT count(*) FROM session_service.list_sessions(network => $$203.0.113.255$$);
\timing off'
own_memory="SELECT substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s*(\d+)')"

measure_notifications() {
    wanted P17 || return 0
    compare P17 sign_in_out_notify:usual sign_in_out:usual usual.tokens
    compare P17 sign_in_out_notify:usual sign_in_out:usual usual.tokens --clients 8
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
    repeat_line $((usual / 10000 + 2)) 'SELECT session_service.cleanup_sessions();' | sql "$1"
}

delete_plainly() {
    sql "$1" -c "DELETE FROM session_service.sessions WHERE revoked_at <= now() - interval '30 days'"
}

# copy_database NAME: as the database copied.
copy_database() {
    sql postgres -c 'SET client_min_messages = warning' -c 'DROP DATABASE IF EXISTS copied' \
        -c "CREATE DATABASE copied TEMPLATE $1 STRATEGY file_copy" -c CHECKPOINT
    # Into memory, so that both begin alike.
    sql copied -c 'SELECT count(metadata) FROM session_service.sessions' >/dev/null
}

# Twice as many sessions as are cleaned: every other one is over, for longer than the retention.
make_cleaned_database() {
    local half=$((usual / 2))
    [ "$quick" = yes ] || half=$usual
    make_database over $((half * 2)) --bulk 1
    draw_tokens over $((half * 2))
    awk -F '\t' '$3 ~ /[02468ace]$/' "$WORKSPACE/run/over.tokens" >"$WORKSPACE/run/alive.tokens"
    sql over -c "UPDATE session_service.sessions SET revoked_at = now() - interval '40 days',
            revoke_reason = 'User logout', purge_after = now() - interval '40 days'
            WHERE get_byte(uuid_send(id), 15) & 1 = 1" -c 'VACUUM (ANALYZE)'
}

# latencies WHEN LINE: the percentiles of what `client alone` printed.
latencies() {
    local p50 p95 p99 p999
    read -r _ _ p50 p95 p99 p999 <<<"$2"
    figure P10 "p50-$1" "$p50" P10 "p95-$1" "$p95" P10 "p99-$1" "$p99" P10 "p99.9-$1" "$p999"
}

measure_cleanup() {
    local round idle over seconds_needed validating cleaner
    wanted P10 || return 0
    over=$(sql over -c "SELECT count(*) FROM session_service.sessions WHERE revoked_at IS NOT NULL")
    figure P10 rows "$over"
    for round in 1 2; do
        say "P10: cleaning $over sessions, round $round"
        copy_database over
        seconds_needed=$(seconds_of clean copied)
        figure P10 cleanup "$(awk -v n="$over" -v s="$seconds_needed" 'BEGIN { print n / s }')"
        copy_database over
        figure P10 delete "$(awk -v n="$over" -v s="$(seconds_of delete_plainly copied)" 'BEGIN { print n / s }')"
        [ "$quick" != yes ] || break
    done
    say "P10: validation during cleanup"
    copy_database over
    idle=$(client alone --side validate:copied --tokens "$WORKSPACE/run/alive.tokens" --seconds 5)
    # As long as cleanup would take alone: it takes longer beside this.
    mkfifo "$WORKSPACE/run/warm"
    client alone --side validate:copied --tokens "$WORKSPACE/run/alive.tokens" --seconds "$seconds_needed" \
        --tell "$WORKSPACE/run/warm" >"$WORKSPACE/run/busy" &
    validating=$!
    read -r <"$WORKSPACE/run/warm"
    seconds_of clean copied >"$WORKSPACE/run/cleaned" &
    cleaner=$!
    wait "$validating"
    kill -0 "$cleaner" || say "P10: cleanup ended before the validations beside it did"
    wait "$cleaner"
    figure P10 cleanup-busy "$(awk -v n="$over" -v s="$(cat "$WORKSPACE/run/cleaned")" 'BEGIN { print n / s }')"
    latencies idle "$idle"
    latencies busy "$(cat "$WORKSPACE/run/busy")"
    sql postgres -c 'DROP DATABASE copied' -c 'DROP DATABASE over'
}

# make_memory_database NAME SESSIONS: one in which the functions are called, see sql/memory.sql.
make_memory_database() {
    make_database "$1" "$2" --bulk 1
    draw_tokens "$1" "$2"
    set_for_all "$1" max_per_user 0
    sql "$1" -f bench/sql/memory.sql -c '\copy memory.lines FROM pstdin' -c 'CALL memory.take_lines()' \
        -c 'VACUUM (FREEZE, ANALYZE)' <"$WORKSPACE/run/$1.tokens"
}

# probe_memory DATABASE PROBE CALLS SECONDS
probe_memory() {
    psql -XqAt -v ON_ERROR_STOP=1 -d "$1" -v probe="$2" -v calls="$3" -v seconds="$4" -f bench/sql/memory_probe.sql
}

# A backend for each, as many at a time as there are processors. Not durable, since it is not time that is measured.
measure_memory() {
    wanted P11 || return 0
    say "P11: $calls calls of each function, for at most $call_seconds s"
    sql postgres -c 'CREATE ROLE session_service_memory_probe' -c 'ALTER SYSTEM SET fsync = off' \
        -c 'SELECT pg_reload_conf()' >/dev/null
    export -f probe_memory
    sql memory -F ' ' -c "SELECT CASE WHEN few THEN 'memory_few' ELSE 'memory' END, n,
            CASE WHEN outcome IN ('error', 'any') THEN $calls / 10 ELSE $calls END FROM memory.probes ORDER BY n" |
        xargs -P "$(nproc)" -L 1 bash -c "probe_memory \"\$@\" $call_seconds" probe >"$WORKSPACE/results/memory.tsv" ||
        say "P11: not every probe succeeded"
    figure P11 probes "$(sql memory -c 'SELECT count(*) FROM memory.probes')"
    sql postgres -c 'DROP DATABASE memory' -c 'DROP DATABASE memory_few' -c 'DROP ROLE session_service_memory_probe' \
        -c 'ALTER SYSTEM SET fsync = on' -c 'SELECT pg_reload_conf()' -c CHECKPOINT >/dev/null
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
    {
        echo '\timing on'
        repeat_line 6 "$2;"
    } | sql "$1" | fastest_after_first
}

fastest_after_first() {
    sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 5 | sort -g | head -n 1
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
        echo "kernel	$(uname -sr | cut -d . -f 1,2)"
        echo "shared_buffers	${shared_buffers}MB"
        echo "huge_pages	$(are_pages_huge)"
        echo "awake	${processors:+yes}"
        echo "sizes	$small, $usual, $large"
        echo "rounds	$rounds"
        echo "seconds	$seconds"
        echo "calls	$calls"
        echo "quick	$quick"
        echo "date	$(date -u +%F)"
        echo "load	$(cut -d ' ' -f 1 /proc/loadavg)"
    } >"$WORKSPACE/results/setup.tsv"
}

make_databases() {
    make_database usual "$usual" --original usual
    draw_tokens_to_spend usual "$usual"
    if wanted P1; then
        draw_tokens wide "$usual" 500000
    fi
    if wanted P7 P18; then
        make_database small "$small"
        draw_tokens small "$small"
        repeat_tokens small
        if [ "$large" -gt 0 ]; then
            make_database large "$large" --bulk 1
            draw_tokens large "$large"
        fi
    fi
    if wanted P10; then
        make_cleaned_database
    fi
    if wanted P11; then
        make_memory_database memory 100000
        make_memory_database memory_few 100
    fi
    if wanted P3 P3-user P3-batch; then
        say "filling Redis: $usual keys"
        client fill --sessions "$usual" --now "$now" --spread "$spread" --redis "$(redis_everysec)"
    fi
}

inner_run() {
    local now spread began=$SECONDS database file
    trap stop_servers EXIT
    trap 'exit 130' INT TERM HUP
    IFS=, read -r small usual large <<<"$sizes"
    # Created within the last six hours: no activity is due at an interval of a day. And on this day of UTC: the first
    # activity or refresh of another day writes an index as well.
    now=$(date +%s)
    spread=$((now % 86400 < 21600 ? now % 86400 + 1 : 21600))
    now+=000000
    say "building"
    start_servers
    describe_setup
    for file in compare growth figures memory; do
        : >"$WORKSPACE/results/$file.tsv"
    done
    make_databases
    restart_as_in_use
    for database in small usual large; do
        [ ! -e "$WORKSPACE/run/$database.tokens" ] || read_in "$database"
    done
    echo "filling	$((SECONDS - began))" >>"$WORKSPACE/results/setup.tsv"
    measure_storage
    measure_growth
    measure_search
    drop_large_database
    measure_reads
    measure_several_servers
    measure_first_call
    measure_refusals
    measure_activity
    measure_touches
    measure_additions
    measure_writes
    measure_notifications
    measure_dead_sessions
    measure_mass_revocation
    measure_cleanup
    measure_memory
    echo "took	$((SECONDS - began))" >>"$WORKSPACE/results/setup.tsv"
    say "done, after $((SECONDS - began)) s"
    python3 bench/report.py "$WORKSPACE/results"
}

if [ "${1:-}" = --in-workspace ]; then
    # With the options that the outer run exported.
    inner_run
    exit
fi
quick=no as_is=no rows= sizes= rounds= seconds= calls= call_seconds= output=$top/bench
shared_buffers=$(($(meminfo MemTotal) / 4096))
huge_pages_before= processors=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --as-is) as_is=yes ;;
    --rows | --sizes | --rounds | --seconds | --calls | --call-seconds | --output)
        [ $# -gt 1 ] || {
            usage >&2
            exit 2
        }
        name=${1#--}
        declare "${name//-/_}=$2"
        shift
        ;;
    -h | --help)
        usage
        exit
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done
if [ "$quick" = yes ]; then
    : "${sizes:=10000,200000,0}" "${rounds:=7}" "${seconds:=0.3}" "${calls:=20000}" "${call_seconds:=0.2}"
else
    : "${sizes:=10000,1000000,10000000}" "${rounds:=15}" "${seconds:=0.6}" "${calls:=1000000}" "${call_seconds:=7}"
fi
outer_run
