#include "pg/settings.hpp"

#include "core/token.hpp"

#include "pg/entry.hpp"
#include "pg/name_list.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace session_service::pg::settings {

namespace {

constexpr int minute = 60;
constexpr int hour = 60 * minute;
constexpr int day = 24 * hour;

// What the server writes to: plain C variables, in the unit of the setting (seconds).
int session_expiry_seconds = 30 * day;
int refresh_token_expiry_seconds = 90 * day;
int inactivity_timeout_seconds = 7 * day;
int absolute_timeout_seconds = 365 * day;
bool sliding_expiry_on = false;
int refresh_grace_seconds = 30;
int token_overlap_seconds = 0;
int bound_session_expiry_seconds = 10 * minute;
int challenge_expiry_seconds = 5 * minute;
int proof_max_age_seconds = minute;
bool proof_nonce_on = false;
int max_sessions_per_user = 10;
int limit_policy_choice = static_cast<int>(LimitPolicy::evict_lru);
int token_length_bytes = 32;
int touch_interval_seconds = minute;
int device_trust_seconds = 30 * day;
int max_devices = 100;
int store_addresses_choice = static_cast<int>(StoreAddresses::full);
int retention_seconds = 30 * day;
int cleanup_batch_rows = 10'000;
int event_log_choice = static_cast<int>(EventLog::security);
bool notify_on = false;
int revocation_commit_choice = static_cast<int>(RevocationCommit::on);
char* geoip_database_path = nullptr;
char* bucket_list = nullptr;
bool has_all_buckets = true;
core::BucketSet held_buckets;
char* maintenance_database_names = nullptr;
int cleanup_interval_seconds = hour;

const config_enum_entry limit_policy_choices[] = {
    {"evict_lru", static_cast<int>(LimitPolicy::evict_lru), false},
    {"evict_oldest", static_cast<int>(LimitPolicy::evict_oldest), false},
    {"reject", static_cast<int>(LimitPolicy::reject), false},
    {nullptr, 0, false}};

const config_enum_entry event_log_choices[] = {
    {"none", static_cast<int>(EventLog::none), false},
    {"security", static_cast<int>(EventLog::security), false},
    {"all", static_cast<int>(EventLog::all), false},
    {nullptr, 0, false}};

const config_enum_entry revocation_commit_choices[] = {
    {"on", static_cast<int>(RevocationCommit::on), false},
    {"remote_apply", static_cast<int>(RevocationCommit::remote_apply), false},
    {nullptr, 0, false}};

const config_enum_entry store_addresses_choices[] = {
    {"full", static_cast<int>(StoreAddresses::full), false},
    {"network", static_cast<int>(StoreAddresses::network), false},
    {"none", static_cast<int>(StoreAddresses::none), false},
    {nullptr, 0, false}};

void define_seconds(const char* name, const char* description, int* variable, int least, int most,
                    GucContext context = PGC_SUSET) {
    DefineCustomIntVariable(name, description, nullptr, variable, *variable, least, most, context,
                            GUC_UNIT_S, nullptr, nullptr, nullptr);
}

void define_count(const char* name, const char* description, int* variable, int least, int most) {
    DefineCustomIntVariable(name, description, nullptr, variable, *variable, least, most, PGC_SUSET,
                            0, nullptr, nullptr, nullptr);
}

void define_choice(const char* name, const char* description, int* variable,
                   const config_enum_entry* choices) {
    DefineCustomEnumVariable(name, description, nullptr, variable, *variable, choices, PGC_SUSET, 0,
                             nullptr, nullptr, nullptr);
}

void define_switch(const char* name, const char* description, bool* variable) {
    DefineCustomBoolVariable(name, description, nullptr, variable, *variable, PGC_SUSET, 0, nullptr,
                             nullptr, nullptr);
}

// A list that nobody could read would silently clean nothing.
bool is_name_list(char** value, void** /*unused*/, GucSource /*unused*/) {
    return guarded([value] {
        const bool is_valid = split_names(*value).is_valid;
        if (!is_valid) {
            GUC_check_errdetail("List syntax is invalid.");
        }
        return is_valid;
    });
}

bool is_bucket_list(char** value, void** /*unused*/, GucSource /*unused*/) {
    return guarded([value] {
        const bool is_valid = core::BucketSet::parse(*value).has_value();
        if (!is_valid) {
            GUC_check_errdetail("It is a list of buckets from 0 to %d and ranges of them, such as "
                                "\"0-255,512\"; empty for all of them, \"none\" for none.",
                                core::bucket_count - 1);
        }
        return is_valid;
    });
}

// Works out the set once, as the setting is given a value. Reading needs no memory and raises no
// error, neither of which may be here.
void assign_buckets(const char* value, void* /*unused*/) {
    const auto set = core::BucketSet::parse(value);
    has_all_buckets = !set || set->has_all();
    held_buckets = set.value_or(core::BucketSet{});
}

Micros from_seconds(int seconds) {
    return Micros{seconds} * core::micros_per_second;
}

} // namespace

