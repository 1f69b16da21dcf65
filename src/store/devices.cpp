#include "store/devices.hpp"

#include "core/crypto.hpp"
#include "core/uuid.hpp"

#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "pg/token_hash.hpp"
#include "table/table.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace session_service::store {

namespace {

using table::For;
using table::Is;
using table::Table;
using table::TableName;
namespace devices = table::devices;

using DeviceRow = table::Row<devices::Column>;

constinit table::Search by_id{
    TableName::devices, 0, {{devices::id, Is::equal}, {devices::bucket, Is::equal}}};

constinit table::Search by_key{
    TableName::devices,
    1,
    {{devices::user_id, Is::equal}, {devices::key_hash, Is::equal}, {devices::bucket, Is::equal}}};

constinit table::Search of_user{
    TableName::devices, 1, {{devices::user_id, Is::equal}, {devices::bucket, Is::equal}}};

// $14 is now: a time after that was left by a clock that was set back. An import may tell what is
// older than what is known. The name that a sign-in gives does not replace the one that the user
// gave. purge_after is cut to the day, so that the sign-ins of one day leave its index alone.
constinit pg::Statement upsert_device{
    R"(INSERT INTO session_service.devices AS d
           (id, bucket, user_id, key_hash, is_keyed, first_seen_at, last_seen_at, purge_after,
            address_at, ip_address, name, user_agent, browser, os, device_type)
       VALUES ($1, $2, $3, $4::session_service.token_hash, $5, $6, $6, $7,
               CASE WHEN $8 IS NOT NULL THEN $6 END, $8, $9, $10, $11, $12, $13)
       ON CONFLICT (user_id, key_hash, bucket) DO UPDATE SET
           last_seen_at = CASE WHEN d.last_seen_at > $14 THEN EXCLUDED.last_seen_at
                               ELSE GREATEST(d.last_seen_at, EXCLUDED.last_seen_at) END,
           purge_after = GREATEST(d.purge_after, EXCLUDED.purge_after),
           address_at = GREATEST(EXCLUDED.address_at, d.address_at),
           ip_address = CASE WHEN EXCLUDED.address_at < d.address_at THEN d.ip_address
                             ELSE COALESCE(EXCLUDED.ip_address, d.ip_address) END,
           name = CASE WHEN d.is_renamed THEN d.name ELSE COALESCE(EXCLUDED.name, d.name) END,
           user_agent = COALESCE(EXCLUDED.user_agent, d.user_agent),
           browser = CASE WHEN EXCLUDED.user_agent IS NULL THEN d.browser
                          ELSE EXCLUDED.browser END,
           os = CASE WHEN EXCLUDED.user_agent IS NULL THEN d.os ELSE EXCLUDED.os END,
           device_type = CASE WHEN EXCLUDED.user_agent IS NULL THEN d.device_type
                              ELSE EXCLUDED.device_type END
       RETURNING d.id)",
    pg::parameters(UUIDOID, INT2OID, UUIDOID, BYTEAOID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
                   INETOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID)};

// What a device's open sessions tell of it more recently than its own row does; those that ended
// left it there. $1 is now.
constinit pg::Statement select_of_user{
    "SELECT d.id::uuid, d.user_id::uuid, " + rules::device_name + R"(,
           d.user_agent::text, d.browser::text, d.os::text, d.device_type::text,
           CASE WHEN d.address_at > last.address_at THEN d.ip_address
                ELSE COALESCE(last.ip_address, d.ip_address) END::inet, NULL::text, NULL::text,
           d.first_seen_at, GREATEST(d.last_seen_at, last.at), d.trusted_until,
           COALESCE(d.trusted_until > $1, false), COALESCE(last.active, 0)::int4,
           COALESCE(d.id = $4, false), COALESCE(last.is_bound, false)
       FROM session_service.devices d LEFT JOIN (
           SELECT s.device_id, max(s.last_activity_at) AS at,
               count(*) FILTER (WHERE )" +
        rules::active + R"() AS active,
               bool_or(s.binding <> 0) FILTER (WHERE )" +
        rules::usable + R"() AS is_bound,
               max(s.last_activity_at) FILTER (WHERE s.ip_address IS NOT NULL) AS address_at,
               (array_agg(s.ip_address ORDER BY s.last_activity_at DESC)
                   FILTER (WHERE s.ip_address IS NOT NULL))[1] AS ip_address
           FROM session_service.sessions s
           WHERE s.user_id = $2 AND s.bucket = $3 AND )" +
        rules::open + R"( GROUP BY s.device_id) AS last
       ON last.device_id = d.id
       WHERE d.user_id = $2 AND d.bucket = $3
       ORDER BY GREATEST(d.last_seen_at, last.at) DESC, d.id DESC)",
    pg::parameters(TIMESTAMPTZOID, UUIDOID, INT2OID, UUIDOID), pg::Finds::two_lists};

