// Deleting what is over, and what is stored about a user: all of it deleted, or shown.
#pragma once

#include "core/bytes.hpp"
#include "core/lifetime.hpp"

#include "pg/prelude.hpp"

namespace session_service::service {

using core::Micros;

/// No setting of the wall clock makes a duration longer, or less than nothing.
using DurationClock = std::chrono::steady_clock;

/// How many rows of each kind a cleanup deleted.
struct Cleaned {
    std::int64_t sessions = 0;
    std::int64_t events = 0;
    std::int64_t devices = 0;
    bool has_more = false; // whether the batch was full

    std::int64_t rows() const { return sessions + events + devices; }
    void add(const Cleaned& batch);
};

/// One batch of cleanup: sessions over for longer than `retention` (by default the setting), and
/// events and unused devices past the setting; of each it looks at `batch_size` at most (by default
/// the setting).
Cleaned clean_up(std::optional<Micros> retention, std::optional<std::int32_t> batch_size);

/// Has monitoring see a cleanup: what it deleted from a moment to now. How long it took.
Micros note_cleanup(const Cleaned& cleaned, DurationClock::time_point began);

/// Deletes all that is stored about a user; the number of sessions deleted.
std::int64_t delete_user(const core::Uuid& user_id);

/// All that is stored about a user, but hashes and salts: a jsonb in the current memory context.
Datum export_user(const core::Uuid& user_id);

void set_user_session_limit(const core::Uuid& user_id, std::optional<std::int32_t> max_sessions);

std::int64_t user_epoch(const core::Uuid& user_id);

} // namespace session_service::service
