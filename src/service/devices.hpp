// A user's devices: trust, names, forgetting.
#pragma once

#include "core/lifetime.hpp"

#include "pg/value.hpp"

namespace session_service::service {

using core::Micros;

bool is_known_device(const core::Uuid& user_id, pg::Value key);
bool is_trusted_device(const core::Uuid& user_id, pg::Value key);

/// Each tells whether the user has such a device.
bool trust_device(const core::Uuid& user_id, const core::Uuid& device_id,
                  std::optional<Micros> trust_for);
bool untrust_device(const core::Uuid& user_id, const core::Uuid& device_id);
bool rename_device(const core::Uuid& user_id, const core::Uuid& device_id, pg::Value name);

/// Ends the trust in all of the user's devices; how many were trusted.
std::int32_t untrust_all_devices(const core::Uuid& user_id);

/// Ends the device's sessions and deletes it.
bool forget_device(const core::Uuid& user_id, const core::Uuid& device_id);

} // namespace session_service::service
