#include "table/layout.hpp"

#include "table/columns_in_sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace session_service::table {

namespace {

#define SESSION_SERVICE_COLUMN(name, type, takes) Column{#name, Type::type, Takes::takes},

constexpr std::array users_columns{SESSION_SERVICE_USERS_COLUMNS(SESSION_SERVICE_COLUMN)};
constexpr std::array devices_columns{SESSION_SERVICE_DEVICES_COLUMNS(SESSION_SERVICE_COLUMN)};
constexpr std::array sessions_columns{SESSION_SERVICE_SESSIONS_COLUMNS(SESSION_SERVICE_COLUMN)};
constexpr std::array events_columns{SESSION_SERVICE_EVENTS_COLUMNS(SESSION_SERVICE_COLUMN)};
constexpr std::array imported_tokens_columns{
    SESSION_SERVICE_IMPORTED_TOKENS_COLUMNS(SESSION_SERVICE_COLUMN)};

constexpr std::array users_indexes{Index{{users::user_id, users::bucket}, true}};
constexpr std::array devices_indexes{
    Index{{devices::id, devices::bucket}, true},
    Index{{devices::user_id, devices::key_hash, devices::bucket}, true},
    Index{{devices::purge_after}},
};
constexpr std::array sessions_indexes{
    Index{{sessions::id, sessions::bucket}, true},
    Index{{sessions::user_id, sessions::revoked_at, sessions::is_closed, sessions::device_id}},
    Index{{sessions::purge_after}},
};
constexpr std::array events_indexes{Index{{events::id, events::bucket}, true},
                                    Index{{events::user_id, events::id}}};
constexpr std::array imported_tokens_indexes{
    Index{{imported_tokens::token_hash}, true},
    Index{{imported_tokens::session_id, imported_tokens::bucket}},
};

// In the order of TableName.
constexpr std::array<Layout, table_count> layouts{{
    {TableName::users, "users", users_columns, users_indexes,
     SESSION_SERVICE_USERS_COLUMNS(SESSION_SERVICE_SELECTED)},
    {TableName::devices, "devices", devices_columns, devices_indexes,
     SESSION_SERVICE_DEVICES_COLUMNS(SESSION_SERVICE_SELECTED)},
    {TableName::sessions, "sessions", sessions_columns, sessions_indexes,
     SESSION_SERVICE_SESSIONS_COLUMNS(SESSION_SERVICE_SELECTED)},
    {TableName::events, "events", events_columns, events_indexes,
     SESSION_SERVICE_EVENTS_COLUMNS(SESSION_SERVICE_SELECTED)},
    {TableName::imported_tokens, "imported_tokens", imported_tokens_columns,
     imported_tokens_indexes, SESSION_SERVICE_IMPORTED_TOKENS_COLUMNS(SESSION_SERVICE_SELECTED)},
}};

constexpr bool are_complete() {
    for (std::size_t i = 0; i < layouts.size(); ++i) {
        if (static_cast<std::size_t>(layouts[i].table) != i ||
            layouts[i].columns.size() > most_columns || layouts[i].indexes.size() > most_indexes) {
            return false;
        }
    }
    return true;
}
static_assert(are_complete());

} // namespace

const Layout& layout_of(TableName table) {
    return layouts[static_cast<std::size_t>(table)];
}

Oid type_in_statements(Type type) {
    switch (type) {
    case Type::uuid:
        return UUIDOID;
    case Type::smallint:
        return INT2OID;
    case Type::integer:
        return INT4OID;
    case Type::bigint:
        return INT8OID;
    case Type::boolean:
        return BOOLOID;
    case Type::timestamptz:
        return TIMESTAMPTZOID;
    case Type::inet:
        return INETOID;
    case Type::text:
        return TEXTOID;
    case Type::texts:
        return TEXTARRAYOID;
    case Type::jsonb:
        return JSONBOID;
    case Type::bytea:
    case Type::digest:
        return BYTEAOID;
    }
    pg_unreachable();
}

} // namespace session_service::table
