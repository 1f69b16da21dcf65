#include "service/limit.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/settings.hpp"
#include "service/revocation.hpp"
#include "store/events.hpp"
#include "store/sessions.hpp"

#include <algorithm>

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

// The user's usable sessions in the order in which they would go. Those that are over are closed on
// the way: a renewal that began before they were and is still under way counts, and no other can.
std::span<store::CountedSession> usable_sessions(const UserKey& user, Micros now,
                                                 store::EvictionOrder order) {
    const auto is_over = [](const store::CountedSession& session) { return !session.is_usable; };
    auto sessions = store::counted_sessions(user, now, order);
    if (std::ranges::any_of(sessions, is_over)) {
        store::close_sessions_that_are_over(user, now);
        sessions = store::counted_sessions(user, now, order);
    }
    const auto usable_end = std::remove_if(sessions.begin(), sessions.end(), is_over);
    return sessions.first(static_cast<std::size_t>(usable_end - sessions.begin()));
}

} // namespace

Datum make_room(const UserKey& user, const store::User& claimed, Micros now, MemoryContext memory) {
    const int limit = limit_of(claimed);
    std::size_t excess = 0;
    std::span<store::CountedSession> sessions;
    if (limit > 0) {
        const auto policy = pg::settings::limit_policy();
        const bool by_age = policy == pg::settings::LimitPolicy::evict_oldest;
        sessions = usable_sessions(user, now,
                                   by_age ? store::EvictionOrder::oldest
                                          : store::EvictionOrder::least_recently_active);
        const auto most = static_cast<std::size_t>(limit);
        excess = sessions.size() < most ? 0 : sessions.size() - most + 1;
        if (excess > 0 && policy == pg::settings::LimitPolicy::reject) {
            raise_limit_reached();
        }
    }
    const pg::Value reason = pg::text_value("Session limit exceeded");
    auto* ids = static_cast<Datum*>(palloc(excess * sizeof(Datum) + 1));
    std::size_t count = 0;
    std::int64_t epoch = 0;
    for (store::CountedSession& session : sessions.first(excess)) {
        const auto revoked = store::revoke_one(user, session.id, now, reason);
        if (!revoked) {
            continue;
        }
        if (count == 0) {
            epoch = store::raise_epoch(user, now);
        }
        tell_of_revocation(user, *revoked, now, store::EventKind::session_evicted, reason, epoch);
        ids[count++] = PointerGetDatum(session.id.data());
    }
    if (count > 0) {
        pg::make_revocation_durable();
    }
    pg::count(pg::Counter::sessions_evicted, count);
    const MemoryContext previous = MemoryContextSwitchTo(memory);
    const Datum evicted = PointerGetDatum(
        construct_array(ids, static_cast<int>(count), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
    MemoryContextSwitchTo(previous);
    return evicted;
}

} // namespace session_service::service
