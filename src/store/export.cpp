#include "store/export.hpp"

#include "table/columns_in_sql.hpp"

namespace session_service::store {

namespace {

constexpr pg::SqlText of_user{" t WHERE t.user_id = $1 AND t.bucket = $2) r)"};

// Rows are made from lists of our columns, each of a type of the server's: of a whole row of a
// table, to_jsonb() would run what somebody's type has as its cast to json.
template <std::size_t Table, std::size_t Columns>
constexpr auto rows_of(const char (&table)[Table], const pg::SqlText<Columns>& columns) noexcept {
    return "(SELECT COALESCE(jsonb_agg(to_jsonb(r) ORDER BY r.id), '[]') FROM (SELECT " + columns +
           " FROM session_service." + pg::SqlText<Table>{table} + of_user;
}

constinit pg::Statement select_all{
    "SELECT jsonb_build_object('user', (SELECT to_jsonb(r) FROM (SELECT " + table::users::shown +
        " FROM session_service.users" + of_user + ", 'sessions', " +
        rows_of("sessions", table::sessions::shown) + ", 'devices', " +
        rows_of("devices", table::devices::shown) + ", 'events', " +
        rows_of("events", table::events::shown) + ")",
    pg::parameters(UUIDOID, INT2OID)};

} // namespace

pg::Value stored_of_user(const pg::OwnerScope& owner, const UserKey& user) {
    return select_all.read(owner, {user.id_value(), user.bucket_value()}).get(0, 1, JSONBOID);
}

} // namespace session_service::store