// $1 is now, $4 the device that stays, $5 how many may go. One that somebody holds stays.
//
// An aggregate, so that the sessions of each device are found by the index: a join that the planner
// takes for one of a few rows reads all sessions of the user for each device.
constinit pg::Statement delete_longest_unseen{
    R"(WITH unused AS (
           SELECT c.id, c.bucket FROM session_service.devices c
               CROSS JOIN LATERAL (
                   SELECT max(s.last_activity_at) AS last_activity_at, bool_or()" +
        rules::usable + R"() AS is_usable
                   FROM session_service.sessions s
                   WHERE s.user_id = $2 AND s.bucket = $3 AND s.device_id = c.id AND )" +
        rules::open + R"() s
           WHERE c.user_id = $2 AND c.bucket = $3 AND c.id <> $4
               AND (c.trusted_until IS NULL OR c.trusted_until <= $1) AND s.is_usable IS NOT TRUE
           ORDER BY GREATEST(c.last_seen_at, s.last_activity_at), c.id
           LIMIT $5 FOR UPDATE OF c SKIP LOCKED)
       DELETE FROM session_service.devices d USING unused
       WHERE d.id = unused.id AND d.bucket = unused.bucket)",
    pg::parameters(TIMESTAMPTZOID, UUIDOID, INT2OID, UUIDOID, INT4OID)};

constinit pg::Statement update_all_trust{
    R"(WITH ended AS (
           UPDATE session_service.devices d SET trusted_until = NULL
           WHERE d.user_id = $2 AND d.bucket = $3 AND d.trusted_until IS NOT NULL)
       SELECT count(*) FROM session_service.devices d
       WHERE d.user_id = $2 AND d.bucket = $3 AND d.trusted_until > $1)",
    pg::parameters(TIMESTAMPTZOID, UUIDOID, INT2OID)};

constinit pg::Statement update_trust{
    R"(UPDATE session_service.devices d SET trusted_until = $4
       WHERE d.id = $1 AND d.bucket = $2 AND d.user_id = $3)",
    pg::parameters(UUIDOID, INT2OID, UUIDOID, TIMESTAMPTZOID)};

constinit pg::Statement update_name{
    R"(UPDATE session_service.devices d SET name = $4, is_renamed = $4 IS NOT NULL
       WHERE d.id = $1 AND d.bucket = $2 AND d.user_id = $3)",
    pg::parameters(UUIDOID, INT2OID, UUIDOID, TEXTOID)};

constinit pg::Statement delete_one{
    R"(DELETE FROM session_service.devices d
       WHERE d.id = $1 AND d.bucket = $2 AND d.user_id = $3)",
    pg::parameters(UUIDOID, INT2OID, UUIDOID)};

constinit pg::Statement delete_of_user{
    "DELETE FROM session_service.devices d WHERE d.user_id = $1 AND d.bucket = $2",
    pg::parameters(UUIDOID, INT2OID)};

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

bool keeps(const DeviceRow& device, const DeviceDescription& description) {
    return keeps_value(device.get(devices::user_agent), description.user_agent) &&
           (device.boolean(devices::is_renamed) ||
            keeps_value(device.get(devices::name), description.name)) &&
           // The bytes of an inet of the same value are the same.
           keeps_value(device.get(devices::ip_address), description.ip_address);
}

// Calls `take` with the table at the user's device of this identity, if there is one.
template <typename Take>
auto look_at_device(const UserKey& user, const core::Digest& key_hash, table::Sees sees,
                    Take&& take) {
    Table table = Table::open(TableName::devices, For::reading, table::most_columns, sees);
    const auto found = table.find(
        by_key, {user.id_value(), pg::value(pg::token_hash_datum(key_hash)), user.bucket_value()});
    const auto answer = found ? take(table, DeviceRow{*found}) : std::nullopt;
    table.close();
    return answer;
}

// A device that was found as it is described.
struct Known {
    core::Uuid id;
    bool is_ours; // written by this transaction
};

