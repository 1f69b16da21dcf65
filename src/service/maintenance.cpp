#include "service/maintenance.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/maintenance_state.hpp"
#include "pg/settings.hpp"
#include "service/revocation.hpp"
#include "store/cleanup.hpp"
#include "store/devices.hpp"
#include "store/export.hpp"
#include "store/users.hpp"
#include "table/table.hpp"

namespace session_service::service {

void Cleaned::add(const Cleaned& batch) {
    sessions += batch.sessions;
    events += batch.events;
    devices += batch.devices;
    has_more = batch.has_more;
}

Cleaned clean_up(std::optional<Micros> retention, std::optional<std::int32_t> batch_size) {
    pg::require_writable("cleanup_sessions()");
    const std::int32_t limit = batch_size.value_or(pg::settings::cleanup_batch_size());
    return table::as_owner([&](const pg::OwnerScope& owner) {
        const Micros now = pg::now();
        const Micros kept_since = now - pg::settings::retention();
        Cleaned cleaned;
        cleaned.sessions = store::delete_dead_sessions(
            owner, now - retention.value_or(pg::settings::retention()), kept_since, limit);
        cleaned.events = store::delete_old_events(owner, kept_since, limit);
        const store::CleanedDevices devices = store::delete_unused_devices(kept_since, now, limit);
        cleaned.devices = devices.deleted;
        cleaned.has_more =
            cleaned.sessions >= limit || cleaned.events >= limit || devices.looked_at >= limit;
        pg::count(pg::Counter::sessions_deleted, static_cast<std::uint64_t>(cleaned.sessions));
        return cleaned;
    });
}

Micros note_cleanup(const Cleaned& cleaned, DurationClock::time_point began) {
    const Micros duration =
        std::chrono::duration_cast<std::chrono::microseconds>(DurationClock::now() - began).count();
    pg::note_cleanup({.at = pg::now(), .rows = cleaned.rows(), .duration = duration});
    return duration;
}

std::int64_t delete_user(const core::Uuid& user_id) {
    pg::require_writable("delete_user()");
    const store::UserKey user = store::UserKey::of(user_id);
    if (!store::lock_user(user)) {
        return 0;
    }
    const std::int64_t deleted = table::as_owner([&](const pg::OwnerScope& owner) {
        const Micros now = pg::now();
        const pg::Value reason = pg::text_value("User deleted");
        const auto ended = store::revoke_many(owner, user, {}, now, reason);
        if (!ended.empty()) {
            const std::int64_t epoch = store::raise_epoch(user, now);
            for (const store::EndedSession& session : ended) {
                // No event: it would be deleted with the rest.
                store::send_hint(user, store::EventKind::session_revoked, session.id, epoch);
            }
            pg::count(pg::Counter::revocations_admin, ended.size());
        }
        const std::int64_t count = store::delete_sessions(owner, user);
        store::delete_devices(owner, user);
        store::delete_events(owner, user);
        store::delete_user_row(owner, user);
        return count;
    });
    pg::make_revocation_durable();
    return deleted;
}

Datum export_user(const core::Uuid& user_id) {
    const MemoryContext caller = CurrentMemoryContext;
    return table::as_owner([&](const pg::OwnerScope& owner) {
        const pg::Value document = store::stored_of_user(owner, store::UserKey::of(user_id));
        return pg::copied(document.value, caller);
    });
}

void set_user_session_limit(const core::Uuid& user_id, std::optional<std::int32_t> max_sessions) {
    pg::require_writable("set_user_session_limit()");
    table::as_owner([&](const pg::OwnerScope& owner) {
        store::set_session_limit(owner, store::UserKey::of(user_id), max_sessions, pg::now());
    });
}

std::int64_t user_epoch(const core::Uuid& user_id) {
    return table::as_owner([&](const pg::OwnerScope& owner) {
        return store::read_epoch(owner, store::UserKey::of(user_id));
    });
}

} // namespace session_service::service
