#include "service/limit.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/settings.hpp"
#include "service/revocation.hpp"
#include "store/devices.hpp"
#include "store/events.hpp"
#include "store/sessions.hpp"

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

// By when they would go, and at one time by their ids.
void order_for_eviction(std::span<store::CountedSession> sessions) {
    const bool is_by_age = pg::settings::limit_policy() == pg::settings::LimitPolicy::evict_oldest;
    const auto rank = [is_by_age](const store::CountedSession& session) {
        return is_by_age ? session.created : session.last_activity;
    };
    std::ranges::sort(sessions, [&](const auto& left, const auto& right) {
        return std::pair{rank(left), left.id} < std::pair{rank(right), right.id};
    });
}

std::span<store::CountedSession> ordered_open_sessions(const UserKey& user) {
    const auto sessions = store::open_sessions(user);
    order_for_eviction(sessions);
    return sessions;
}

void close_over(const UserKey& user, Micros now) {
    table::as_owner([&](const pg::OwnerScope& owner) {
        store::note_last_uses(user, store::close_sessions_that_are_over(owner, user, now));
    });
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
        close_over(user, now);
        sessions = ordered_open_sessions(user);
    }
    const auto usable_end = std::remove_if(sessions.begin(), sessions.end(), is_over);
    return sessions.first(static_cast<std::size_t>(usable_end - sessions.begin()));
}

// Whether the new session, or one of those that stay, tells of the device what this one would.
bool is_told(const store::EndedSession& session, const SignInPlace& place,
             std::span<const store::CountedSession> staying) {
    const bool tells_address = !session.ip_address.isnull;
    const auto tells = [&](const store::CountedSession& other) {
        return other.device_id == session.device_id &&
               other.last_activity >= session.last_activity &&
               (other.has_address || !tells_address);
    };
    return (place.device_id == session.device_id && place.used_at >= session.last_activity &&
            (place.has_address || !tells_address)) ||
           std::ranges::any_of(staying, tells);
}

// Ends the first `count` of these sessions; the ids of those that had not ended before.
std::span<core::Uuid> evict(const UserKey& user, std::span<store::CountedSession> sessions,
                            std::size_t count, const SignInPlace& place, Micros now) {
    const std::span ids{static_cast<core::Uuid*>(palloc(count * sizeof(core::Uuid))), count};
    const pg::Value reason = pg::text_value("Session limit exceeded");
    std::size_t ended = 0;
    std::int64_t epoch = 0;
    for (const store::CountedSession& session : sessions.first(count)) {
        auto revoked = store::revoke_one(session.id, now, reason);
        if (!revoked) {
            continue;
        }
        if (ended == 0) {
            epoch = store::raise_epoch(user, now);
        }
        tell_of_revocation(user, *revoked, now, store::EventKind::session_evicted, reason, epoch);
        if (!is_told(*revoked, place, sessions.subspan(count))) {
            store::note_last_uses(user, {&*revoked, 1});
        }
        ids[ended++] = session.id;
    }
    if (ended > 0) {
        pg::make_revocation_durable();
    }
    pg::count(pg::Counter::sessions_evicted, ended);
    pg::count(pg::Counter::revocations_limit, ended);
    return ids.first(ended);
}

} // namespace

Counted sessions_to_count(const UserKey& user, const store::User& claimed) {
    return limit_of(claimed) == 0 ? Counted{} : ordered_open_sessions(user);
}

std::span<core::Uuid> make_room(const UserKey& user, const store::User& claimed,
                                const Counted& counted, const SignInPlace& place, Micros now) {
    if (!counted) {
        // Nothing is counted, but what is over is closed all the same, so that it costs nothing
        // until cleanup deletes it.
        if (store::finds_open_session_over(user, place.device_id, now)) {
            close_over(user, now);
        }
        return {};
    }
    const auto limit = static_cast<std::size_t>(limit_of(claimed));
    const auto sessions = usable_sessions(user, *counted, now);
    if (sessions.size() < limit) {
        return {};
    }
    if (pg::settings::limit_policy() == pg::settings::LimitPolicy::reject) {
        raise_limit_reached();
    }
    return evict(user, sessions, sessions.size() - limit + 1, place, now);
}

std::span<core::Uuid> replace_sessions_of_device(const UserKey& user, const core::Uuid& device_id) {
    const MemoryContext caller = CurrentMemoryContext;
    return table::as_owner([&](const pg::OwnerScope& owner) {
        const auto ended = end_sessions(
            owner, user, {.except = {}, .device_id = device_id, .inactivity = {}, .ids = {}},
            {.reason = pg::text_value("Replaced by a new sign-in"),
             .kind = store::EventKind::session_evicted,
             .counter = pg::Counter::revocations_limit});
        const std::span ids{static_cast<core::Uuid*>(
                                MemoryContextAlloc(caller, ended.size() * sizeof(core::Uuid) + 1)),
                            ended.size()};
        std::ranges::transform(ended, ids.begin(), &store::EndedSession::id);
        if (!ids.empty()) {
            pg::make_revocation_durable();
        }
        return ids;
    });
}

} // namespace session_service::service
