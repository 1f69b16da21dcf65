#include "service/import.hpp"

#include "core/uuid.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "service/limit.hpp"
#include "service/users.hpp"
#include "store/devices.hpp"
#include "store/events.hpp"
#include "store/imported_tokens.hpp"
#include "store/sessions.hpp"

namespace session_service::service {

namespace {

using store::UserKey;

// Deadlines as the other system gave them, within what the settings allow from the creation on.
core::Deadlines deadlines_of(const ImportedSession& request, const core::Lifetimes& own,
                             Micros created, Micros last_activity) {
    const core::Lifetimes settings = pg::settings::lifetimes();
    core::Deadlines deadlines;
    if (settings.absolute != 0) {
        deadlines.absolute = core::later(created, settings.absolute);
    }
    deadlines.expires = std::min(request.expires, deadlines.absolute);
    if (request.refresh_hash) {
        deadlines.refresh =
            std::min(request.refresh_expires.value_or(request.expires), deadlines.absolute);
    }
    if (own.inactivity != 0) {
        deadlines.idle = core::later(last_activity, own.inactivity);
    }
    return deadlines;
}

[[noreturn]] void raise_hash_of_another() {
    ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
                    errmsg("another token was imported with one of these hashes")));
    pg_unreachable();
}

// The session that was imported with this session token. A refresh token of another's opens none.
std::optional<core::Uuid> find_known(const core::Digest& token_hash) {
    const auto known = store::find_imported_token(token_hash);
    if (known && known->is_refresh) {
        raise_hash_of_another();
    }
    return known ? std::optional{known->session_id} : std::nullopt;
}

// Reserves the hashes for the session; they are in nobody's hands yet.
void add_hashes(const pg::OwnerScope& owner, const ImportedSession& request, const UserKey& user,
                const core::Uuid& session_id) {
    const auto add_token = [&] {
        return store::add_imported_token(owner, request.token_hash, user, session_id, false);
    };
    const auto add_refresh_token = [&] {
        return !request.refresh_hash ||
               store::add_imported_token(owner, *request.refresh_hash, user, session_id, true);
    };
    // In the order of the hashes, so that two imports of the same hashes meet no deadlock.
    const bool is_refresh_first =
        request.refresh_hash && *request.refresh_hash < request.token_hash;
    const bool is_new =
        is_refresh_first ? add_refresh_token() && add_token() : add_token() && add_refresh_token();
    if (!is_new) {
        // It was not there when this call looked, and who looks again finds it.
        const auto known = store::find_imported_token(request.token_hash);
        if (known && known->session_id != session_id) {
            ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                            errmsg("the same token was imported for another user at the same time"),
                            errhint("The call can be tried again.")));
        }
        raise_hash_of_another();
    }
}

core::Uuid import_new(const ImportedSession& request, const UserKey& user) {
    const store::User claimed = claim_for_sign_in(user, pg::now());
    const Micros now = pg::now();
    // Once more, now that no other import of this user's is under way.
    if (const auto known = find_known(request.token_hash)) {
        return *known;
    }
    const core::Lifetimes own = pg::settings::lifetimes();
    // No session was created or active in the future, or active before it was created.
    const Micros created = std::min(request.created.value_or(now), now);
    const Micros last_activity = std::clamp(request.last_activity.value_or(now), created, now);
    const core::Deadlines deadlines = deadlines_of(request, own, created, last_activity);
    const Counted counted = sessions_to_count(user, claimed);
    const store::Device device =
        store::find_or_create_device(user,
                                     {.key = request.device_key,
                                      .name = request.device_name,
                                      .user_agent = request.user_agent,
                                      .ip_address = request.ip_address},
                                     counted, {.used_at = last_activity, .now = now});
    const bool is_usable = core::is_usable(deadlines, now);
    if (is_usable) {
        (void)make_room(user, claimed, counted,
                        {.device_id = device.id,
                         .has_address = !request.ip_address.isnull,
                         .used_at = last_activity},
                        now);
    }
    store::make_room_for_device(user, device, now);
    const core::Uuid id = core::make_uuid7(pg::to_unix(now) / 1000, user.bucket,
                                           pg::random_bytes<std::array<std::uint8_t, 8>>());
    table::as_owner([&](const pg::OwnerScope& owner) { add_hashes(owner, request, user, id); });
    store::insert_session(user, {.id = id,
                                 .device_id = device.id,
                                 .token_hash = request.token_hash,
                                 .refresh_hash = request.refresh_hash,
                                 .family_hash = {},
                                 .secret_length = pg::settings::token_length(),
                                 .created = created,
                                 .last_activity = last_activity,
                                 .is_closed = !is_usable,
                                 .mfa_verified = request.is_mfa_verified ? created : core::never,
                                 .own = own,
                                 .deadlines = deadlines,
                                 .scopes = request.scopes,
                                 .metadata = request.metadata,
                                 .ip_address = request.ip_address,
                                 .acr = pg::null_value,
                                 .amr = pg::null_value});
    store::record(user, now,
                  {.kind = store::EventKind::session_created,
                   .session_id = id,
                   .device_id = device.id,
                   .ip_address = request.ip_address,
                   .reason = pg::text_value("Imported")});
    pg::count(pg::Counter::sessions_imported);
    return id;
}

} // namespace

core::Uuid import_session(const ImportedSession& request) {
    pg::require_writable("import_session()");
    const UserKey user = UserKey::of(request.user_id);
    const auto known = find_known(request.token_hash);
    const core::Uuid id = known ? *known : import_new(request, user);
    pg::make_durable();
    return id;
}

} // namespace session_service::service
