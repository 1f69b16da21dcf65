# Sourced, in a workspace with instrumented.sh: servers that run the extension with AddressSanitizer and
# UndefinedBehaviorSanitizer in it.
#
# The first report of either ends the process: for the server that is a crash, which every test notices.

# make_sanitized DIRECTORY: a workspace for such servers, as make_instrumented has it.
make_sanitized() {
    local directory=$1 runtime
    make -s -j"$(nproc)" sanitized || return
    runtime=$(ldd build/sanitized/session_service.so | awk '$1 ~ /^libasan/ { print $3 }')
    # What the server itself leaks is not looked at.
    make_instrumented "$directory" build/sanitized/session_service.so \
        env LD_PRELOAD="$runtime $PWD/build/sanitized/malloc_first.so" \
        ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:log_path=$directory/reports/address"
}

# print_reports DIRECTORY: what was reported there; fails where anything was.
print_reports() {
    local status=0
    ! compgen -G "$1/reports/*" >/dev/null || {
        cat "$1"/reports/*
        status=1
    }
    # Those of the other one go to the servers' logs.
    ! grep -r --include='*.log' -A 5 ': runtime error: ' "$1" || status=1
    return "$status"
}
