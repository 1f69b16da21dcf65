// The devices that sessions belong to.
#pragma once

#include "core/user_agent.hpp"

#include "pg/statement.hpp"
#include "store/open_sessions.hpp"
#include "store/sessions.hpp"

namespace session_service::store {

/// How a client that signs in describes itself; each may be NULL.
struct DeviceDescription {
    pg::Value key = pg::null_value; // a secret or id that the client keeps
    pg::Value name = pg::null_value;
    pg::Value user_agent = pg::null_value;
    pg::Value ip_address = pg::null_value;
};

struct Device {
    core::Uuid id;
    bool is_new;
    int count; // how many the user has, where it is new

    bool is_first() const { return is_new && count == 1; }
};

/// When a device is in use: an import's use lies in the past.
struct DeviceUse {
    core::Micros used_at;
    core::Micros now;
};

/// Finds the user's device, or makes it: by its key, else by browser, operating system, device type
/// and name. Of two sign-ins that race from the same new device exactly one finds it new. REQUIRES:
/// the user's row is held.
///
/// `sessions` are the user's open sessions, where they were counted. A known device that has one of
/// these, good for another day, is not written where only the time of the last sign-in would
/// change: its open sessions tell that, and who ends one notes it.
Device find_or_create_device(const UserKey& user, const DeviceDescription& description,
                             const std::optional<std::span<const CountedSession>>& sessions,
                             const DeviceUse& use);

/// For a new device: those go for which session_service.max_devices_per_user leaves no room. They
/// were seen longest ago, are not trusted, and have no usable session.
void make_room_for_device(const UserKey& user, const Device& device, core::Micros now);

/// Notes when and from where ended sessions were used last, of devices whose rows do not know it.
/// Changes the order of the sessions. A device whose row somebody holds is left as it is.
void note_last_uses(const UserKey& user, std::span<EndedSession> sessions);

/// Notes another user agent of a device, unless its row is locked: a refresh never waits for it.
void update_user_agent(const UserKey& user, const core::Uuid& device_id, pg::Value user_agent);

/// The columns of each row are those of list_user_devices. Latest seen first.
pg::Result devices_of_user(const pg::OwnerScope& owner, const UserKey& user, core::Micros now,
                           const std::optional<core::Uuid>& current_device_id);

/// What is known of a device that a client's key names.
struct KeyedDevice {
    core::Uuid id;
    bool is_trusted;
};
std::optional<KeyedDevice> find_keyed_device(const UserKey& user, pg::Value key, core::Micros now);

/// Change one of the user's devices; false where there is none with this id. REQUIRES: the user's
/// row is held.
bool set_trust(const pg::OwnerScope& owner, const UserKey& user, const core::Uuid& device_id,
               std::optional<core::Micros> trusted_until);
/// Ends the trust in all of them; how many were trusted.
std::int32_t end_trust_of_all(const pg::OwnerScope& owner, const UserKey& user, core::Micros now);
bool set_device_name(const pg::OwnerScope& owner, const UserKey& user, const core::Uuid& device_id,
                     pg::Value name);
bool delete_device(const pg::OwnerScope& owner, const UserKey& user, const core::Uuid& device_id);

/// Deletes the user's devices.
void delete_devices(const pg::OwnerScope& owner, const UserKey& user);

} // namespace session_service::store
