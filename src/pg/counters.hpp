// Counters shared by all backends of a server, for monitoring. They need the library to be in
// shared_preload_libraries; without it counting does nothing and there is nothing to read.
//
// They tell what calls did, whether or not the caller's transaction committed, and start from zero
// with the server.
#pragma once

#include "pg/prelude.hpp"
#include "pg/value.hpp"

namespace session_service::pg {

enum class Counter : std::uint8_t {
    sessions_created,
    sessions_imported,
    sessions_revoked,
    sessions_evicted,
    sessions_deleted,
    validations,
    validations_refused,
    refreshes,
    refreshes_repeated,
    refreshes_reused,
    activities_written,
    activities_left_out,
    sessions_bound,
    proofs_rejected,
    reauthentications,
    notifications_dropped,
    // Sessions that ended, by what ended them:
    revocations_user,  // a call of the application's
    revocations_limit, // a sign-in at the limit
    revocations_reuse, // a spent refresh token
    revocations_admin, // a call of an administrator's
    revocations_idle,  // revoke_inactive_sessions
};
inline constexpr std::size_t counter_count = 21;

/// Reserves the memory if the library is being preloaded; called once, as it is loaded.
void reserve_counters();

void count(Counter counter, std::uint64_t by = 1);

struct Counts {
    Micros since; // the server's start
    std::array<std::uint64_t, counter_count> counts;
};

/// The sums over all backends; nothing without the preloaded library.
std::optional<Counts> read_counters();

} // namespace session_service::pg
