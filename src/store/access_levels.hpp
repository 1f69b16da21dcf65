// Which access levels which roles were granted. The privileges alone do not tell: a role with two
// levels holds the same functions as one with the larger of them.
#pragma once

#include "pg/statement.hpp"

namespace session_service::store {

enum class AccessLevel : std::uint8_t { validate, application, monitor, admin };
inline constexpr std::size_t access_level_count = 4;

/// The level of this name; nothing for another.
std::optional<AccessLevel> access_level_named(std::string_view name);

using AccessLevels = std::array<bool, access_level_count>;

void add_access_level(const pg::OwnerScope& owner, Oid role, AccessLevel level);
void remove_access_level(const pg::OwnerScope& owner, Oid role, AccessLevel level);
AccessLevels access_levels_of(const pg::OwnerScope& owner, Oid role);

/// Forgets roles that no longer exist.
void forget_dropped_roles(const pg::OwnerScope& owner);

} // namespace session_service::store
