// The settings, all of them, defined in one place. Superusers set them (SUSET), and roles that were
// granted them; the worker's two come from the configuration file (SIGHUP).
#pragma once

#include "core/bucket_set.hpp"
#include "core/lifetime.hpp"

#include "pg/prelude.hpp"

namespace session_service::pg::settings {

using core::Lifetimes;
using core::Micros;

enum class LimitPolicy : int { evict_lru, evict_oldest, reject };
enum class EventLog : int { none, security, all };
enum class RevocationCommit : int { on, remote_apply };
enum class StoreAddresses : int { full, network, none };

/// Defines every setting; called once, as the library is loaded.
void define();

/// The lifetimes that the settings give at this moment.
Lifetimes lifetimes();

bool sliding_expiry();
Micros refresh_grace();
Micros token_overlap();
Micros bound_session_expiry();
Micros challenge_expiry();
Micros proof_max_age();
bool proof_nonce();
Micros touch_interval();
int max_per_user();
LimitPolicy limit_policy();
std::size_t token_length();
Micros device_trust();
int max_devices_per_user();
StoreAddresses store_addresses();
Micros retention();
int cleanup_batch_size();
EventLog event_log();
bool notify();
RevocationCommit revocation_commit();

/// The buckets that this server holds; null where it holds all. Valid until the setting changes.
const core::BucketSet* buckets();

const char* geoip_database();
const char* maintenance_database();
Micros cleanup_interval();

} // namespace session_service::pg::settings
