#include "service/sign_in.hpp"

#include "core/crypto.hpp"
#include "core/uuid.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "service/limit.hpp"
#include "service/tokens.hpp"
#include "service/users.hpp"
#include "store/devices.hpp"
#include "store/events.hpp"
#include "store/external_sessions.hpp"
#include "store/sessions.hpp"

namespace session_service::service {

namespace {

using store::UserKey;

// The session's own lifetimes, for good: what was asked for may only shorten what the settings
// give.
core::Lifetimes own_lifetimes(const SignIn& request) {
    const core::Lifetimes settings = pg::settings::lifetimes();
    return core::shorter({.session = request.session_expiry.value_or(settings.session),
                          .refresh = request.refresh_expiry.value_or(settings.refresh),
                          .inactivity = request.inactivity_timeout.value_or(0),
                          .absolute = request.absolute_timeout.value_or(0)},
                         settings);
}

core::Deadlines first_deadlines(const SignIn& request, const core::Lifetimes& own, Micros now) {
    const Micros absolute = own.absolute == 0 ? core::never : core::later(now, own.absolute);
    return core::renewed(now, own, absolute, request.issue_refresh);
}

// Drawn at once: a call of the generator costs more than the bytes that it gives.
struct Drawn {
    std::array<std::uint8_t, 8> session_id;
    core::FamilyKey family_key;
    std::array<std::uint8_t, core::max_secret_length> secret;
    std::array<std::uint8_t, core::max_secret_length> refresh_secret;
};
static_assert(std::is_trivially_copyable_v<Drawn>, "filled as bytes");

Drawn draw() {
    Drawn drawn{};
    pg::fill_random({reinterpret_cast<std::uint8_t*>(&drawn), sizeof drawn});
    return drawn;
}

// As many of these bytes as the settings ask for.
core::Secret secret_of(const std::array<std::uint8_t, core::max_secret_length>& drawn) {
    return {.bytes = drawn, .length = pg::settings::token_length()};
}

SignedIn create_session(const SignIn& request) {
    const UserKey user = UserKey::of(request.user_id);
    const store::User claimed = claim_for_sign_in(user, pg::now());
    const Micros now = pg::now(); // after the wait for the user's row

    const core::Lifetimes own = own_lifetimes(request);
    const core::Deadlines deadlines = first_deadlines(request, own, now);
    Counted counted = sessions_to_count(user, claimed);
    const store::Device device =
        store::find_or_create_device(user,
                                     {.key = request.device_key,
                                      .name = request.device_name,
                                      .user_agent = request.user_agent,
                                      .ip_address = request.ip_address},
                                     counted, {.used_at = now, .now = now});

    SignedIn made{};
    if (request.replace_device_sessions && !device.is_new) {
        made.replaced_session_ids = replace_sessions_of_device(user, device.id);
        counted = sessions_to_count(user, claimed);
    }
    made.evicted_session_ids = make_room(
        user, claimed, counted,
        {.device_id = device.id, .has_address = !request.ip_address.isnull, .used_at = now}, now);
    store::make_room_for_device(user, device, now);
    const Drawn drawn = draw();
    made.session_id = core::make_uuid7(pg::to_unix(now) / 1000, user.bucket, drawn.session_id);
    made.device_id = device.id;
    made.is_new_device = device.is_new;
    made.is_first_device = device.is_first();
    made.expires = deadlines.expires;
    made.refresh_expires = deadlines.refresh;

    const Issued token = issue_session_token(made.session_id, secret_of(drawn.secret));
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
                              .ip_address = request.ip_address,
                              .acr = request.acr,
                              .amr = request.amr};
    if (request.issue_refresh) {
        const Issued refresh =
            issue_refresh_token(made.session_id, drawn.family_key, secret_of(drawn.refresh_secret));
        made.refresh_token = refresh.text;
        session.refresh_hash = refresh.hash;
        session.family_hash = core::sha256(drawn.family_key);
    }
    store::insert_session(user, session);
    if (request.external_hash) {
        store::add_external_session(*request.external_hash, user, made.session_id);
    }

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
    const SignedIn made = create_session(request);
    pg::make_durable();
    pg::count(pg::Counter::sessions_created);
    return made;
}

} // namespace session_service::service
