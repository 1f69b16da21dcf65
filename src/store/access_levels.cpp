#include "store/access_levels.hpp"

#include "pg/privileges.hpp"

namespace session_service::store {

namespace {

constexpr std::array<std::string_view, access_level_count> names{"validate", "application",
                                                                 "monitor", "admin"};

// Roles are kept by name. What stands there may be text that a DBA made of it.
constinit pg::Statement insert_level{
    "INSERT INTO session_service.access_levels (role, level) VALUES ($1, $2)",
    pg::parameters(NAMEOID, TEXTOID)};

constinit pg::Statement delete_level{
    "DELETE FROM session_service.access_levels a WHERE a.role = $1 AND a.level = $2",
    pg::parameters(NAMEOID, TEXTOID)};

constinit pg::Statement select_levels{
    "SELECT a.level::text FROM session_service.access_levels a WHERE a.role = $1",
    pg::parameters(NAMEOID)};

constinit pg::Statement delete_unknown{
    R"(DELETE FROM session_service.access_levels a
       WHERE NOT EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = a.role))",
    pg::parameters()};

pg::Value name_of(AccessLevel level) {
    return pg::text_value(names[static_cast<std::size_t>(level)]);
}

} // namespace

std::optional<AccessLevel> access_level_named(std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) {
            return static_cast<AccessLevel>(i);
        }
    }
    return std::nullopt;
}

void add_access_level(const pg::OwnerScope& owner, Oid role, AccessLevel level) {
    if (!access_levels_of(owner, role)[static_cast<std::size_t>(level)]) {
        (void)insert_level.write(owner, {pg::role_name(role), name_of(level)});
    }
}

void remove_access_level(const pg::OwnerScope& owner, Oid role, AccessLevel level) {
    (void)delete_level.write(owner, {pg::role_name(role), name_of(level)});
}

AccessLevels access_levels_of(const pg::OwnerScope& owner, Oid role) {
    const pg::Result rows = select_levels.read(owner, {pg::role_name(role)});
    AccessLevels levels{};
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        const auto level = access_level_named(pg::to_view(rows.get(i, 1, TEXTOID).value));
        if (level) {
            levels[static_cast<std::size_t>(*level)] = true;
        }
    }
    return levels;
}

void forget_unknown_roles(const pg::OwnerScope& owner) {
    (void)delete_unknown.write(owner, {});
}

} // namespace session_service::store
