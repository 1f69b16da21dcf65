// What maintenance did last, and whether its worker is there: in shared memory, for monitoring.
// Without the preloaded library nothing is noted, and there is nothing to read.
#pragma once

#include "pg/prelude.hpp"
#include "pg/value.hpp"

namespace session_service::pg {

struct LastCleanup {
    Micros at;         // when it ended
    std::int64_t rows; // of all tables
    Micros duration;
};

/// Reserves the memory if the library is being preloaded; called once, as it is loaded.
void reserve_maintenance_state();

/// Notes a cleanup of the current database, whoever asked for it and whether or not it is
/// committed.
void note_cleanup(const LastCleanup& cleanup);

/// The last one of the current database since the server's start.
std::optional<LastCleanup> last_cleanup();

/// Tells that the current process is the worker, until it ends.
void note_worker();

/// Whether there is a worker; nothing without the preloaded library.
std::optional<bool> is_worker_running();

} // namespace session_service::pg
