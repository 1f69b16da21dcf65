// Deleting what is over, and everything about a user.
#pragma once

#include "core/bytes.hpp"
#include "core/lifetime.hpp"

#include "pg/prelude.hpp"

namespace session_service::service {

using core::Micros;

/// How many rows of each kind a cleanup deleted.
struct Cleaned {
    std::int64_t sessions = 0;
    std::int64_t events = 0;
    std::int64_t devices = 0;
    bool has_more = false; // whether the batch was full
};

/// One batch of cleanup: sessions over for longer than `retention` (by default the setting), and
/// events and unused devices past the setting; of each it looks at `batch_size` at most (by default
/// the setting).
Cleaned clean_up(std::optional<Micros> retention, std::optional<std::int32_t> batch_size);

/// Deletes all that is stored about a user; the number of sessions deleted.
std::int64_t delete_user(const core::Uuid& user_id);

void set_user_session_limit(const core::Uuid& user_id, std::optional<std::int32_t> max_sessions);

std::int64_t user_epoch(const core::Uuid& user_id);

} // namespace session_service::service
