// Which access levels which roles were granted. The privileges alone do not tell: a role with two
// levels holds the same functions as one with the larger of them.
//
// The rows have names, since they may be read on another server, where an OID is somebody else's.
// A name is no promise either: who is created under it later is meant too.
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

/// Forgets the names of roles that do not exist here, so that they are nobody's who comes later.
void forget_unknown_roles(const pg::OwnerScope& owner);

} // namespace session_service::store
