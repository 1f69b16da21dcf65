#include "service/sign_in.hpp"

#include "core/crypto.hpp"
#include "core/uuid.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/random.hpp"
#include "service/limit.hpp"
#include "service/tokens.hpp"
#include "store/catalog.hpp"
#include "store/devices.hpp"
#include "store/events.hpp"
#include "store/sessions.hpp"

namespace session_service::service {

namespace {

using store::UserKey;

// The session's own lifetimes, for good: what was asked for may only shorten what the settings
// give.
core::Lifetimes own_lifetimes(const SignIn& request) {
    const core::Lifetimes settings = pg::settings::lifetimes();
    return core::shorter({.session = request.session_expiry.value_or(settings.session),
                          .refresh = settings.refresh,
                          .inactivity = request.inactivity_timeout.value_or(0),
                          .absolute = 0},
                         settings);
}

SignedIn sign_in_as_owner(const SignIn& request, MemoryContext memory) {
    const UserKey user = UserKey::of(request.user_id);
    const store::User claimed = store::claim_user(user, pg::now());
    const Micros now = pg::now(); // after the wait for the user's row

    const core::Lifetimes own = own_lifetimes(request);
    const Micros absolute = pg::settings::lifetimes().absolute;
    const core::Deadlines deadlines = core::renewed(
        now, own, absolute == 0 ? core::never : core::later(now, absolute), request.issue_refresh);
    const store::Device device = store::find_or_create_device(user,
                                                              {.key = request.device_key,
                                                               .name = request.device_name,
                                                               .user_agent = request.user_agent,
                                                               .ip_address = request.ip_address},
                                                              now, core::purge_day(deadlines));

    SignedIn made{};
    made.evicted_session_ids = make_room(user, claimed, now, memory);
    made.session_id = core::make_uuid7(pg::to_unix(now) / 1000, user.bucket,
                                       pg::random_bytes<std::array<std::uint8_t, 8>>());
    made.device_id = device.id;
    made.is_new_device = device.is_new;
    made.expires = deadlines.expires;
    made.refresh_expires = deadlines.refresh;

    const Issued token = issue_session_token(made.session_id, new_secret());
    made.token = token.text;
    store::NewSession session{.id = made.session_id,
                              .device_id = device.id,
                              .token_hash = token.hash,
                              .refresh_hash = {},
                              .family_hash = {},
                              .secret_length = pg::settings::token_length(),
                              .created = now,
                              .last_activity = now,
                              .mfa_verified = core::never,
                              .own = own,
                              .deadlines = deadlines,
                              .scopes = request.scopes,
                              .metadata = request.metadata,
                              .ip_address = request.ip_address};
    if (request.issue_refresh) {
        const auto family_key = pg::random_bytes<core::FamilyKey>();
        const Issued refresh = issue_refresh_token(made.session_id, family_key, new_secret());
        made.refresh_token = refresh.text;
        session.refresh_hash = refresh.hash;
        session.family_hash = core::sha256(family_key);
    }
    store::insert_session(user, session);

    store::Event event{.kind = store::EventKind::device_new,
                       .session_id = made.session_id,
                       .device_id = device.id,
                       .ip_address = request.ip_address};
    if (device.is_new) {
        store::record(user, now, event);
    }
    event.kind = store::EventKind::session_created;
    store::record(user, now, event);
    return made;
}

} // namespace

SignedIn sign_in(const SignIn& request) {
    pg::require_writable("create_session()");
    const MemoryContext memory = CurrentMemoryContext;
    const SignedIn made = store::as_owner([&] { return sign_in_as_owner(request, memory); });
    pg::make_durable();
    pg::count(pg::Counter::sessions_created);
    return made;
}

} // namespace session_service::service
