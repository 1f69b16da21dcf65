// The columns and indexes of the tables that the engines open, once. From here follow the numbers
// by which code names a column, the lists of columns in SELECT and INSERT, and what access.cpp
// compares the catalog with.
//
// The order is that of the install script, so that a column's number is its place in the row.
#pragma once

#include "pg/prelude.hpp"
#include "pg/sql_text.hpp"

namespace session_service::table {

enum class Type : std::uint8_t {
    uuid,
    smallint,
    integer,
    bigint,
    boolean,
    timestamptz,
    inet,
    text,
    texts, // text[]
    jsonb,
    bytea,
    digest, // token_hash, whose OID changes when the extension is created anew
};

/// Whether a column takes NULL; a `zeroed` one takes none, and is 0 or false by default.
enum class Takes : std::uint8_t { nothing_else, null, zeroed };

// clang-format off

#define SESSION_SERVICE_USERS_COLUMNS(COLUMN)    \
    COLUMN(user_id,      uuid,     nothing_else) \
    COLUMN(bucket,       smallint, nothing_else) \
    COLUMN(epoch,        bigint,   nothing_else) \
    COLUMN(max_sessions, integer,  null)         \
    COLUMN(disabled_at,  timestamptz, null)

#define SESSION_SERVICE_DEVICES_COLUMNS(COLUMN)      \
    COLUMN(id,            uuid,        nothing_else) \
    COLUMN(user_id,       uuid,        nothing_else) \
    COLUMN(key_hash,      digest,      nothing_else) \
    COLUMN(first_seen_at, timestamptz, nothing_else) \
    COLUMN(last_seen_at,  timestamptz, nothing_else) \
    COLUMN(purge_after,   timestamptz, nothing_else) \
    COLUMN(bucket,        smallint,    nothing_else) \
    COLUMN(is_keyed,      boolean,     nothing_else) \
    COLUMN(is_renamed,    boolean,     zeroed)       \
    COLUMN(trusted_until, timestamptz, null)         \
    COLUMN(address_at,    timestamptz, null)         \
    COLUMN(ip_address,    inet,        null)         \
    COLUMN(name,          text,        null)         \
    COLUMN(user_agent,    text,        null)         \
    COLUMN(browser,       text,        null)         \
    COLUMN(os,            text,        null)         \
    COLUMN(device_type,   text,        nothing_else)

#define SESSION_SERVICE_SESSIONS_COLUMNS(COLUMN)             \
    COLUMN(id,                    uuid,        nothing_else) \
    COLUMN(user_id,               uuid,        nothing_else) \
    COLUMN(device_id,             uuid,        nothing_else) \
    COLUMN(token_hash,            digest,      nothing_else) \
    COLUMN(created_at,            timestamptz, nothing_else) \
    COLUMN(authenticated_at,      timestamptz, nothing_else) \
    COLUMN(last_activity_at,      timestamptz, nothing_else) \
    COLUMN(expires_at,            timestamptz, nothing_else) \
    COLUMN(purge_after,           timestamptz, nothing_else) \
    COLUMN(session_expiry,        bigint,      nothing_else) \
    COLUMN(refresh_expiry,        bigint,      nothing_else) \
    COLUMN(inactivity_timeout,    bigint,      nothing_else) \
    COLUMN(generation,            integer,     zeroed)       \
    COLUMN(bucket,                smallint,    nothing_else) \
    COLUMN(secret_length,         smallint,    nothing_else) \
    COLUMN(binding,               smallint,    zeroed)       \
    COLUMN(is_closed,             boolean,     zeroed)       \
    COLUMN(idle_expires_at,       timestamptz, null)         \
    COLUMN(refresh_expires_at,    timestamptz, null)         \
    COLUMN(absolute_expires_at,   timestamptz, null)         \
    COLUMN(revoked_at,            timestamptz, null)         \
    COLUMN(mfa_verified_at,       timestamptz, null)         \
    COLUMN(replaced_token_until,  timestamptz, null)         \
    COLUMN(replaced_token_hash,   digest,      null)         \
    COLUMN(scopes,                texts,       nothing_else) \
    COLUMN(metadata,              jsonb,       nothing_else) \
    COLUMN(acr,                   text,        null)         \
    COLUMN(ip_address,            inet,        null)         \
    COLUMN(rotated_at,            timestamptz, null)         \
    COLUMN(refresh_hash,          digest,      null)         \
    COLUMN(previous_refresh_hash, digest,      null)         \
    COLUMN(family_hash,           digest,      null)         \
    COLUMN(rotation_salt,         bytea,       null)         \
    COLUMN(bound_key,             text,        null)         \
    COLUMN(challenge_key,         bytea,       null)         \
    COLUMN(bound_at,              timestamptz, null)         \
    COLUMN(mfa_method,            text,        null)         \
    COLUMN(amr,                   texts,       null)         \
    COLUMN(revoke_reason,         text,        null)

#define SESSION_SERVICE_EVENTS_COLUMNS(COLUMN)    \
    COLUMN(id,         uuid,        nothing_else) \
    COLUMN(at,         timestamptz, nothing_else) \
    COLUMN(user_id,    uuid,        nothing_else) \
    COLUMN(session_id, uuid,        null)         \
    COLUMN(device_id,  uuid,        null)         \
    COLUMN(bucket,     smallint,    nothing_else) \
    COLUMN(kind,       text,        nothing_else) \
    COLUMN(ip_address, inet,        null)         \
    COLUMN(reason,     text,        null)         \
    COLUMN(detail,     jsonb,       null)

#define SESSION_SERVICE_IMPORTED_TOKENS_COLUMNS(COLUMN) \
    COLUMN(token_hash, digest,   nothing_else)          \
    COLUMN(session_id, uuid,     nothing_else)          \
    COLUMN(bucket,     smallint, nothing_else)          \
    COLUMN(is_refresh, boolean,  nothing_else)

#define SESSION_SERVICE_COLUMN_NAME(name, type, takes) name,

// clang-format on

/// The columns of each table by name; they count from 1.
namespace users {
enum Column : int { none, SESSION_SERVICE_USERS_COLUMNS(SESSION_SERVICE_COLUMN_NAME) end };
}
namespace devices {
enum Column : int { none, SESSION_SERVICE_DEVICES_COLUMNS(SESSION_SERVICE_COLUMN_NAME) end };
}
namespace sessions {
enum Column : int { none, SESSION_SERVICE_SESSIONS_COLUMNS(SESSION_SERVICE_COLUMN_NAME) end };
}
namespace events {
enum Column : int { none, SESSION_SERVICE_EVENTS_COLUMNS(SESSION_SERVICE_COLUMN_NAME) end };
}
namespace imported_tokens {
enum Column : int {
    none,
    SESSION_SERVICE_IMPORTED_TOKENS_COLUMNS(SESSION_SERVICE_COLUMN_NAME) end
};
}

#undef SESSION_SERVICE_COLUMN_NAME

/// No table of ours has more columns.
inline constexpr int most_columns = sessions::end - 1;

struct Column {
    const char* name;
    Type type;
    Takes takes;
};

inline constexpr std::size_t most_index_columns = 4;

/// The columns of an index, its first ones where it has more than these.
struct Index {
    std::array<int, most_index_columns> columns{};
    bool is_unique = false;

    constexpr int size() const {
        int count = 0;
        for (const int column : columns) {
            count += column != 0 ? 1 : 0;
        }
        return count;
    }
};

inline constexpr std::size_t most_indexes = 3;

enum class TableName : std::uint8_t { users, devices, sessions, events, imported_tokens };
inline constexpr std::size_t table_count = 5;

struct Layout {
    TableName table;
    const char* name;
    std::span<const Column> columns;
    /// The primary key first.
    std::span<const Index> indexes;
    /// All columns of a table `t`, each as the type that it was made with.
    const char* select_list;

    constexpr int column_count() const { return static_cast<int>(columns.size()); }
    const Column& column(int number) const { return columns[static_cast<std::size_t>(number - 1)]; }
};

const Layout& layout_of(TableName table);

/// The built-in type of a column; for a digest that of the value by which it travels in statements,
/// a bytea.
Oid type_in_statements(Type type);

} // namespace session_service::table
