#include "store/listing.hpp"

#include "core/uuid.hpp"

#include "store/sql.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace session_service::store {

namespace {

using pg::Access;
using pg::Result;
using pg::Statement;
using pg::Value;

// Laid out by hand: clang-format breaks SQL at its macros.
// clang-format off

// In each of these $1 is the time and $2 the current session. The status is a literal of its type:
// the cast of a text would be that of whoever made one.
#define SQL_SESSION_INFO \
    "SELECT s.id, s.user_id, s.device_id, " SQL_DEVICE_NAME ", d.user_agent, s.ip_address, " \
    "NULL::pg_catalog.text, NULL::pg_catalog.text, s.scopes, s.metadata, " \
    "s.mfa_verified_at IS NOT NULL, s.mfa_verified_at, s.mfa_method, s.created_at, " \
    "s.last_activity_at, s.expires_at, s.idle_expires_at, s.refresh_expires_at, " \
    "s.absolute_expires_at, s.revoked_at, s.revoke_reason, " \
    "CASE WHEN s.revoked_at IS NOT NULL THEN 'revoked'::session_service.session_status " \
        "WHEN s.expires_at" SQL_LE "$1 THEN 'expired' " \
        "WHEN s.is_closed OR s.idle_expires_at" SQL_LE "$1 THEN 'idle' " \
        "ELSE 'active' END, " \
    SQL_ACTIVE("$1") ", COALESCE(s.id" SQL_EQ "$2, false) " \
    "FROM session_service.sessions s LEFT JOIN session_service.devices d " \
    "ON d.id" SQL_EQ "s.device_id AND d.bucket" SQL_EQ "s.bucket "

#define SQL_LATEST_FIRST " ORDER BY s.last_activity_at DESC, s.id DESC"

constinit Statement select_by_id{
    SQL_SESSION_INFO
    "WHERE s.id" SQL_EQ "$3 AND s.bucket" SQL_EQ "$4",
    std::array<Oid, 4>{TIMESTAMPTZOID, UUIDOID, UUIDOID, INT2OID}};

constinit Statement select_of_user_by_id{
    SQL_SESSION_INFO
    "WHERE s.id" SQL_EQ "$3 AND s.bucket" SQL_EQ "$4 AND s.user_id" SQL_EQ "$5",
    std::array<Oid, 5>{TIMESTAMPTZOID, UUIDOID, UUIDOID, INT2OID, UUIDOID}};

#define SQL_OF_USER "WHERE s.user_id" SQL_EQ "$3 AND s.bucket" SQL_EQ "$4 "
constexpr std::array<Oid, 4> user_list_types{TIMESTAMPTZOID, UUIDOID, UUIDOID, INT2OID};

constinit Statement select_all_of_user{
    SQL_SESSION_INFO SQL_OF_USER SQL_LATEST_FIRST,
    user_list_types};

constinit Statement select_active_of_user{
    SQL_SESSION_INFO SQL_OF_USER "AND " SQL_ACTIVE("$1") SQL_LATEST_FIRST,
    user_list_types};

constinit Statement select_mfa_verified{
    SQL_SESSION_INFO SQL_OF_USER
    "AND s.mfa_verified_at IS NOT NULL AND " SQL_ACTIVE("$1") SQL_LATEST_FIRST,
    user_list_types};

#define SQL_INACTIVE(now, cutoff, by_own) \
    SQL_REVOCABLE(now) " AND (s.last_activity_at" SQL_LE cutoff \
    " OR (" by_own " AND s.idle_expires_at" SQL_LE now "))"

constinit Statement select_inactive{
    SQL_SESSION_INFO
    "WHERE " SQL_INACTIVE("$1", "$3", "$4") SQL_LATEST_FIRST,
    std::array<Oid, 4>{TIMESTAMPTZOID, UUIDOID, TIMESTAMPTZOID, BOOLOID},
    pg::Reads::whole_table};

constinit Statement select_users_of_inactive{
    "SELECT DISTINCT s.user_id FROM session_service.sessions s "
    "WHERE " SQL_INACTIVE("$1", "$2", "$3") " ORDER BY s.user_id",
    std::array<Oid, 3>{TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID},
    pg::Reads::whole_table};

constinit Statement count_active_of_user{
    "SELECT pg_catalog.count(*) FROM session_service.sessions s "
    "WHERE s.user_id" SQL_EQ "$2 AND s.bucket" SQL_EQ "$3 AND " SQL_ACTIVE("$1"),
    std::array<Oid, 3>{TIMESTAMPTZOID, UUIDOID, INT2OID}};

constinit Statement count_active_of_all{
    "SELECT pg_catalog.count(*) FROM session_service.sessions s WHERE " SQL_ACTIVE("$1"),
    std::array<Oid, 1>{TIMESTAMPTZOID},
    pg::Reads::whole_table};

#define SQL_EVENT \
    "SELECT e.id, e.at, e.kind, e.user_id, e.session_id, e.device_id, e.ip_address, e.reason, " \
    "e.detail FROM session_service.events e "

// The id sorts by time, so the key serves both the bound ($2, the first id of that time) and the
// order.
constinit Statement select_events_of_user{
    SQL_EVENT
    "WHERE e.user_id" SQL_EQ "$4 AND e.bucket" SQL_EQ "$5 "
    "AND e.id" SQL_GE "$2 AND e.at" SQL_GE "$1 ORDER BY e.id DESC LIMIT $3",
    std::array<Oid, 5>{TIMESTAMPTZOID, UUIDOID, INT4OID, UUIDOID, INT2OID}};

constinit Statement select_all_events{
    SQL_EVENT
    "WHERE e.id" SQL_GE "$2 AND e.at" SQL_GE "$1 ORDER BY e.id DESC LIMIT $3",
    std::array<Oid, 3>{TIMESTAMPTZOID, UUIDOID, INT4OID}};

// clang-format on

Value current_value(const CurrentSession& current) {
    return current ? pg::uuid_value(*current) : pg::null_value;
}

Value cutoff_value(const Inactivity& inactivity) {
    return inactivity.cutoff ? pg::time_value(*inactivity.cutoff) : pg::null_value;
}

// The least id that an event of this time can have.
core::Uuid first_event_id(Micros at) {
    return core::make_ordered_uuid7(pg::to_unix(at), 0, {});
}

} // namespace