// The device of this identity if nothing of its row but the time of the last sign-in would change.
// While the user's row is held nobody else makes, changes or forgets the user's devices; what
// cleanup and refreshes do to one shows in what is compared, or does not matter here.
std::optional<Known> find_described_so(const UserKey& user, const DeviceDescription& description) {
    const core::Digest key_hash = description.key.isnull
                                      ? identity(description, agent_of(description))
                                      : identity_by_key(description.key);
    return look_at_device(user, key_hash, table::Sees::newest,
                          [&](const Table& table, const DeviceRow& device) -> std::optional<Known> {
                              if (!keeps(device, description)) {
                                  return std::nullopt;
                              }
                              return Known{.id = device.uuid(devices::id),
                                           .is_ours = table.is_own_version()};
                          });
}

// Cleanup deletes devices without sessions, without taking the user's row. It leaves a device alone
// whose row this transaction wrote, and one with a session that goes on.
bool is_kept(const UserKey& user, const Known& known,
             const std::optional<std::span<const CountedSession>>& sessions, core::Micros until) {
    if (known.is_ours) {
        return true;
    }
    if (!sessions) {
        return has_open_session(user, known.id, until);
    }
    return std::ranges::any_of(*sessions, [&](const CountedSession& session) {
        return session.device_id == known.id && session.is_usable(until);
    });
}

int count_devices(const UserKey& user) {
    Table table =
        Table::open(TableName::devices, For::reading, devices::bucket, table::Sees::newest);
    int count = 0;
    auto found = table.find(of_user, {user.id_value(), user.bucket_value()});
    for (; found; found = table.next()) {
        ++count;
    }
    table.close();
    return count;
}

// What the session tells and the device's row does not.
table::Values news_of(const DeviceRow& device, const EndedSession& session, core::Micros now) {
    // A clock that was set back leaves times in the future.
    const core::Micros used = std::min(session.last_activity, now);
    const core::Micros told = device.time(devices::address_at, core::no_refresh);
    const bool is_other = !keeps_value(device.get(devices::ip_address), session.ip_address);
    table::Values news;
    if (device.time(devices::last_seen_at) < used) {
        news.set(devices::last_seen_at, pg::time_value(used));
    }
    if (!session.ip_address.isnull && (told < used || (told == used && is_other))) {
        news.set(devices::ip_address, session.ip_address)
            .set(devices::address_at, pg::time_value(used));
    }
    return news;
}

void note_last_use(const UserKey& user, const EndedSession& session) {
    Table table = Table::open(TableName::devices, For::writing);
    const auto found = table.find(by_id, {pg::uuid_value(session.device_id), user.bucket_value()});
    const table::Values news =
        found ? news_of(DeviceRow{*found}, session, pg::now()) : table::Values{};
    if (!news.empty()) {
        (void)table.update(news, table::IfHeld::leave);
    }
    table.close();
}

Device upsert(const pg::OwnerScope& owner, const UserKey& user,
              const DeviceDescription& description, const DeviceUse& use) {
    const core::UserAgent agent = agent_of(description);
    const core::Digest key_hash = identity(description, agent);
    const core::Uuid id = core::make_uuid7(pg::to_unix(use.used_at) / 1000, user.bucket,
                                           pg::random_bytes<std::array<std::uint8_t, 8>>());
    const pg::Result row = upsert_device.write(
        owner,
        {pg::uuid_value(id), user.bucket_value(), user.id_value(), pg::bytea_value(key_hash),
         pg::boolean_value(!description.key.isnull), pg::time_value(use.used_at),
         pg::time_value(core::start_of_day(use.used_at)), description.ip_address, description.name,
         description.user_agent, pg::text_or_null(agent.browser), pg::text_or_null(agent.os),
         pg::text_value(core::name_of(agent.device_type)), pg::time_value(use.now)});
    if (row.empty()) {
        ereport(ERROR, (errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
                        errmsg("a trigger or rule of table \"session_service.devices\" left out a "
                               "row")));
    }
    const core::Uuid stored = row.uuid(0, 1);
    return {.id = stored, .is_new = stored == id, .count = 0};
}

} // namespace

Device find_or_create_device(const UserKey& user, const DeviceDescription& description,
                             const std::optional<std::span<const CountedSession>>& sessions,
                             const DeviceUse& use) {
    if (!sessions || !sessions->empty()) {
        const auto known = find_described_so(user, description);
        if (known && is_kept(user, *known, sessions, use.now + core::micros_per_day)) {
            return {.id = known->id, .is_new = false, .count = 0};
        }
    }
    Device device = table::as_owner(
        [&](const pg::OwnerScope& owner) { return upsert(owner, user, description, use); });
    if (device.is_new) {
        device.count = count_devices(user);
    }
    return device;
}

