#include "store/devices.hpp"

#include "core/crypto.hpp"
#include "core/uuid.hpp"

#include "pg/random.hpp"
#include "pg/statement.hpp"
#include "pg/token_hash.hpp"
#include "store/catalog.hpp"
#include "store/plain_table.hpp"
#include "store/sql.hpp"

#include <algorithm>

extern "C" {
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

namespace session_service::store {

namespace {

using pg::Access;

// Laid out by hand: clang-format breaks SQL at its macros.
// clang-format off

// The name that a sign-in gives does not replace the one that the user gave. purge_after is cut to
// the day, so that the sign-ins of one day leave its index alone.
constinit pg::Statement upsert_device{
    "INSERT INTO session_service.devices AS d "
    "(id, bucket, user_id, key_hash, is_keyed, first_seen_at, last_seen_at, purge_after, "
    "ip_address, name, user_agent, browser, os, device_type) "
    "VALUES ($1, $2, $3, " SQL_HASH("$4") ", $5, $6, $6, $7, $8, $9, $10, $11, $12, $13) "
    "ON CONFLICT (user_id, key_hash, bucket) DO UPDATE SET "
    "last_seen_at = GREATEST(d.last_seen_at, EXCLUDED.last_seen_at), "
    "purge_after = GREATEST(d.purge_after, EXCLUDED.purge_after), "
    "ip_address = COALESCE(EXCLUDED.ip_address, d.ip_address), "
    "name = CASE WHEN d.is_renamed THEN d.name ELSE COALESCE(EXCLUDED.name, d.name) END, "
    "user_agent = COALESCE(EXCLUDED.user_agent, d.user_agent), "
    "browser = CASE WHEN EXCLUDED.user_agent IS NULL THEN d.browser ELSE EXCLUDED.browser END, "
    "os = CASE WHEN EXCLUDED.user_agent IS NULL THEN d.os ELSE EXCLUDED.os END, "
    "device_type = CASE WHEN EXCLUDED.user_agent IS NULL THEN d.device_type "
        "ELSE EXCLUDED.device_type END "
    "RETURNING d.id",
    std::array<Oid, 13>{UUIDOID, INT2OID, UUIDOID, BYTEAOID, BOOLOID, TIMESTAMPTZOID,
                        TIMESTAMPTZOID, INETOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};

constinit pg::Statement update_agent{
    "UPDATE session_service.devices d "
    "SET user_agent = $3, browser = $4, os = $5, device_type = $6 "
    "WHERE d.bucket" SQL_EQ "$2 AND d.id" SQL_EQ "("
        "SELECT f.id FROM session_service.devices f "
        "WHERE f.id" SQL_EQ "$1 AND f.bucket" SQL_EQ "$2 "
        "AND (f.user_agent IS NULL OR f.user_agent" SQL_NE "$3) "
        "FOR NO KEY UPDATE SKIP LOCKED)",
    std::array<Oid, 6>{UUIDOID, INT2OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};

// What a device's sessions tell of it more recently than its own row does.
constinit pg::Statement select_of_user{
    "SELECT d.id, d.user_id, " SQL_DEVICE_NAME ", d.user_agent, d.browser, d.os, d.device_type, "
    "COALESCE(last.ip_address, d.ip_address), NULL::pg_catalog.text, NULL::pg_catalog.text, "
    "d.first_seen_at, GREATEST(d.last_seen_at, last.at), d.trusted_until, "
    "COALESCE(d.trusted_until" SQL_GT "$3, false), COALESCE(last.active, 0)::pg_catalog.int4, "
    "COALESCE(d.id" SQL_EQ "$4, false) "
    "FROM session_service.devices d LEFT JOIN ("
        "SELECT s.device_id, pg_catalog.max(s.last_activity_at) AS at, "
        "pg_catalog.count(*) FILTER (WHERE " SQL_ACTIVE("$3") ") AS active, "
        "(pg_catalog.array_agg(s.ip_address ORDER BY s.last_activity_at DESC) "
            "FILTER (WHERE s.ip_address IS NOT NULL))[1] AS ip_address "
        "FROM session_service.sessions s "
        "WHERE s.user_id" SQL_EQ "$1 AND s.bucket" SQL_EQ "$2 GROUP BY s.device_id) AS last "
    "ON last.device_id" SQL_EQ "d.id "
    "WHERE d.user_id" SQL_EQ "$1 AND d.bucket" SQL_EQ "$2 "
    "ORDER BY GREATEST(d.last_seen_at, last.at) DESC, d.id DESC",
    std::array<Oid, 4>{UUIDOID, INT2OID, TIMESTAMPTZOID, UUIDOID}, pg::Reads::two_lists};

constinit pg::Statement select_keyed{
    "SELECT d.id, COALESCE(d.trusted_until" SQL_GT "$4, false) FROM session_service.devices d "
    "WHERE d.user_id" SQL_EQ "$1 AND d.bucket" SQL_EQ
    "$2 AND d.key_hash" SQL_HASH_EQ SQL_HASH("$3"),
    std::array<Oid, 4>{UUIDOID, INT2OID, BYTEAOID, TIMESTAMPTZOID}};

#define SQL_THIS_DEVICE "d.id" SQL_EQ "$1 AND d.bucket" SQL_EQ "$2 AND d.user_id" SQL_EQ "$3"

constinit pg::Statement update_trust{
    "UPDATE session_service.devices d SET trusted_until = $4 WHERE " SQL_THIS_DEVICE,
    std::array<Oid, 4>{UUIDOID, INT2OID, UUIDOID, TIMESTAMPTZOID}};

constinit pg::Statement update_name{
    "UPDATE session_service.devices d SET name = $4, is_renamed = $4 IS NOT NULL "
    "WHERE " SQL_THIS_DEVICE,
    std::array<Oid, 4>{UUIDOID, INT2OID, UUIDOID, TEXTOID}};

constinit pg::Statement delete_one{"DELETE FROM session_service.devices d WHERE " SQL_THIS_DEVICE,
                                   std::array<Oid, 3>{UUIDOID, INT2OID, UUIDOID}};

constinit pg::Statement delete_of_user{
    "DELETE FROM session_service.devices d WHERE d.user_id" SQL_EQ "$1 AND d.bucket" SQL_EQ "$2",
    std::array<Oid, 2>{UUIDOID, INT2OID}};

// clang-format on

std::string_view view_or_empty(pg::Value text) {
    return text.isnull ? std::string_view{} : pg::to_view(text.value);
}

void append_part(StringInfo buffer, std::string_view part) {
    // Each part ends with its own NUL, which no text holds: no two lists of parts look alike.
    appendBinaryStringInfo(buffer, part.data(), static_cast<int>(part.size()));
    appendStringInfoChar(buffer, '\0');
}

// A hash over parts of text.
core::Digest digest_of(std::initializer_list<std::string_view> parts) {
    StringInfoData buffer;
    initStringInfo(&buffer);
    for (const std::string_view part : parts) {
        append_part(&buffer, part);
    }
    const core::Digest digest = core::sha256(
        {reinterpret_cast<const std::uint8_t*>(buffer.data), static_cast<std::size_t>(buffer.len)});
    pfree(buffer.data);
    return digest;
}

// What tells a user's devices apart, as a hash. The first part keeps a client's key from passing
// for another client's description.
core::Digest identity_by_key(pg::Value key) {
    return digest_of({"key", pg::to_view(key.value)});
}

core::Digest identity(const DeviceDescription& description, const core::UserAgent& agent) {
    return description.key.isnull
               ? digest_of({"description", agent.browser, agent.os,
                            core::name_of(agent.device_type), view_or_empty(description.name)})
               : identity_by_key(description.key);
}

// What a client calls itself, taken apart only where that is wanted.
core::UserAgent agent_of(const DeviceDescription& description) {
    return core::describe_user_agent(view_or_empty(description.user_agent));
}

// Whether a device's row would keep this value if it were written: what is not given changes
// nothing.
bool keeps_value(pg::Value stored, pg::Value given) {
    return given.isnull ||
           (!stored.isnull && pg::to_view(stored.value) == pg::to_view(given.value));
}

bool keeps(const pg::IndexScan& device, const DeviceDescription& description) {
    return keeps_value(device.get(devices_column::user_agent), description.user_agent) &&
           (DatumGetBool(device.get(devices_column::is_renamed).value) ||
            keeps_value(device.get(devices_column::name), description.name)) &&
           // The bytes of an inet of the same value are the same.
           keeps_value(device.get(devices_column::ip_address), description.ip_address);
}

// The device of this identity if nothing of its row but the time of the last sign-in would change.
std::optional<core::Uuid> find_described_so(const UserKey& user,
                                            const DeviceDescription& description) {
    std::optional<PlainTable> table = PlainTable::open(TableName::devices);
    if (!table) {
        return std::nullopt;
    }
    const core::Digest key_hash = description.key.isnull
                                      ? identity(description, agent_of(description))
                                      : identity_by_key(description.key);
    pg::ScanKeys<2> keys{pg::equals(1, F_UUID_EQ, pg::uuid_value(user.id).value),
                         pg::equals(2, table->digest_equality(), pg::token_hash_datum(key_hash))};
    // While the user's row is held nobody else makes, changes or forgets the user's devices; what
    // cleanup and refreshes do to one shows in what is compared, or does not matter here.
    pg::IndexScan scan = table->scan_by_user(SnapshotSelf, keys);
    std::optional<core::Uuid> found;
    if (scan.next(devices_column::user_agent) != nullptr && keeps(scan, description)) {
        found = pg::to_uuid(scan.get(devices_column::id).value);
    }
    scan.close();
    table->close();
    return found;
}

// Cleanup deletes devices without sessions, without taking the user's row: while one of these
// sessions is there it leaves the device alone.
bool is_kept(const core::Uuid& device_id, std::span<const CountedSession> sessions,
             core::Micros until) {
    return std::ranges::any_of(sessions, [&](const CountedSession& session) {
        return session.device_id == device_id && session.is_usable(until);
    });
}

Device upsert(const UserKey& user, const DeviceDescription& description, core::Micros now) {
    const core::UserAgent agent = agent_of(description);
    const core::Digest key_hash = identity(description, agent);
    const core::Uuid id = core::make_uuid7(pg::to_unix(now) / 1000, user.bucket,
                                           pg::random_bytes<std::array<std::uint8_t, 8>>());
    const pg::Result row = upsert_device.run(
        Access::write,
        {pg::uuid_value(id), pg::smallint_value(user.bucket), pg::uuid_value(user.id),
         pg::bytea_value(key_hash), pg::boolean_value(!description.key.isnull), pg::time_value(now),
         pg::time_value(core::start_of_day(now)), description.ip_address, description.name,
         description.user_agent, pg::text_or_null(agent.browser), pg::text_or_null(agent.os),
         pg::text_value(core::name_of(agent.device_type))});
    const core::Uuid stored = pg::to_uuid(row(0, 1));
    return {.id = stored, .is_new = stored == id};
}

} // namespace

Device find_or_create_device(const UserKey& user, const DeviceDescription& description,
                             std::span<const CountedSession> sessions, core::Micros now) {
    if (!sessions.empty()) {
        const auto known = find_described_so(user, description);
        if (known && is_kept(*known, sessions, now + core::micros_per_day)) {
            return {.id = *known, .is_new = false};
        }
    }
    return as_owner([&] { return upsert(user, description, now); });
}

void update_user_agent(const UserKey& user, const core::Uuid& device_id, pg::Value user_agent) {
    const core::UserAgent agent = core::describe_user_agent(pg::to_view(user_agent.value));
    (void)update_agent.run(Access::write,
                           {pg::uuid_value(device_id), pg::smallint_value(user.bucket), user_agent,
                            pg::text_or_null(agent.browser), pg::text_or_null(agent.os),
                            pg::text_value(core::name_of(agent.device_type))});
}

pg::Result devices_of_user(const UserKey& user, core::Micros now,
                           const std::optional<core::Uuid>& current_device_id) {
    return select_of_user.run(
        Access::read,
        {pg::uuid_value(user.id), pg::smallint_value(user.bucket), pg::time_value(now),
         current_device_id ? pg::uuid_value(*current_device_id) : pg::null_value});
}

std::optional<KeyedDevice> find_keyed_device(const UserKey& user, pg::Value key, core::Micros now) {
    const pg::Result row = select_keyed.run(
        Access::read, {pg::uuid_value(user.id), pg::smallint_value(user.bucket),
                       pg::bytea_value(identity_by_key(key)), pg::time_value(now)});
    if (row.empty()) {
        return std::nullopt;
    }
    return KeyedDevice{.id = pg::to_uuid(row(0, 1)), .is_trusted = DatumGetBool(row(0, 2))};
}

bool set_trust(const UserKey& user, const core::Uuid& device_id,
               std::optional<core::Micros> trusted_until) {
    return update_trust
               .run(Access::write,
                    {pg::uuid_value(device_id), pg::smallint_value(user.bucket),
                     pg::uuid_value(user.id),
                     trusted_until ? pg::time_value(*trusted_until) : pg::null_value})
               .count() > 0;
}

bool rename_device(const UserKey& user, const core::Uuid& device_id, pg::Value name) {
    return update_name
               .run(Access::write, {pg::uuid_value(device_id), pg::smallint_value(user.bucket),
                                    pg::uuid_value(user.id), name})
               .count() > 0;
}

bool delete_device(const UserKey& user, const core::Uuid& device_id) {
    return delete_one
               .run(Access::write, {pg::uuid_value(device_id), pg::smallint_value(user.bucket),
                                    pg::uuid_value(user.id)})
               .count() > 0;
}

void delete_devices(const UserKey& user) {
    (void)delete_of_user.run(Access::write,
                             {pg::uuid_value(user.id), pg::smallint_value(user.bucket)});
}

} // namespace session_service::store
