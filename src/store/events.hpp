// The log of what happened, and the hints that NOTIFY carries.
#pragma once

#include "pg/value.hpp"
#include "store/users.hpp"

namespace session_service::store {

enum class EventKind : std::uint8_t {
    session_created,
    session_refreshed,
    session_rotated,
    session_revoked,
    session_evicted,
    session_reuse_detected,
    session_mfa_verified,
    session_reauthenticated,
    session_bound,
    session_proof_rejected,
    device_new,
    device_trusted,
    device_forgotten,
    user_disabled,
    user_enabled,
};

struct Event {
    EventKind kind = EventKind::session_created;
    std::optional<core::Uuid> session_id;
    std::optional<core::Uuid> device_id;
    pg::Value ip_address = pg::null_value;
    pg::Value reason = pg::null_value;
    pg::Value mfa_method = pg::null_value; // goes into the detail
};

/// Whether the settings ask for events of this kind.
bool is_recorded(EventKind kind);

/// No event of that time or later has a smaller id.
core::Uuid first_event_id(core::Micros since);

/// Records an event in the current transaction, if the settings ask for its kind.
void record(const UserKey& user, core::Micros now, const Event& event);

/// Sends the hint of a revocation, if the settings ask for it, as the transaction commits; left out
/// where the server has hardly room for it, and counted. `epoch` is the one that the revocation
/// raised.
void send_hint(const UserKey& user, EventKind kind, const std::optional<core::Uuid>& session_id,
               std::int64_t epoch);

} // namespace session_service::store
