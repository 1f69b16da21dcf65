#!/usr/bin/env bash
# Makes the pictures of the dashboard in docs/ anew: `bash examples/monitoring/picture/run.sh`.
#
# Installs the Debian packages that are missing (saying which), builds the extension in a private temporary workspace,
# starts a server, the exporter and a Prometheus there as a user without privileges, has load.py sign users in and out
# for some minutes, and has draw.py draw what Prometheus answers to the dashboard's own queries. Fails where one of them
# has no answer. The workspace is removed at the end.
#
#   MINUTES          how long (default 5)
#   PG_CONFIG        the pg_config of the server to build for
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
# shellcheck source=/dev/null
. "$top/test/lib/example.sh"

export MINUTES=${MINUTES:-5}
scrape_interval=5

# What takes hours or days elsewhere comes within the minutes of the picture.
cluster_settings=(
    "shared_preload_libraries = 'session_service'"
    "session_service.maintenance_database = 'app'"
    "session_service.cleanup_interval = '30s'"
    "session_service.retention = '1min'"
    "session_service.touch_interval = '5s'"
    "session_service.max_per_user = 4"
    "autovacuum_naptime = '20s'"
)

need_example() {
    need python3 test -x /usr/bin/python3
    need python3-psycopg /usr/bin/python3 -c 'import psycopg'
    need python3-cryptography /usr/bin/python3 -c 'import cryptography'
    need python3-matplotlib /usr/bin/python3 -c 'import matplotlib'
    need prometheus command -v prometheus
    need prometheus-postgres-exporter command -v prometheus-postgres-exporter
}

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# As README.md sets it up. `instance` is what the dashboard calls the exporter.
start_monitoring() {
    local port
    port=$(free_port)
    DATA_SOURCE_NAME="user=session_monitor host=$PGHOST dbname=app" prometheus-postgres-exporter \
        --extend.query-path=queries.yaml --disable-default-metrics --disable-settings-metrics \
        --web.listen-address="127.0.0.1:$port" >"$WORKSPACE/log/exporter.log" 2>&1 &
    programs+=($!)
    cat >"$WORKSPACE/prometheus.yaml" <<EOF
global:
  scrape_interval: ${scrape_interval}s
scrape_configs:
  - job_name: session_service
    static_configs:
      - targets: ['127.0.0.1:$port']
        labels: {instance: db}
EOF
    port=$(free_port)
    prometheus --config.file="$WORKSPACE/prometheus.yaml" --storage.tsdb.path="$WORKSPACE/prometheus" \
        --web.listen-address="127.0.0.1:$port" >"$WORKSPACE/log/prometheus.log" 2>&1 &
    programs+=($!)
    prometheus_url=http://127.0.0.1:$port
}

run_example() {
    createdb app
    export PGDATABASE=app
    cd examples/monitoring
    psql -X -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION session_service' -f role.sql >/dev/null
    start_monitoring
    echo "Signing in and out, for $MINUTES minutes."
    PYTHONPATH=../../test/t/lib /usr/bin/python3 picture/load.py "$MINUTES"
    /usr/bin/python3 picture/draw.py dashboard.json "$prometheus_url" "$MINUTES" "$scrape_interval" ../../docs/dashboard
}

run_on_own_server examples/monitoring/picture/run.sh "$@"
[ "$*" = --in-workspace ] || {
    cp "$WORKSPACE"/source/docs/dashboard-{light,dark}.png "$top/docs"
    ls -l "$top"/docs/dashboard-{light,dark}.png
}
