#include "service/maintenance.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/settings.hpp"
#include "service/revocation.hpp"
#include "store/access_levels.hpp"
#include "store/catalog.hpp"
#include "store/cleanup.hpp"
#include "store/devices.hpp"
#include "store/users.hpp"

namespace session_service::service {

Cleaned clean_up(std::optional<Micros> retention, std::optional<std::int32_t> batch_size) {
    pg::require_writable("cleanup_sessions()");
    const std::int32_t limit = batch_size.value_or(pg::settings::cleanup_batch_size());
    return store::as_owner([&] {
        const Micros now = pg::now();
        const Micros kept_since = now - pg::settings::retention();
        Cleaned cleaned;
        cleaned.sessions = store::delete_dead_sessions(
            now - retention.value_or(pg::settings::retention()), kept_since, limit);
        store::forget_dropped_roles();
        cleaned.events = store::delete_old_events(kept_since, limit);
        const store::CleanedDevices devices = store::delete_unused_devices(kept_since, now, limit);
        cleaned.devices = devices.deleted;
        cleaned.has_more =
            cleaned.sessions >= limit || cleaned.events >= limit || devices.looked_at >= limit;
        pg::count(pg::Counter::sessions_deleted, static_cast<std::uint64_t>(cleaned.sessions));
        return cleaned;
    });
}

std::int64_t delete_user(const core::Uuid& user_id) {
    pg::require_writable("delete_user()");
    const store::UserKey user = store::UserKey::of(user_id);
    const std::int64_t deleted = store::as_owner([&] {
        if (!store::lock_user(user)) {
            return std::int64_t{0};
        }
        const Micros now = pg::now();
        const pg::Value reason = pg::text_value("User deleted");
        const auto ended = store::revoke_many(user, {}, now, reason);
        if (!ended.empty()) {
            const std::int64_t epoch = store::raise_epoch(user, now);
            for (const store::Revoked& session : ended) {
                // Announced only: the record would be deleted with the rest.
                store::announce(user, store::EventKind::session_revoked, session.id, epoch);
            }
        }
        const std::int64_t count = store::delete_sessions(user);
        store::delete_devices(user);
        store::delete_events(user);
        store::delete_user_row(user);
        return count;
    });
    pg::make_revocation_durable();
    return deleted;
}

void set_user_session_limit(const core::Uuid& user_id, std::optional<std::int32_t> max_sessions) {
    pg::require_writable("set_user_session_limit()");
    store::as_owner([&] {
        store::set_session_limit(store::UserKey::of(user_id), max_sessions, pg::now());
        return true;
    });
}

std::int64_t user_epoch(const core::Uuid& user_id) {
    return store::as_owner([&] { return store::read_epoch(store::UserKey::of(user_id)); });
}

} // namespace session_service::service