void make_room_for_device(const UserKey& user, const Device& device, core::Micros now) {
    const int most = pg::settings::max_devices_per_user();
    if (most == 0 || device.count <= most) {
        return;
    }
    table::as_owner([&](const pg::OwnerScope& owner) {
        (void)delete_longest_unseen.write(owner, {pg::time_value(now), user.id_value(),
                                                  user.bucket_value(), pg::uuid_value(device.id),
                                                  pg::integer_value(device.count - most)});
    });
}

void note_last_uses(const UserKey& user, std::span<EndedSession> sessions) {
    std::ranges::sort(sessions, [](const EndedSession& left, const EndedSession& right) {
        return std::tie(left.device_id, left.last_activity) >
               std::tie(right.device_id, right.last_activity);
    });
    // Of each device the last one, and the last one that tells an address.
    const EndedSession* last = nullptr;
    bool has_address = false;
    for (const EndedSession& session : sessions) {
        const bool is_last = last == nullptr || last->device_id != session.device_id;
        if (is_last || (!has_address && !session.ip_address.isnull)) {
            has_address = (has_address && !is_last) || !session.ip_address.isnull;
            note_last_use(user, session);
        }
        last = &session;
    }
}

void update_user_agent(const UserKey& user, const core::Uuid& device_id, pg::Value user_agent) {
    Table table = Table::open(TableName::devices, For::writing);
    const auto found = table.find(by_id, {pg::uuid_value(device_id), user.bucket_value()});
    if (found && !keeps_value(DeviceRow{*found}.get(devices::user_agent), user_agent)) {
        const core::UserAgent agent = core::describe_user_agent(pg::to_view(user_agent.value));
        (void)table.update(
            table::Values{}
                .set(devices::user_agent, user_agent)
                .set(devices::browser, pg::text_or_null(agent.browser))
                .set(devices::os, pg::text_or_null(agent.os))
                .set(devices::device_type, pg::text_value(core::name_of(agent.device_type))),
            table::IfHeld::leave);
    }
    table.close();
}

pg::Result devices_of_user(const pg::OwnerScope& owner, const UserKey& user, core::Micros now,
                           const std::optional<core::Uuid>& current_device_id) {
    return select_of_user.read(
        owner, {pg::time_value(now), user.id_value(), user.bucket_value(),
                current_device_id ? pg::uuid_value(*current_device_id) : pg::null_value});
}

std::optional<KeyedDevice> find_keyed_device(const UserKey& user, pg::Value key, core::Micros now) {
    return look_at_device(
        user, identity_by_key(key), table::Sees::committed,
        [&](const Table& /*table*/, const DeviceRow& device) -> std::optional<KeyedDevice> {
            return KeyedDevice{.id = device.uuid(devices::id),
                               .is_trusted =
                                   device.time(devices::trusted_until, core::no_refresh) > now};
        });
}

bool set_trust(const pg::OwnerScope& owner, const UserKey& user, const core::Uuid& device_id,
               std::optional<core::Micros> trusted_until) {
    return update_trust
               .write(owner, {pg::uuid_value(device_id), user.bucket_value(), user.id_value(),
                              trusted_until ? pg::time_value(*trusted_until) : pg::null_value})
               .count() > 0;
}

std::int32_t end_trust_of_all(const pg::OwnerScope& owner, const UserKey& user, core::Micros now) {
    return static_cast<std::int32_t>(
        update_all_trust.write(owner, {pg::time_value(now), user.id_value(), user.bucket_value()})
            .bigint(0, 1));
}

bool set_device_name(const pg::OwnerScope& owner, const UserKey& user, const core::Uuid& device_id,
                     pg::Value name) {
    return update_name
               .write(owner,
                      {pg::uuid_value(device_id), user.bucket_value(), user.id_value(), name})
               .count() > 0;
}

bool delete_device(const pg::OwnerScope& owner, const UserKey& user, const core::Uuid& device_id) {
    return delete_one
               .write(owner, {pg::uuid_value(device_id), user.bucket_value(), user.id_value()})
               .count() > 0;
}

void delete_devices(const pg::OwnerScope& owner, const UserKey& user) {
    (void)delete_of_user.write(owner, {user.id_value(), user.bucket_value()});
}

} // namespace session_service::store