void define() {
    define_seconds("session_service.session_expiry", "Life of a session token.",
                   &session_expiry_seconds, 1, INT_MAX);
    define_seconds("session_service.refresh_token_expiry", "Life of a refresh token.",
                   &refresh_token_expiry_seconds, 1, INT_MAX);
    define_seconds("session_service.inactivity_timeout",
                   "Time without activity after which a session is idle; 0 means never.",
                   &inactivity_timeout_seconds, 0, INT_MAX);
    define_seconds("session_service.absolute_timeout",
                   "Time from the last check of its user after which nothing extends a session; "
                   "0 means none.",
                   &absolute_timeout_seconds, 0, INT_MAX);
    define_switch("session_service.sliding_expiry",
                  "Extends a session in use once less than half of its expiry is left.",
                  &sliding_expiry_on);
    define_seconds(
        "session_service.refresh_grace",
        "Time after a refresh in which the same refresh token returns the same new pair; "
        "0 is strict.",
        &refresh_grace_seconds, 0, day);
    define_seconds("session_service.token_overlap",
                   "Time for which a refresh leaves the session token that it replaced good.",
                   &token_overlap_seconds, 0, 5 * minute);
    define_seconds("session_service.bound_session_expiry",
                   "Life of a session token of a session whose refresh needs a proof.",
                   &bound_session_expiry_seconds, 1, INT_MAX);
    define_seconds("session_service.challenge_expiry", "How long a challenge may be answered.",
                   &challenge_expiry_seconds, 1, day);
    define_seconds("session_service.proof_max_age",
                   "How old, or how far ahead, the time in a DPoP proof may be.",
                   &proof_max_age_seconds, 1, day);
    define_switch("session_service.proof_nonce",
                  "Requires of a DPoP proof the current challenge as its nonce.", &proof_nonce_on);
    define_count("session_service.max_per_user", "Usable sessions a user may have; 0 means any.",
                 &max_sessions_per_user, 0, INT_MAX);
    define_choice("session_service.limit_policy", "What happens at the limit.",
                  &limit_policy_choice, limit_policy_choices);
    define_count("session_service.token_length", "Random bytes in a token's secret.",
                 &token_length_bytes, static_cast<int>(core::min_secret_length),
                 static_cast<int>(core::max_secret_length));
    define_seconds("session_service.touch_interval",
                   "Time in which a session's activity is recorded at most once; 0 records each "
                   "validation.",
                   &touch_interval_seconds, 0, day);
    define_seconds("session_service.device_trust", "How long trust_device trusts a device.",
                   &device_trust_seconds, 1, INT_MAX);
    define_count("session_service.max_devices_per_user",
                 "Devices a user may have before those not in use make room; 0 means any.",
                 &max_devices, 0, INT_MAX);
    define_choice("session_service.store_addresses",
                  "How much of clients' addresses is stored: all, their network, or nothing.",
                  &store_addresses_choice, store_addresses_choices);
    define_seconds("session_service.retention",
                   "How long sessions that are over, events and unused devices are kept.",
                   &retention_seconds, 0, INT_MAX);
    define_count("session_service.cleanup_batch_size",
                 "Rows of each kind that one call of cleanup_sessions deletes at most.",
                 &cleanup_batch_rows, 1, 1'000'000);
    define_choice("session_service.event_log", "Which events are recorded.", &event_log_choice,
                  event_log_choices);
    define_switch("session_service.notify",
                  "Sends revocations with NOTIFY on channel session_service.", &notify_on);
    define_choice("session_service.revocation_commit",
                  "Whether a revocation's COMMIT waits until synchronous standbys show it.",
                  &revocation_commit_choice, revocation_commit_choices);
    DefineCustomStringVariable("session_service.geoip_database",
                               "Path of a MaxMind-format file that maps addresses to places.",
                               nullptr, &geoip_database_path, "", PGC_SUSET, 0, nullptr, nullptr,
                               nullptr);
    DefineCustomStringVariable(
        "session_service.buckets",
        "Buckets that this server holds, such as \"0-2047\"; empty means all.",
        "Calls for any other bucket are refused.", &bucket_list, "", PGC_SUSET, 0, is_bucket_list,
        assign_buckets, nullptr);
    DefineCustomStringVariable("session_service.maintenance_database",
                               "Databases that the maintenance worker cleans, comma-separated.",
                               "Needs session_service in shared_preload_libraries.",
                               &maintenance_database_names, "", PGC_SIGHUP, GUC_LIST_INPUT,
                               is_name_list, nullptr, nullptr);
    define_seconds("session_service.cleanup_interval", "Time between the worker's cleanups.",
                   &cleanup_interval_seconds, 1, 7 * day, PGC_SIGHUP);
    MarkGUCPrefixReserved("session_service");
}

