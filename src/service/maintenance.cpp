#include "service/maintenance.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/maintenance_state.hpp"
#include "pg/settings.hpp"
#include "store/cleanup.hpp"
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

} // namespace session_service::service
