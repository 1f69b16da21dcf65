#include "service/devices.hpp"

#include "pg/commit.hpp"
#include "pg/settings.hpp"
#include "service/revocation.hpp"
#include "store/devices.hpp"
#include "store/events.hpp"

namespace session_service::service {

namespace {

using store::UserKey;

std::optional<store::KeyedDevice> find_device(const core::Uuid& user_id, pg::Value key) {
    if (key.isnull) {
        return std::nullopt;
    }
    return store::find_keyed_device(UserKey::of(user_id), key, pg::now());
}

// Runs `change` with the user's row held.
template <typename Change>
bool change_device(const core::Uuid& user_id, const char* function, Change&& change) {
    pg::require_writable(function);
    const UserKey user = UserKey::of(user_id);
    return store::lock_user(user) &&
           table::as_owner([&](const pg::OwnerScope& owner) { return change(owner, user); });
}

} // namespace

bool is_known_device(const core::Uuid& user_id, pg::Value key) {
    return find_device(user_id, key).has_value();
}

bool is_trusted_device(const core::Uuid& user_id, pg::Value key) {
    const auto device = find_device(user_id, key);
    return device && device->is_trusted;
}

bool trust_device(const core::Uuid& user_id, const core::Uuid& device_id,
                  std::optional<Micros> trust_for) {
    return change_device(
        user_id, "trust_device()", [&](const pg::OwnerScope& owner, const UserKey& user) {
            const Micros now = pg::now();
            const Micros until = core::later(now, trust_for.value_or(pg::settings::device_trust()));
            if (!store::set_trust(owner, user, device_id, until)) {
                return false;
            }
            store::record(user, now,
                          {.kind = store::EventKind::device_trusted,
                           .session_id = {},
                           .device_id = device_id});
            return true;
        });
}

bool untrust_device(const core::Uuid& user_id, const core::Uuid& device_id) {
    return change_device(user_id, "untrust_device()",
                         [&](const pg::OwnerScope& owner, const UserKey& user) {
                             return store::set_trust(owner, user, device_id, std::nullopt);
                         });
}

std::int32_t untrust_all_devices(const core::Uuid& user_id) {
    pg::require_writable("untrust_all_devices()");
    const UserKey user = UserKey::of(user_id);
    if (!store::lock_user(user)) {
        return 0;
    }
    return table::as_owner([&](const pg::OwnerScope& owner) {
        return store::end_trust_of_all(owner, user, pg::now());
    });
}

bool rename_device(const core::Uuid& user_id, const core::Uuid& device_id, pg::Value name) {
    return change_device(user_id, "rename_device()",
                         [&](const pg::OwnerScope& owner, const UserKey& user) {
                             return store::set_device_name(owner, user, device_id, name);
                         });
}

bool forget_device(const core::Uuid& user_id, const core::Uuid& device_id) {
    std::size_t ended = 0;
    const bool forgotten = change_device(
        user_id, "forget_device()", [&](const pg::OwnerScope& owner, const UserKey& user) {
            if (!store::delete_device(owner, user, device_id)) {
                return false;
            }
            const pg::Value reason = pg::text_value("Device signed out");
            ended =
                end_sessions(owner, user,
                             {.except = {}, .device_id = device_id, .inactivity = {}, .ids = {}},
                             {.reason = reason})
                    .size();
            store::record(user, pg::now(),
                          {.kind = store::EventKind::device_forgotten,
                           .session_id = {},
                           .device_id = device_id,
                           .reason = reason});
            return true;
        });
    if (ended > 0) {
        pg::make_revocation_durable();
    }
    return forgotten;
}

} // namespace session_service::service
