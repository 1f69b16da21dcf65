#include "service/revocation.hpp"

#include "core/uuid.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/settings.hpp"
#include "service/binding.hpp"
#include "store/devices.hpp"
#include "store/external_sessions.hpp"

namespace session_service::service {

namespace {

using store::EventKind;
using store::SessionLookup;
using store::SessionRow;
using store::UserKey;

// Ends one session, found revocable a moment ago, with the user's row held; `end` does it in its
// own row, if that is still so.
template <typename End>
bool end_session(const core::Uuid& user_id, EventKind kind, pg::Value reason, pg::Value ip_address,
                 End&& end) {
    const UserKey user = UserKey::of(user_id);
    if (!store::lock_user(user)) {
        return false;
    }
    const Micros now = pg::now();
    std::optional<store::EndedSession> ended = end(now);
    if (!ended) {
        return false;
    }
    const std::int64_t epoch = store::raise_epoch(user, now);
    tell_of_revocation(user, *ended, now, kind, reason, epoch, ip_address);
    store::note_last_uses(user, {&*ended, 1});
    const bool is_reuse = kind == EventKind::session_reuse_detected;
    pg::count(is_reuse ? pg::Counter::refreshes_reused : pg::Counter::sessions_revoked);
    pg::count(is_reuse ? pg::Counter::revocations_reuse : pg::Counter::revocations_user);
    pg::make_revocation_durable();
    return true;
}

bool revoke_of(const core::Uuid& user_id, const core::Uuid& session_id, pg::Value reason) {
    return end_session(user_id, EventKind::session_revoked, reason, pg::null_value,
                       [&](Micros now) { return store::revoke_one(session_id, now, reason); });
}

// The user of a session that `accept` takes, if it can be ended.
template <typename Accept>
std::optional<core::Uuid> user_of_revocable(const core::Uuid& session_id, Accept&& accept) {
    SessionLookup lookup = SessionLookup::open(table::sessions::refresh_hash);
    const std::optional<SessionRow> session = lookup.find(session_id);
    std::optional<core::Uuid> user_id;
    if (session && accept(*session) && session->is_revocable(pg::now())) {
        user_id = session->uuid(table::sessions::user_id);
    }
    lookup.close();
    return user_id;
}

// What ends sessions and tells how many, with the owner's rights, as one call that is durable.
template <typename End>
std::int32_t end_durably(End&& end) {
    const std::size_t ended = table::as_owner(std::forward<End>(end));
    if (ended > 0) {
        pg::make_revocation_durable();
    }
    return static_cast<std::int32_t>(ended);
}

// Ends the sessions of these, which are in the order of their users' ids, so that two such calls
// take the users' rows in one order; how many this call ended.
std::size_t end_owned(const pg::OwnerScope& owner, std::span<const store::OwnedSession> found,
                      const std::optional<store::Inactivity>& inactivity, const Ending& ending) {
    const std::span ids{static_cast<core::Uuid*>(palloc(found.size() * sizeof(core::Uuid) + 1)),
                        found.size()};
    std::ranges::transform(found, ids.begin(), &store::OwnedSession::id);
    std::size_t count = 0;
    for (std::size_t begin = 0, end = 0; begin < found.size(); begin = end) {
        const core::Uuid& user_id = found[begin].user_id;
        while (end < found.size() && found[end].user_id == user_id) {
            ++end;
        }
        count += end_sessions(owner, UserKey::of(user_id),
                              {.except = {},
                               .device_id = {},
                               .inactivity = inactivity,
                               .ids = ids.subspan(begin, end - begin)},
                              ending)
                     .size();
    }
    return count;
}

} // namespace

void tell_of_revocation(const UserKey& user, const store::EndedSession& session, Micros now,
                        EventKind kind, pg::Value reason, std::int64_t epoch,
                        pg::Value ip_address) {
    store::record(user, now,
                  {.kind = kind,
                   .session_id = session.id,
                   .device_id = session.device_id,
                   .ip_address = ip_address,
                   .reason = reason});
    store::send_hint(user, kind, session.id, epoch);
}

std::span<store::EndedSession> end_sessions(const pg::OwnerScope& owner, const UserKey& user,
                                            const store::RevocationFilter& filter,
                                            const Ending& ending) {
    if (!store::lock_user(user)) {
        return {};
    }
    const Micros now = pg::now();
    const auto ended = store::revoke_many(owner, user, filter, now, ending.reason);
    if (ended.empty()) {
        return {};
    }
    const std::int64_t epoch = store::raise_epoch(user, now);
    for (const store::EndedSession& session : ended) {
        tell_of_revocation(user, session, now, ending.kind, ending.reason, epoch);
    }
    store::note_last_uses(user, ended);
    pg::count(ending.kind == EventKind::session_evicted ? pg::Counter::sessions_evicted
                                                        : pg::Counter::sessions_revoked,
              ended.size());
    pg::count(ending.counter, ended.size());
    return ended;
}

bool revoke(const core::Uuid& session_id, const std::optional<core::Uuid>& user_id,
            pg::Value reason, const char* function) {
    // No session of the user's has another bucket, which may be that of another server.
    if (user_id && UserKey::of(*user_id).bucket != core::bucket_of(session_id)) {
        return false;
    }
    const auto found = user_of_revocable(session_id, [&](const SessionRow& session) {
        return !user_id || session.uuid(table::sessions::user_id) == *user_id;
    });
    if (!found) {
        return false;
    }
    pg::require_writable(function);
    return revoke_of(*found, session_id, reason);
}

bool revoke_by_token(const Presented& presented, pg::Value reason) {
    const bool is_session_token = presented.kind == core::TokenKind::session;
    const auto found = user_of_revocable(presented.session_id, [&](const SessionRow& session) {
        return is_session_token ? session.is_opened_by(presented.hash, pg::now())
                                : session.matches(table::sessions::refresh_hash, presented.hash);
    });
    if (!found) {
        return false;
    }
    pg::require_writable("revoke_session_by_token()");
    return revoke_of(*found, presented.session_id, reason);
}

void revoke_for_reuse(const core::Uuid& user_id, const Presented& presented, pg::Value ip_address) {
    pg::require_writable("refresh_session()");
    const pg::Value reason = pg::text_value("Refresh token reuse");
    (void)end_session(
        user_id, EventKind::session_reuse_detected, reason, ip_address, [&](Micros now) {
            return store::revoke_for_reuse(presented.session_id, now, reason, family_of(presented));
        });
}

std::int32_t revoke_of_user(const core::Uuid& user_id, const store::RevocationFilter& filter,
                            pg::Value reason, const char* function) {
    pg::require_writable(function);
    return end_durably([&](const pg::OwnerScope& owner) {
        return end_sessions(owner, UserKey::of(user_id), filter, {.reason = reason}).size();
    });
}

store::Inactivity inactivity(std::optional<Micros> inactive_for, Micros now) {
    store::Inactivity limit{.cutoff = {}, .by_own_timeout = !inactive_for};
    const Micros duration = inactive_for.value_or(pg::settings::lifetimes().inactivity);
    if (duration > 0) {
        limit.cutoff = now - duration;
    }
    return limit;
}

std::int32_t revoke_inactive(std::optional<Micros> inactive_for, pg::Value reason) {
    pg::require_writable("revoke_inactive_sessions()");
    return end_durably([&](const pg::OwnerScope& owner) {
        const Micros now = pg::now();
        const store::RevocationFilter filter{
            .except = {}, .device_id = {}, .inactivity = inactivity(inactive_for, now), .ids = {}};
        std::size_t count = 0;
        // In the order of their ids, so that two such calls take the users' rows in one order.
        for (const core::Uuid& user_id :
             store::users_of_inactive_sessions(owner, *filter.inactivity, now)) {
            count += end_sessions(owner, UserKey::of(user_id), filter,
                                  {.reason = reason, .counter = pg::Counter::revocations_idle})
                         .size();
        }
        return count;
    });
}

std::int32_t revoke_external(const core::Digest& external_hash, pg::Value reason) {
    pg::require_writable("revoke_external_sessions()");
    return end_durably([&](const pg::OwnerScope& owner) {
        return end_owned(owner, store::revocable_external_sessions(owner, external_hash, pg::now()),
                         {}, {.reason = reason});
    });
}

std::int32_t revoke_found(const store::SessionFilter& filter, std::int32_t count,
                          pg::Value reason) {
    pg::require_writable("revoke_sessions()");
    const store::SessionPage page{.include_inactive = false, .after = {}, .count = count};
    std::optional<store::Inactivity> inactivity;
    if (filter.inactive_since) {
        // Once more as it is ended, since it may have been used after it was found.
        inactivity = {.cutoff = filter.inactive_since, .by_own_timeout = false};
    }
    return end_durably([&](const pg::OwnerScope& owner) {
        return end_owned(owner, store::find_owned_sessions(owner, filter, page, pg::now()),
                         inactivity, {.reason = reason, .counter = pg::Counter::revocations_admin});
    });
}

} // namespace session_service::service