Result session_by_id(const core::Uuid& id, Micros now, CurrentSession current) {
    return select_by_id.run(Access::read,
                            {pg::time_value(now), current_value(current), pg::uuid_value(id),
                             pg::smallint_value(core::bucket_of(id))});
}

Result session_of_user(const UserKey& user, const core::Uuid& id, Micros now,
                       CurrentSession current) {
    return select_of_user_by_id.run(
        Access::read, {pg::time_value(now), current_value(current), pg::uuid_value(id),
                       pg::smallint_value(user.bucket), pg::uuid_value(user.id)});
}

Result sessions_of_user(const UserKey& user, Micros now, CurrentSession current,
                        bool include_inactive) {
    auto& statement = include_inactive ? select_all_of_user : select_active_of_user;
    return statement.run(Access::read, {pg::time_value(now), current_value(current),
                                        pg::uuid_value(user.id), pg::smallint_value(user.bucket)});
}

Result mfa_verified_sessions(const UserKey& user, Micros now) {
    return select_mfa_verified.run(Access::read,
                                   {pg::time_value(now), pg::null_value, pg::uuid_value(user.id),
                                    pg::smallint_value(user.bucket)});
}

Result inactive_sessions(const Inactivity& inactivity, Micros now) {
    return select_inactive.run(Access::read,
                               {pg::time_value(now), pg::null_value, cutoff_value(inactivity),
                                pg::boolean_value(inactivity.by_own_timeout)});
}

std::span<core::Uuid> users_of_inactive_sessions(const Inactivity& inactivity, Micros now) {
    const Result rows =
        select_users_of_inactive.run(Access::read, {pg::time_value(now), cutoff_value(inactivity),
                                                    pg::boolean_value(inactivity.by_own_timeout)});
    auto* users = static_cast<core::Uuid*>(palloc(rows.count() * sizeof(core::Uuid) + 1));
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        users[i] = pg::to_uuid(rows(i, 1));
    }
    return {users, rows.count()};
}

std::int64_t count_active(const UserKey& user, Micros now) {
    return DatumGetInt64(
        count_active_of_user.run(Access::read, {pg::time_value(now), pg::uuid_value(user.id),
                                                pg::smallint_value(user.bucket)})(0, 1));
}

std::int64_t count_all_active(Micros now) {
    return DatumGetInt64(count_active_of_all.run(Access::read, {pg::time_value(now)})(0, 1));
}

Result events_of_user(const UserKey& user, Micros since, std::int32_t limit) {
    const core::Uuid first = first_event_id(since);
    return select_events_of_user.run(Access::read,
                                     {pg::value(TimestampTzGetDatum(since)), pg::uuid_value(first),
                                      pg::integer_value(limit), pg::uuid_value(user.id),
                                      pg::smallint_value(user.bucket)});
}

Result all_events(Micros since, std::int32_t limit) {
    const core::Uuid first = first_event_id(since);
    return select_all_events.run(Access::read, {pg::value(TimestampTzGetDatum(since)),
                                                pg::uuid_value(first), pg::integer_value(limit)});
}

} // namespace session_service::store
