#include "store/access_levels.hpp"

#include "pg/statement.hpp"
#include "store/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace session_service::store {

namespace {

using pg::Access;

constexpr std::array<std::string_view, access_level_count> names{"validate", "application",
                                                                 "monitor", "admin"};

constinit pg::Statement insert_level{
    "INSERT INTO session_service.access_levels (role, level) VALUES ($1::pg_catalog.regrole, $2) "
    "ON CONFLICT DO NOTHING",
    std::array<Oid, 2>{OIDOID, TEXTOID}};

#define SQL_THIS_ROLE "a.role::pg_catalog.oid" SQL_EQ "$1"

constinit pg::Statement delete_level{
    "DELETE FROM session_service.access_levels a WHERE " SQL_THIS_ROLE " AND a.level" SQL_EQ "$2",
    std::array<Oid, 2>{OIDOID, TEXTOID}};

constinit pg::Statement select_levels{
    "SELECT a.level FROM session_service.access_levels a WHERE " SQL_THIS_ROLE,
    std::array<Oid, 1>{OIDOID}};

constinit pg::Statement delete_dropped{
    "DELETE FROM session_service.access_levels a WHERE NOT EXISTS ("
    "SELECT 1 FROM pg_catalog.pg_roles r WHERE r.oid" SQL_EQ "a.role::pg_catalog.oid)",
    std::array<Oid, 0>{}};

} // namespace

std::optional<AccessLevel> access_level_named(std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) {
            return static_cast<AccessLevel>(i);
        }
    }
    return std::nullopt;
}

void add_access_level(Oid role, AccessLevel level) {
    (void)insert_level.run(Access::write, {pg::value(ObjectIdGetDatum(role)),
                                           pg::text_value(names[static_cast<std::size_t>(level)])});
}

void remove_access_level(Oid role, AccessLevel level) {
    (void)delete_level.run(Access::write, {pg::value(ObjectIdGetDatum(role)),
                                           pg::text_value(names[static_cast<std::size_t>(level)])});
}

AccessLevels access_levels_of(Oid role) {
    const pg::Result rows = select_levels.run(Access::read, {pg::value(ObjectIdGetDatum(role))});
    AccessLevels levels{};
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        if (const auto level = access_level_named(pg::to_view(rows(i, 1)))) {
            levels[static_cast<std::size_t>(*level)] = true;
        }
    }
    return levels;
}

void forget_dropped_roles() {
    (void)delete_dropped.run(Access::write, {});
}

} // namespace session_service::store
