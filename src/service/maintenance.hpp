// Deleting what is over.
#pragma once

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

} // namespace session_service::service