Lifetimes lifetimes() {
    return {.session = from_seconds(session_expiry_seconds),
            .refresh = from_seconds(refresh_token_expiry_seconds),
            .inactivity = from_seconds(inactivity_timeout_seconds),
            .absolute = from_seconds(absolute_timeout_seconds)};
}

bool sliding_expiry() {
    return sliding_expiry_on;
}

Micros refresh_grace() {
    return from_seconds(refresh_grace_seconds);
}

Micros token_overlap() {
    return from_seconds(token_overlap_seconds);
}

Micros bound_session_expiry() {
    return from_seconds(bound_session_expiry_seconds);
}

Micros challenge_expiry() {
    return from_seconds(challenge_expiry_seconds);
}

Micros proof_max_age() {
    return from_seconds(proof_max_age_seconds);
}

bool proof_nonce() {
    return proof_nonce_on;
}

Micros touch_interval() {
    return from_seconds(touch_interval_seconds);
}

int max_per_user() {
    return max_sessions_per_user;
}

LimitPolicy limit_policy() {
    return static_cast<LimitPolicy>(limit_policy_choice);
}

std::size_t token_length() {
    return static_cast<std::size_t>(token_length_bytes);
}

Micros device_trust() {
    return from_seconds(device_trust_seconds);
}

int max_devices_per_user() {
    return max_devices;
}

StoreAddresses store_addresses() {
    return static_cast<StoreAddresses>(store_addresses_choice);
}

Micros retention() {
    return from_seconds(retention_seconds);
}

int cleanup_batch_size() {
    return cleanup_batch_rows;
}

EventLog event_log() {
    return static_cast<EventLog>(event_log_choice);
}

bool notify() {
    return notify_on;
}

RevocationCommit revocation_commit() {
    return static_cast<RevocationCommit>(revocation_commit_choice);
}

const core::BucketSet* buckets() {
    return has_all_buckets ? nullptr : &held_buckets;
}

const char* geoip_database() {
    return geoip_database_path;
}

const char* maintenance_database() {
    return maintenance_database_names;
}

Micros cleanup_interval() {
    return from_seconds(cleanup_interval_seconds);
}

} // namespace session_service::pg::settings
