// How the tables are, told from statistics and the ends of indexes: nothing here grows with them.
#pragma once

#include "core/lifetime.hpp"

#include "pg/statement.hpp"

namespace session_service::store {

using core::Micros;

/// What is not known is left out.
struct TableHealth {
    std::optional<std::int64_t> sessions; // as the last VACUUM or ANALYZE estimated
    std::optional<Micros> oldest_dead_session_at;
    std::optional<Micros> oldest_event_at;
    std::optional<std::int64_t> sessions_size; // bytes, with indexes and TOAST
    std::optional<std::int64_t> total_size;    // of all tables of the extension
    std::optional<double> hot_update_share;    // of all updates of sessions
    std::optional<double> dead_row_share;      // of all rows of sessions
};

TableHealth table_health(const pg::OwnerScope& owner, Micros now);

} // namespace session_service::store
