# Sourced, in a workspace: servers of which each process runs under something that watches it, such as a
# sanitizer or valgrind. Nothing else does: not the clients, and not the programs of the tests.

# make_instrumented DIRECTORY LIBRARY WORD...
#
# Makes a workspace of its own in DIRECTORY: the stage, with LIBRARY in the extension's place, and in
# DIRECTORY/programs the server's programs, in which `postgres` is the real one behind these words (`env NAME=value`,
# `valgrind …`). Called with WORKSPACE=DIRECTORY and BINDIR=DIRECTORY/programs, what starts a server elsewhere
# starts one of these.
make_instrumented() {
    local directory=$1 library=$2 program real_bindir
    shift 2
    mkdir -p "$directory"/{log,run,tmp,programs,reports} || return
    ln -s "$WORKSPACE/source" "$directory/source" || return
    cp -a "$WORKSPACE/stage" "$directory/stage" || return
    cp "$library" "$directory/stage$("$PG_CONFIG" --pkglibdir)/session_service.so" || return
    sed "s,$WORKSPACE/stage,$directory/stage,g" "$WORKSPACE/extension.conf" >"$directory/extension.conf" || return
    # A server that was copied to the stage is copied with it.
    real_bindir=${BINDIR/#$WORKSPACE\/stage/$directory\/stage}
    for program in "$real_bindir"/*; do
        case ${program##*/} in
        postgres | postmaster) ;;
        # It looks for postgres beside itself, behind any symbolic link. So does initdb, which needs the real one.
        pg_ctl) cp "$program" "$directory/programs/" ;;
        *) ln -s "$program" "$directory/programs/" ;;
        esac || return
    done
    {
        echo '#!/bin/sh'
        # Its version is asked for before each start.
        echo "case \$1 in -V) exec '$real_bindir/postgres' -V ;; esac"
        printf 'exec'
        printf " '%s'" "$@" "$real_bindir/postgres"
        # shellcheck disable=SC2016
        echo ' "$@"'
    } >"$directory/programs/postgres" || return
    chmod 755 "$directory/programs/postgres"
}
