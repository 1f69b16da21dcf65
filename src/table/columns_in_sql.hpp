// The columns of our tables as SQL has them, in texts that follow from layout.hpp.
#pragma once

#include "table/layout.hpp"

// A cast to the type that a column has costs nothing.
#define SESSION_SERVICE_SQL_uuid "pg_catalog.uuid"
#define SESSION_SERVICE_SQL_smallint "pg_catalog.int2"
#define SESSION_SERVICE_SQL_integer "pg_catalog.int4"
#define SESSION_SERVICE_SQL_bigint "pg_catalog.int8"
#define SESSION_SERVICE_SQL_boolean "pg_catalog.bool"
#define SESSION_SERVICE_SQL_timestamptz "pg_catalog.timestamptz"
#define SESSION_SERVICE_SQL_inet "pg_catalog.inet"
#define SESSION_SERVICE_SQL_text "pg_catalog.text"
#define SESSION_SERVICE_SQL_texts "pg_catalog.text[]"
#define SESSION_SERVICE_SQL_jsonb "pg_catalog.jsonb"
#define SESSION_SERVICE_SQL_bytea "pg_catalog.bytea"
#define SESSION_SERVICE_SQL_digest "session_service.token_hash"

// A column of a table `t`, after a comma.
#define SESSION_SERVICE_SELECTED(name, type, takes) ", t." #name "::" SESSION_SERVICE_SQL_##type

// The same, but nothing for what is no reader's business: a digest, of a token or key, and bytes,
// such as the salt from which tokens follow. Each other type is shown, so that no column is
// forgotten.
#define SESSION_SERVICE_SHOWN(name, type, takes) SESSION_SERVICE_SHOWN_##type(name, type)
#define SESSION_SERVICE_SHOWN_uuid(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_smallint(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_integer(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_bigint(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_boolean(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_timestamptz(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_inet(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_text(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_texts(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_jsonb(name, type) SESSION_SERVICE_SELECTED(name, type, )
#define SESSION_SERVICE_SHOWN_bytea(name, type)
#define SESSION_SERVICE_SHOWN_digest(name, type)

namespace session_service::table {

/// A list that the macros made, without its first comma.
template <std::size_t Size>
constexpr pg::SqlText<Size - 2> listed(const char (&columns)[Size]) noexcept {
    pg::SqlText<Size - 2> list;
    std::copy_n(columns + 2, Size - 2, list.text);
    return list;
}

/// The columns of a table `t` that may be shown to whom its rows are about.
namespace users {
inline constexpr auto shown = listed(SESSION_SERVICE_USERS_COLUMNS(SESSION_SERVICE_SHOWN));
}
namespace devices {
inline constexpr auto shown = listed(SESSION_SERVICE_DEVICES_COLUMNS(SESSION_SERVICE_SHOWN));
}
namespace sessions {
inline constexpr auto shown = listed(SESSION_SERVICE_SESSIONS_COLUMNS(SESSION_SERVICE_SHOWN));
}
namespace events {
inline constexpr auto shown = listed(SESSION_SERVICE_EVENTS_COLUMNS(SESSION_SERVICE_SHOWN));
}

} // namespace session_service::table
