# Sourced by scripts that run an example on a throw-away server of their own, from $top. Such a script defines
#
#   need_example        notes the packages that it needs besides those that build the extension
#   cluster_settings    an array of settings that the server needs, if any
#   run_example         what it does there: in the workspace, as a user without privileges. The process ids that it
#                       adds to the array $programs are ended with it
#
# and calls `run_on_own_server SCRIPT "$@"`, which installs, builds, starts the server and ends it all.

for part in packages workspace cluster; do
    # shellcheck source=/dev/null
    . "$top/test/lib/$part.sh"
done

cluster_settings=()
programs=()

end_programs() {
    local pid
    for pid in "${programs[@]}"; do
        { kill "$pid" && wait "$pid"; } 2>/dev/null || true
    done
    stop_cluster || true
}

# run_on_own_server SCRIPT [ARGUMENT...]: SCRIPT is its path in the tree. The workspace is there until the script ends.
run_on_own_server() {
    local script=$1
    shift
    case "$*" in
    "")
        need_build
        need_example
        install_missing
        trap remove_workspace EXIT
        trap 'exit 130' INT TERM HUP
        make_workspace "$top"
        run_in_workspace "$script" --in-workspace
        ;;
    --in-workspace)
        BINDIR=$("$PG_CONFIG" --bindir)
        trap end_programs EXIT
        trap 'exit 130' INT TERM HUP
        echo "Building."
        build_extension
        stage_extension
        start_cluster "${cluster_settings[@]}"
        run_example
        ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$top/$script"
        case $* in
        -h | --help) exit ;;
        *) exit 2 ;;
        esac
        ;;
    esac
}
