# Sourced: a private, temporary place to build and to run servers in, and the user who owns it.
#
# Scripts that need a server run twice. The outer run may be root: it installs packages, makes the
# workspace with a copy of the tree, and starts the inner run there as a user without privileges (the
# server refuses root). So the clone stays as it was, whoever owns it, and everything goes with the
# workspace at the end.
#
#   $WORKSPACE/source     the copy of the tree, built in place
#   $WORKSPACE/stage      `make install DESTDIR=`
#   $WORKSPACE/cluster    the throw-away cluster; its socket is in $WORKSPACE/run
#   $WORKSPACE/log        what stages and servers wrote

# The user for everything that needs no privileges.
unprivileged_user() {
    if [ "$(id -u)" -ne 0 ]; then
        id -un
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

as_unprivileged_user() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        # runuser sets HOME to the user's own.
        runuser -u "$(unprivileged_user)" -- env HOME="$HOME" "$@"
    fi
}

# What the caller's environment says of other servers is not for us.
forget_other_servers() {
    local name
    for name in ${!PG*}; do
        [ "$name" = PG_CONFIG ] || unset "$name"
    done
}

# Copies the tree `$1` into a new workspace; sets and exports WORKSPACE.
make_workspace() {
    local parent=${TMPDIR:-/tmp}
    # A socket's path has room for 107 bytes.
    [ ${#parent} -le 40 ] || parent=/tmp
    WORKSPACE=$(mktemp -d "$parent/session_service.XXXXXX")
    export WORKSPACE
    [ "$(id -u)" -ne 0 ] || chown "$(unprivileged_user):" "$WORKSPACE"
    as_unprivileged_user mkdir -p "$WORKSPACE"/{source,stage,log,run,tmp,home}
    # Nothing that was built before, so that each run tests the sources alone.
    tar -C "$1" -cf - --exclude=./.git --exclude=node_modules --exclude='*.o' --exclude='*.d' --exclude='*.so' \
        --exclude='*.bc' --exclude=./build --exclude=./results --exclude=output_iso --exclude=./tmp_check . |
        as_unprivileged_user tar -C "$WORKSPACE/source" --no-same-owner -xf -
}

# Starts `$1` of the workspace's tree, with the other arguments, as the unprivileged user.
run_in_workspace() {
    forget_other_servers
    (
        cd "$WORKSPACE/source" || exit
        # LANG too, since PostgreSQL's test modules drop LC_ALL: their clusters are UTF-8 everywhere.
        export HOME=$WORKSPACE/home TMPDIR=$WORKSPACE/tmp LANG=C.UTF-8 LC_ALL=C.UTF-8
        # Of a make that may have called us: its jobs are not for the make that we call. Variables given to
        # it are in the environment as well.
        unset MAKEFLAGS MFLAGS MAKELEVEL
        umask 022
        as_unprivileged_user bash "$@"
    )
}

# Ends what runs in the workspace, whatever state it is in, and removes it.
remove_workspace() {
    [ -n "${WORKSPACE:-}" ] && [ -d "$WORKSPACE" ] || return 0
    local pid_file
    find "$WORKSPACE" -name postmaster.pid 2>/dev/null | while read -r pid_file; do
        kill -QUIT "$(head -n 1 "$pid_file")" 2>/dev/null || true
    done
    # Directories of a server that is just going may fill again.
    rm -rf "$WORKSPACE" 2>/dev/null || {
        sleep 1
        rm -rf "$WORKSPACE"
    }
}
