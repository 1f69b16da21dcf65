#include "service/access.hpp"

#include "pg/commit.hpp"
#include "pg/privileges.hpp"
#include "table/table.hpp"

namespace session_service::service {

namespace {

using store::AccessLevel;
using store::AccessLevels;

// The functions of each level, without those of the levels that it contains. What is named in none
// of these is admin's alone.
constexpr std::array validate_functions{"validate_session",
                                        "validate_user",
                                        "validate_session_hash",
                                        "validate_sessions",
                                        "authenticate",
                                        "introspect_token",
                                        "validate_session_proof",
                                        "session_challenge",
                                        "hash_token",
                                        "session_bucket",
                                        "user_bucket",
                                        "token_bucket",
                                        "session_range",
                                        "user_range",
                                        "token_range",
                                        "token_session_id",
                                        "current_session_id",
                                        "current_user_id",
                                        "current_scopes",
                                        "has_scope",
                                        "is_mfa_verified",
                                        "current_metadata",
                                        "is_authenticated_within"};

constexpr std::array application_functions{"create_session",
                                           "bind_session",
                                           "refresh_session",
                                           "rotate_session_token",
                                           "reauthenticate_session",
                                           "extend_session",
                                           "revoke_session",
                                           "revoke_user_session",
                                           "revoke_session_by_token",
                                           "revoke_all_user_sessions",
                                           "revoke_all_user_sessions_except",
                                           "revoke_device_sessions",
                                           "revoke_external_sessions",
                                           "get_session",
                                           "get_user_session",
                                           "list_user_sessions",
                                           "find_external_sessions",
                                           "list_mfa_verified_sessions",
                                           "list_events",
                                           "count_user_sessions",
                                           "mark_mfa_verified",
                                           "mark_mfa_verified_by_token",
                                           "clear_mfa_verified",
                                           "set_session_scopes",
                                           "set_session_metadata",
                                           "patch_session_metadata",
                                           "touch_sessions",
                                           "list_user_devices",
                                           "is_known_device",
                                           "is_trusted_device",
                                           "trust_device",
                                           "untrust_device",
                                           "untrust_all_devices",
                                           "rename_device",
                                           "forget_device",
                                           "generate_token",
                                           "user_epoch",
                                           "is_user_disabled",
                                           "user_uuid",
                                           "user_uuid_from_text",
                                           "user_bigint",
                                           "describe_user_agent"};

constexpr std::array monitor_functions{"count_active_sessions", "stats", "health"};

constexpr std::size_t index_of(AccessLevel level) {
    return static_cast<std::size_t>(level);
}

// The levels that `levels` amount to, with what they contain.
AccessLevels with_contained(AccessLevels levels) {
    if (levels[index_of(AccessLevel::admin)]) {
        levels.fill(true);
    }
    if (levels[index_of(AccessLevel::application)]) {
        levels[index_of(AccessLevel::validate)] = true;
    }
    return levels;
}

bool is_named(std::span<const char* const> functions, const char* name) {
    return std::ranges::any_of(
        functions, [name](const char* function) { return std::strcmp(function, name) == 0; });
}

// Not even admin's: it is called by the functions of a front database, which are the owner's.
constexpr const char* owners_function = "bind_identity";

// The level that a function is listed in; nothing where it is for nobody but the owner.
std::optional<AccessLevel> level_of(const char* function) {
    if (std::strcmp(function, owners_function) == 0) {
        return std::nullopt;
    }
    if (is_named(validate_functions, function)) {
        return AccessLevel::validate;
    }
    if (is_named(application_functions, function)) {
        return AccessLevel::application;
    }
    if (is_named(monitor_functions, function)) {
        return AccessLevel::monitor;
    }
    return AccessLevel::admin;
}

void require_role(Oid role) {
    if (!pg::role_exists(role)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role does not exist")));
    }
}

} // namespace

void grant_access(Oid role, AccessLevel level) {
    pg::require_writable("grant_access()");
    require_role(role);
    table::as_owner([&](const pg::OwnerScope& owner) {
        store::forget_unknown_roles(owner);
        store::add_access_level(owner, role, level);
        // This level alone: the role may have lost others by hand since they were noted.
        AccessLevels granted{};
        granted[index_of(level)] = true;
        granted = with_contained(granted);
        pg::grant_usage(role, true);
        pg::grant_execute(role, true, [&](const char* function) {
            const auto level_of_it = level_of(function);
            return level_of_it && granted[index_of(*level_of_it)];
        });
    });
}

void revoke_access(Oid role, AccessLevel level) {
    pg::require_writable("revoke_access()");
    require_role(role);
    table::as_owner([&](const pg::OwnerScope& owner) {
        store::forget_unknown_roles(owner);
        store::remove_access_level(owner, role, level);
        const AccessLevels kept = with_contained(store::access_levels_of(owner, role));
        AccessLevels taken{};
        taken[index_of(level)] = true;
        taken = with_contained(taken);
        pg::grant_execute(role, false, [&](const char* function) {
            const auto listed = level_of(function);
            return listed && taken[index_of(*listed)] && !kept[index_of(*listed)];
        });
        if (std::ranges::none_of(kept, [](bool is_kept) { return is_kept; })) {
            pg::grant_usage(role, false);
        }
    });
}

} // namespace session_service::service
