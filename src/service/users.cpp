#include "service/users.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "service/revocation.hpp"
#include "store/cleanup.hpp"
#include "store/devices.hpp"
#include "store/events.hpp"
#include "store/export.hpp"
#include "store/rejections.hpp"
#include "store/sessions.hpp"
#include "table/table.hpp"

namespace session_service::service {

namespace {

using store::UserKey;

// One that disables or enables: its event, where it changed something.
bool change_disabled(const UserKey& user, bool disabled, pg::Value reason) {
    const core::Micros now = pg::now();
    if (!store::set_disabled(user, disabled, now)) {
        return false;
    }
    store::record(
        user, now,
        {.kind = disabled ? store::EventKind::user_disabled : store::EventKind::user_enabled,
         .session_id = {},
         .device_id = {},
         .reason = reason});
    return true;
}

} // namespace

store::User claim_for_sign_in(const UserKey& user, core::Micros now) {
    const store::User claimed = store::claim_user(user, now);
    if (claimed.is_disabled) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
                        errmsg("the user is disabled")));
    }
    return claimed;
}

std::int32_t disable_user(const core::Uuid& user_id, pg::Value reason) {
    pg::require_writable("disable_user()");
    const UserKey user = UserKey::of(user_id);
    // Also one who was never seen: the first sign-in may be under way.
    (void)store::claim_user(user, pg::now());
    (void)change_disabled(user, true, reason);
    const std::size_t ended = table::as_owner([&](const pg::OwnerScope& owner) {
        return end_sessions(owner, user, {},
                            {.reason = reason, .counter = pg::Counter::revocations_admin})
            .size();
    });
    pg::make_revocation_durable();
    return static_cast<std::int32_t>(ended);
}

bool enable_user(const core::Uuid& user_id) {
    pg::require_writable("enable_user()");
    const UserKey user = UserKey::of(user_id);
    return store::lock_user(user) && change_disabled(user, false, pg::null_value);
}

bool is_user_disabled(const core::Uuid& user_id) {
    return table::as_owner([&](const pg::OwnerScope& owner) {
        return store::is_disabled(owner, UserKey::of(user_id));
    });
}

std::int64_t delete_user(const core::Uuid& user_id) {
    pg::require_writable("delete_user()");
    const UserKey user = UserKey::of(user_id);
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
        store::wait_for_rejections(user);
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
        const pg::Value document = store::stored_of_user(owner, UserKey::of(user_id));
        return pg::copied(document.value, caller);
    });
}

void set_user_session_limit(const core::Uuid& user_id, std::optional<std::int32_t> max_sessions) {
    pg::require_writable("set_user_session_limit()");
    table::as_owner([&](const pg::OwnerScope& owner) {
        store::set_session_limit(owner, UserKey::of(user_id), max_sessions, pg::now());
    });
}

std::int64_t user_epoch(const core::Uuid& user_id) {
    return table::as_owner([&](const pg::OwnerScope& owner) {
        return store::read_epoch(owner, UserKey::of(user_id));
    });
}

} // namespace session_service::service
