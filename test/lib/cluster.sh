# Sourced, in a workspace: builds, stages and starts a throw-away cluster that loads the staged extension.
#
# Each function returns a status other than 0 where a step failed, with or without `set -e`.

# Warnings are errors in what is built here, as the Makefile tells.
export DEVELOPER=${DEVELOPER:-yes}

# Builds the library and the install script.
build_extension() {
    make -s -j"$(nproc)"
}

# Installs into $WORKSPACE/stage, and writes what a server needs to find it there to
# $WORKSPACE/extension.conf. Sets BINDIR, the server's programs.
stage_extension() {
    local server sharedir pkglibdir
    make -s install DESTDIR="$WORKSPACE/stage" || return
    BINDIR=$("$PG_CONFIG" --bindir)
    pkglibdir=$("$PG_CONFIG" --pkglibdir)
    sharedir=$("$PG_CONFIG" --sharedir)
    server=$("$BINDIR/postgres" --describe-config | cut -f 1)
    if grep -qx extension_destdir <<<"$server"; then
        # Debian's servers
        cat >"$WORKSPACE/extension.conf" <<EOF
extension_destdir = '$WORKSPACE/stage'
dynamic_library_path = '$WORKSPACE/stage$pkglibdir:\$libdir'
EOF
    elif grep -qx extension_control_path <<<"$server"; then
        # PostgreSQL 18 and later
        cat >"$WORKSPACE/extension.conf" <<EOF
extension_control_path = '$WORKSPACE/stage$sharedir:\$system'
dynamic_library_path = '$WORKSPACE/stage$pkglibdir:\$libdir'
EOF
    else
        # Others find their files beside their programs, so the programs are copied to the staged files.
        : >"$WORKSPACE/extension.conf"
        copy_server
    fi
}

# Copies a server that is installed under one prefix into the stage, and points BINDIR there.
copy_server() {
    local prefix
    prefix=$(dirname "$BINDIR")
    cp -a "$prefix/." "$WORKSPACE/stage$prefix/"
    BINDIR=$WORKSPACE/stage$BINDIR
}

# Creates and starts the cluster, and exports the PG… variables that lead clients to it. The socket's
# directory is closed to other users, and no port is opened. Otherwise it is a server as it is installed, but for
# the lines of settings that are given. CLUSTER_LOCALE may have other options of initdb.
start_cluster() {
    # shellcheck disable=SC2086
    "$BINDIR/initdb" -D "$WORKSPACE/cluster" -U postgres --auth=trust --encoding=UTF8 --no-sync \
        ${CLUSTER_LOCALE:---no-locale} >"$WORKSPACE/log/initdb.log" || return
    cat "$WORKSPACE/extension.conf" - >>"$WORKSPACE/cluster/postgresql.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$WORKSPACE/run'
unix_socket_permissions = 0700
fsync = off
EOF
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$WORKSPACE/cluster/postgresql.conf"
    if ! "$BINDIR/pg_ctl" -D "$WORKSPACE/cluster" -l "$WORKSPACE/log/cluster.log" -s -w start; then
        tail -n 30 "$WORKSPACE/log/cluster.log"
        return 1
    fi
    export PGHOST=$WORKSPACE/run PGUSER=postgres PGDATABASE=postgres PATH=$BINDIR:$PATH
}

# The cluster of start_cluster, with one more line of settings.
restart_cluster_with() {
    echo "$1" >>"$WORKSPACE/cluster/postgresql.conf"
    "$BINDIR/pg_ctl" -D "$WORKSPACE/cluster" -l "$WORKSPACE/log/cluster.log" -s -w -m fast restart
}

cluster_is_running() {
    "$BINDIR/pg_ctl" -D "$WORKSPACE/cluster" status >/dev/null 2>&1
}

stop_cluster() {
    ! cluster_is_running || "$BINDIR/pg_ctl" -D "$WORKSPACE/cluster" -s -w -m immediate stop
}
