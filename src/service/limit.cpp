#include "service/limit.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/settings.hpp"
#include "service/revocation.hpp"
#include "store/events.hpp"
#include "store/sessions.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

namespace session_service::service {

namespace {

using store::UserKey;

int limit_of(const store::User& user) {
    return user.max_sessions.value_or(pg::settings::max_per_user());
}

[[noreturn]] void raise_limit_reached() {
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("session limit reached"),
                    errdetail("The user has as many sessions as may be."),
                    errhint("End one of them first.")));
    pg_unreachable();
}

store::EvictionOrder eviction_order() {
    return pg::settings::limit_policy() == pg::settings::LimitPolicy::evict_oldest
               ? store::EvictionOrder::oldest
               : store::EvictionOrder::least_recently_active;
}

// Those of the counted sessions that are usable, in the same order. Those that are over are closed
// on the way: a renewal that began before they were and is still under way counts, and no other
// can.
std::span<store::CountedSession>
usable_sessions(const UserKey& user, std::span<store::CountedSession> sessions, Micros now) {
    const auto is_over = [now](const store::CountedSession& session) {
        return !session.is_usable(now);
    };
    if (std::ranges::any_of(sessions, is_over)) {
        table::as_owner([&](const pg::OwnerScope& owner) {
            store::close_sessions_that_are_over(owner, user, now);
        });
        sessions = store::counted_sessions(user, eviction_order());
    }
    const auto usable_end = std::remove_if(sessions.begin(), sessions.end(), is_over);
    return sessions.first(static_cast<std::size_t>(usable_end - sessions.begin()));
}

// Ends these sessions; their ids, where that was not done already.
std::span<Datum> evict(const pg::OwnerScope& owner, const UserKey& user,
                       std::span<store::CountedSession> sessions, Micros now,
                       std::span<Datum> ids) {
    const pg::Value reason = pg::text_value("Session limit exceeded");
    std::size_t count = 0;
    std::int64_t epoch = 0;
    for (store::CountedSession& session : sessions) {
        const auto revoked = store::revoke_one(session.id, now, reason);
        if (!revoked) {
            continue;
        }
        if (count == 0) {
            epoch = store::raise_epoch(owner, user, now);
        }
        tell_of_revocation(user, *revoked, now, store::EventKind::session_evicted, reason, epoch);
        ids[count++] = PointerGetDatum(session.id.data());
    }
    if (count > 0) {
        pg::make_revocation_durable();
    }
    pg::count(pg::Counter::sessions_evicted, count);
    return ids.first(count);
}

Datum uuid_array(std::span<Datum> ids) {
    return PointerGetDatum(construct_array(ids.data(), static_cast<int>(ids.size()), UUIDOID,
                                           UUID_LEN, false, TYPALIGN_CHAR));
}

} // namespace

std::span<store::CountedSession> sessions_to_count(const UserKey& user,
                                                   const store::User& claimed) {
    return limit_of(claimed) == 0 ? std::span<store::CountedSession>{}
                                  : store::counted_sessions(user, eviction_order());
}

Datum make_room(const UserKey& user, const store::User& claimed,
                std::span<store::CountedSession> counted, Micros now) {
    const auto limit = static_cast<std::size_t>(limit_of(claimed));
    const auto sessions = usable_sessions(user, counted, now);
    const std::size_t excess =
        limit == 0 || sessions.size() < limit ? 0 : sessions.size() - limit + 1;
    if (excess == 0) {
        return uuid_array({});
    }
    if (pg::settings::limit_policy() == pg::settings::LimitPolicy::reject) {
        raise_limit_reached();
    }
    const std::span ids{static_cast<Datum*>(palloc(excess * sizeof(Datum))), excess};
    return uuid_array(table::as_owner([&](const pg::OwnerScope& owner) {
        return evict(owner, user, sessions.first(excess), now, ids);
    }));
}

} // namespace session_service::service
