#include "store/sessions.hpp"

#include "core/uuid.hpp"

#include <algorithm>
#include <tuple>

#include "pg/settings.hpp"

#include "pg/table_update.hpp"
#include "pg/token_hash.hpp"
#include "store/catalog.hpp"
#include "store/plain_table.hpp"
#include "store/session_lookup.hpp"
#include "store/sql.hpp"

extern "C" {
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

namespace session_service::store {

namespace {

using pg::Access;
using pg::Result;
using pg::Statement;
using pg::Value;

// Laid out by hand: clang-format breaks SQL at its macros.
// clang-format off

// Most statements start with the session's id and bucket, or the user's, and the time.
#define SQL_THIS_SESSION "s.id" SQL_EQ "$1 AND s.bucket" SQL_EQ "$2"
#define SQL_THIS_USER "s.user_id" SQL_EQ "$1 AND s.bucket" SQL_EQ "$2"

constinit Statement insert_row{
    "INSERT INTO session_service.sessions "
    "(id, bucket, user_id, device_id, token_hash, created_at, expires_at, purge_after, "
    "session_expiry, refresh_expiry, inactivity_timeout, secret_length, idle_expires_at, "
    "refresh_expires_at, absolute_expires_at, scopes, metadata, ip_address, "
    "refresh_hash, family_hash, last_activity_at, mfa_verified_at) "
    "VALUES ($1, $2, $3, $4, " SQL_HASH("$5") ", $6, $7, $8, "
    "$9, $10, $11, $12, $13, "
    "$14, $15, $16, $17, $18, "
    SQL_HASH("$19") ", " SQL_HASH("$20") ", $21, $22)",
    std::array<Oid, 22>{
        UUIDOID, INT2OID, UUIDOID, UUIDOID,
        BYTEAOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
        INT8OID, INT8OID, INT8OID, INT2OID, TIMESTAMPTZOID,
        TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID, JSONBOID, INETOID,
        BYTEAOID, BYTEAOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

constinit Statement select_counted{
    "SELECT s.id, s.device_id, "
        "LEAST(s.idle_expires_at, GREATEST(s.expires_at, s.refresh_expires_at)) "
    "FROM session_service.sessions s "
    "WHERE " SQL_THIS_USER " AND s.revoked_at IS NULL AND NOT s.is_closed "
    "ORDER BY CASE WHEN $3 THEN s.created_at ELSE s.last_activity_at END, s.id",
    std::array<Oid, 3>{UUIDOID, INT2OID, BOOLOID}};

constinit Statement close_over{
    "UPDATE session_service.sessions s SET is_closed = true "
    "WHERE " SQL_THIS_USER " AND s.revoked_at IS NULL AND NOT s.is_closed "
    "AND NOT (" SQL_NOT_EXPIRED_FOR_GOOD("$3") " AND " SQL_NOT_IDLE("$3") ")",
    std::array<Oid, 3>{UUIDOID, INT2OID, TIMESTAMPTZOID}};

constinit Statement select_for_update{
    "SELECT 1 FROM session_service.sessions s WHERE " SQL_THIS_SESSION " FOR NO KEY UPDATE",
    std::array<Oid, 2>{UUIDOID, INT2OID}};

constinit Statement update_pair{
    "UPDATE session_service.sessions s SET "
    "token_hash = " SQL_HASH("$5") ", "
    "refresh_hash = " SQL_HASH("$6") ", "
    "previous_refresh_hash = s.refresh_hash, "
    "family_hash = COALESCE(" SQL_HASH("$7") ", s.family_hash), "
    "rotation_salt = $8, "
    "rotated_at = $3, "
    "generation = s.generation" SQL_PLUS "1, "
    "secret_length = $9, "
    "expires_at = $10, "
    "refresh_expires_at = $11, "
    "idle_expires_at = $12, "
    "last_activity_at = $3, "
    "purge_after = $13, "
    "ip_address = COALESCE($14, s.ip_address) "
    "WHERE " SQL_THIS_SESSION " AND s.refresh_hash" SQL_HASH_EQ SQL_HASH("$4") " "
    "AND s.revoked_at IS NULL AND NOT s.is_closed "
    "AND s.refresh_expires_at" SQL_GT "$3 AND " SQL_NOT_IDLE("$3") " RETURNING s.id",
    std::array<Oid, 14>{UUIDOID, INT2OID, TIMESTAMPTZOID, BYTEAOID, BYTEAOID, BYTEAOID, BYTEAOID,
                        BYTEAOID, INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
                        TIMESTAMPTZOID, INETOID}};

constinit Statement update_session_token{
    "UPDATE session_service.sessions s SET token_hash = " SQL_HASH("$5") ", rotation_salt = NULL "
    "WHERE " SQL_THIS_SESSION " AND s.token_hash" SQL_HASH_EQ SQL_HASH("$4") " "
    "AND " SQL_ACTIVE("$3") " RETURNING s.expires_at",
    std::array<Oid, 5>{UUIDOID, INT2OID, TIMESTAMPTZOID, BYTEAOID, BYTEAOID}};

// A write to the row erases the salt once no retry is answered any more.
#define SQL_OVERDUE_SALT(cutoff) \
    "rotation_salt = CASE WHEN s.rotated_at" SQL_LE cutoff " THEN NULL ELSE s.rotation_salt END "

#define SQL_EXTENDED "GREATEST(s.expires_at, LEAST($4, s.absolute_expires_at))"
constinit Statement update_expiry{
    "UPDATE session_service.sessions s SET "
    "expires_at = " SQL_EXTENDED ", "
    "purge_after = " SQL_PURGE_DAY("s.idle_expires_at", SQL_EXTENDED, "s.refresh_expires_at") ", "
    SQL_OVERDUE_SALT("$5")
    "WHERE " SQL_THIS_SESSION " AND " SQL_ACTIVE("$3") " "
    "RETURNING s.expires_at",
    std::array<Oid, 5>{UUIDOID, INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

// The salt goes too: a session that is over answers no retry.
#define SQL_REVOKE \
    "UPDATE session_service.sessions s SET revoked_at = $3, revoke_reason = $4, " \
    "purge_after = $3, rotation_salt = NULL "

constinit Statement revoke_session{
    SQL_REVOKE
    "WHERE " SQL_THIS_SESSION " AND " SQL_REVOCABLE("$3") " RETURNING s.id, s.device_id",
    std::array<Oid, 4>{UUIDOID, INT2OID, TIMESTAMPTZOID, TEXTOID}};

constinit Statement revoke_sessions{
    SQL_REVOKE
    "WHERE " SQL_THIS_USER " AND " SQL_REVOCABLE("$3") " "
    "AND ($5 IS NULL OR s.id" SQL_NE "$5) "
    "AND ($6 IS NULL OR s.device_id" SQL_EQ "$6) "
    "AND (NOT $7 OR s.last_activity_at" SQL_LE "$8 OR ($9 AND s.idle_expires_at" SQL_LE "$3)) "
    "RETURNING s.id, s.device_id",
    std::array<Oid, 9>{UUIDOID, INT2OID, TIMESTAMPTZOID, TEXTOID, UUIDOID, UUIDOID, BOOLOID,
                       TIMESTAMPTZOID, BOOLOID}};

constinit Statement update_mfa{
    "UPDATE session_service.sessions s SET mfa_verified_at = $4, mfa_method = $5, "
    SQL_OVERDUE_SALT("$6")
    "WHERE " SQL_THIS_SESSION " AND " SQL_ACTIVE("$3") " RETURNING s.user_id, s.device_id",
    std::array<Oid, 6>{UUIDOID, INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
                       TIMESTAMPTZOID}};

constinit Statement update_scopes{
    "UPDATE session_service.sessions s SET scopes = $4, " SQL_OVERDUE_SALT("$5")
    "WHERE " SQL_THIS_SESSION " AND " SQL_ACTIVE("$3") " RETURNING s.id",
    std::array<Oid, 5>{UUIDOID, INT2OID, TIMESTAMPTZOID, TEXTARRAYOID, TIMESTAMPTZOID}};

constinit Statement update_metadata{
    "UPDATE session_service.sessions s SET metadata = $4, " SQL_OVERDUE_SALT("$5")
    "WHERE " SQL_THIS_SESSION " AND " SQL_ACTIVE("$3") " RETURNING s.id",
    std::array<Oid, 5>{UUIDOID, INT2OID, TIMESTAMPTZOID, JSONBOID, TIMESTAMPTZOID}};

// The sessions first, as cleanup does: two calls that delete the same rows take them in one order.
constinit Statement delete_of_user{
    "WITH gone AS ("
        "DELETE FROM session_service.sessions s WHERE " SQL_THIS_USER " RETURNING s.id, s.bucket), "
    "imported AS ("
        "DELETE FROM session_service.imported_tokens i USING gone "
        "WHERE i.session_id" SQL_EQ "gone.id AND i.bucket" SQL_EQ "gone.bucket) "
    "SELECT pg_catalog.count(*) FROM gone",
    std::array<Oid, 2>{UUIDOID, INT2OID}};

// clang-format on

Value bucket_value(const core::Uuid& session_id) {
    return pg::smallint_value(core::bucket_of(session_id));
}

Value digest_value(const std::optional<core::Digest>& digest) {
    return digest ? pg::bytea_value(*digest) : pg::null_value;
}

Value length_value(std::size_t length) {
    return pg::smallint_value(static_cast<std::uint16_t>(length));
}

Value optional_uuid_value(const std::optional<core::Uuid>& id) {
    return id ? pg::uuid_value(*id) : pg::null_value;
}

template <typename Element>
std::span<Element> allocate(std::uint64_t count) {
    return {static_cast<Element*>(palloc(count * sizeof(Element) + 1)), count};
}

template <typename Element>
std::span<Element> enlarge(std::span<Element> elements) {
    const auto larger = allocate<Element>(elements.size() * 2);
    std::ranges::copy(elements, larger.begin());
    return larger;
}

void insert_by_statement(const UserKey& user, const NewSession& session) {
    const core::Deadlines& deadlines = session.deadlines;
    (void)insert_row.run(Access::write, {pg::uuid_value(session.id),
                                         pg::smallint_value(user.bucket),
                                         pg::uuid_value(user.id),
                                         pg::uuid_value(session.device_id),
                                         pg::bytea_value(session.token_hash),
                                         pg::time_value(session.created),
                                         pg::time_value(deadlines.expires),
                                         pg::time_value(core::purge_day(deadlines)),
                                         pg::bigint_value(session.own.session),
                                         pg::bigint_value(session.own.refresh),
                                         pg::bigint_value(session.own.inactivity),
                                         length_value(session.secret_length),
                                         pg::time_value(deadlines.idle),
                                         pg::time_value(deadlines.refresh),
                                         pg::time_value(deadlines.absolute),
                                         session.scopes,
                                         session.metadata,
                                         session.ip_address,
                                         digest_value(session.refresh_hash),
                                         digest_value(session.family_hash),
                                         pg::time_value(session.last_activity),
                                         pg::time_value(session.mfa_verified)});
}

// The same as insert_row, without the executor; false where the statement has to do it.
bool insert_directly(const UserKey& user, const NewSession& session) {
    std::optional<PlainTable> table = PlainTable::open(TableName::sessions);
    if (!table) {
        return false;
    }
    const core::Deadlines& deadlines = session.deadlines;
    std::array<Value, column::count> row{};
    row.fill(pg::null_value);
    const auto set = [&row](column::Number number, Value value) {
        row[static_cast<std::size_t>(number - 1)] = value;
    };
    set(column::id, pg::uuid_value(session.id));
    set(column::user_id, pg::uuid_value(user.id));
    set(column::device_id, pg::uuid_value(session.device_id));
    set(column::token_hash, pg::value(pg::token_hash_datum(session.token_hash)));
    set(column::created_at, pg::time_value(session.created));
    set(column::last_activity_at, pg::time_value(session.last_activity));
    set(column::expires_at, pg::time_value(deadlines.expires));
    set(column::purge_after, pg::time_value(core::purge_day(deadlines)));
    set(column::session_expiry, pg::bigint_value(session.own.session));
    set(column::refresh_expiry, pg::bigint_value(session.own.refresh));
    set(column::inactivity_timeout, pg::bigint_value(session.own.inactivity));
    set(column::generation, pg::integer_value(0));
    set(column::bucket, pg::smallint_value(user.bucket));
    set(column::secret_length, length_value(session.secret_length));
    set(column::is_closed, pg::boolean_value(false));
    set(column::idle_expires_at, pg::time_value(deadlines.idle));
    set(column::refresh_expires_at, pg::time_value(deadlines.refresh));
    set(column::absolute_expires_at, pg::time_value(deadlines.absolute));
    set(column::mfa_verified_at, pg::time_value(session.mfa_verified));
    set(column::scopes, session.scopes);
    set(column::metadata, session.metadata);
    set(column::ip_address, session.ip_address);
    if (session.refresh_hash) {
        set(column::refresh_hash, pg::value(pg::token_hash_datum(*session.refresh_hash)));
    }
    if (session.family_hash) {
        set(column::family_hash, pg::value(pg::token_hash_datum(*session.family_hash)));
    }
    const bool is_inserted = table->insert(row);
    table->close();
    return is_inserted;
}

// Calls `take` with each of the user's sessions that is neither revoked nor closed, as of now,
// without the executor; false where that has to be a statement.
template <typename Take>
bool read_open_sessions(const UserKey& user, Take&& take) {
    std::optional<PlainTable> table = PlainTable::open(TableName::sessions);
    if (!table) {
        return false;
    }
    pg::ScanKeys<2> keys{pg::equals(1, F_UUID_EQ, pg::uuid_value(user.id).value), pg::is_null(2)};
    Snapshot snapshot = RegisterSnapshot(pg::fresh_snapshot());
    pg::IndexScan scan = table->scan_by_user(snapshot, keys);
    while (const TupleTableSlot* slot = scan.next(column::absolute_expires_at)) {
        const SessionRow row{slot->tts_values, slot->tts_isnull};
        if (!row.is_closed()) {
            take(row);
        }
    }
    scan.close();
    UnregisterSnapshot(snapshot);
    table->close();
    return true;
}

struct RankedSession {
    CountedSession session;
    Micros rank;
};

// The same as select_counted, without the executor.
std::optional<std::span<CountedSession>> count_directly(const UserKey& user, EvictionOrder order) {
    constexpr std::size_t at_first = 16;
    auto ranked = allocate<RankedSession>(at_first);
    std::size_t count = 0;
    const bool is_read = read_open_sessions(user, [&](const SessionRow& row) {
        if (count == ranked.size()) {
            ranked = enlarge(ranked);
        }
        ranked[count++] = {.session = {.id = row.uuid(column::id),
                                       .device_id = row.uuid(column::device_id),
                                       .end = core::end_of(row.deadlines())},
                           .rank =
                               row.time(order == EvictionOrder::oldest ? column::created_at
                                                                       : column::last_activity_at)};
    });
    if (!is_read) {
        return std::nullopt;
    }
    ranked = ranked.first(count);
    std::ranges::sort(ranked, [](const RankedSession& left, const RankedSession& right) {
        return std::tie(left.rank, left.session.id) < std::tie(right.rank, right.session.id);
    });
    const auto sessions = allocate<CountedSession>(count);
    std::ranges::transform(ranked, sessions.begin(), &RankedSession::session);
    return sessions;
}

// In `memory`.
std::span<CountedSession> count_by_statement(const UserKey& user, EvictionOrder order,
                                             MemoryContext memory) {
    const Result rows =
        select_counted.run(Access::read, {pg::uuid_value(user.id), pg::smallint_value(user.bucket),
                                          pg::boolean_value(order == EvictionOrder::oldest)});
    const MemoryContext previous = MemoryContextSwitchTo(memory);
    const auto sessions = allocate<CountedSession>(rows.count());
    MemoryContextSwitchTo(previous);
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        sessions[i] = {.id = pg::to_uuid(rows(i, 1)),
                       .device_id = pg::to_uuid(rows(i, 2)),
                       .end = DatumGetTimestampTz(rows(i, 3))};
    }
    return sessions;
}

// The condition of update_pair: what the rotation makes of the session's life at this moment;
// nothing where `presented` is not its refresh token or buys nothing.
std::optional<Renewed> renewed_by(const SessionRow& session, const Rotation& rotation) {
    const Micros now = pg::now();
    const core::Deadlines deadlines = session.deadlines();
    if (!session.matches(column::refresh_hash, rotation.presented) || session.is_revoked() ||
        session.is_closed() || !core::is_usable(deadlines, now) || now >= deadlines.refresh) {
        return std::nullopt;
    }
    const core::Lifetimes lifetimes =
        core::shorter(session.own_lifetimes(), pg::settings::lifetimes());
    return Renewed{.at = now, .deadlines = core::renewed(now, lifetimes, deadlines.absolute, true)};
}

// What update_pair sets.
pg::RowChange rotation_of(const SessionRow& session, const Renewed& renewed,
                          const Rotation& rotation) {
    const core::Deadlines& deadlines = renewed.deadlines;
    pg::RowChange change;
    change.set(column::token_hash, pg::value(pg::token_hash_datum(rotation.token_hash)));
    change.set(column::refresh_hash, pg::value(pg::token_hash_datum(rotation.refresh_hash)));
    change.set(column::previous_refresh_hash, session.get(column::refresh_hash));
    if (rotation.family_hash) {
        change.set(column::family_hash, pg::value(pg::token_hash_datum(*rotation.family_hash)));
    }
    change.set(column::rotation_salt, pg::bytea_value(rotation.salt));
    change.set(column::rotated_at, pg::time_value(renewed.at));
    change.set(column::generation,
               pg::integer_value(DatumGetInt32(session.get(column::generation).value) + 1));
    change.set(column::secret_length, length_value(rotation.secret_length));
    change.set(column::expires_at, pg::time_value(deadlines.expires));
    change.set(column::refresh_expires_at, pg::time_value(deadlines.refresh));
    change.set(column::idle_expires_at, pg::time_value(deadlines.idle));
    change.set(column::last_activity_at, pg::time_value(renewed.at));
    change.set(column::purge_after, pg::time_value(core::purge_day(deadlines)));
    if (!rotation.ip_address.isnull) {
        change.set(column::ip_address, rotation.ip_address);
    }
    return change;
}

// Of what was replaced until then no retry is answered any more.
pg::Value latest_overdue_rotation(Micros now) {
    // Without a grace also one that came while the call waited for the row.
    const Micros grace = pg::settings::refresh_grace();
    return pg::time_value(grace > 0 ? now - grace : core::never);
}

// For a table that is not a plain local one, or that a DBA added a trigger to. Where it waits for
// the row, the grace starts before the wait.
bool rotate_pair_by_statement(const core::Uuid& id, const Renewed& renewed,
                              const Rotation& rotation) {
    const core::Deadlines& deadlines = renewed.deadlines;
    return !update_pair
                .run(Access::write,
                     {pg::uuid_value(id), bucket_value(id), pg::time_value(renewed.at),
                      pg::bytea_value(rotation.presented), pg::bytea_value(rotation.token_hash),
                      pg::bytea_value(rotation.refresh_hash), digest_value(rotation.family_hash),
                      pg::bytea_value(rotation.salt), length_value(rotation.secret_length),
                      pg::time_value(deadlines.expires), pg::time_value(deadlines.refresh),
                      pg::time_value(deadlines.idle), pg::time_value(core::purge_day(deadlines)),
                      rotation.ip_address})
                .empty();
}

} // namespace

void insert_session(const UserKey& user, const NewSession& session) {
    if (!insert_directly(user, session)) {
        as_owner([&] {
            insert_by_statement(user, session);
            return true;
        });
    }
}

std::span<CountedSession> counted_sessions(const UserKey& user, EvictionOrder order) {
    const MemoryContext memory = CurrentMemoryContext;
    const auto sessions = count_directly(user, order);
    return sessions ? *sessions : as_owner([&] { return count_by_statement(user, order, memory); });
}

void close_sessions_that_are_over(const UserKey& user, Micros now) {
    (void)close_over.run(Access::write, {pg::uuid_value(user.id), pg::smallint_value(user.bucket),
                                         pg::time_value(now)});
}

void lock_session(const core::Uuid& id) {
    (void)select_for_update.run(Access::write, {pg::uuid_value(id), bucket_value(id)});
}

std::optional<Renewed> rotate_pair(const core::Uuid& id, const Rotation& rotation) {
    table_close(open_sessions(RowExclusiveLock), NoLock);
    SessionLookup lookup = SessionLookup::open(column::revoke_reason);
    const std::optional<SessionRow> session = lookup.find(id);
    const bool is_direct = lookup.writing_at_commit() == SessionLookup::Writing::directly;
    std::optional<Renewed> renewed;
    if (session) {
        renewed = renewed_by(*session, rotation);
    }
    if (renewed && is_direct) {
        const pg::RowUpdate outcome = pg::update_row_if_free(
            lookup.heap(), lookup.slot(), rotation_of(*session, *renewed, rotation));
        if (outcome == pg::RowUpdate::held) {
            pg::wait_for_row(lookup.heap(), lookup.slot());
        }
        if (outcome != pg::RowUpdate::updated) {
            renewed.reset();
        }
    }
    lookup.close();
    if (renewed && !is_direct && !rotate_pair_by_statement(id, *renewed, rotation)) {
        renewed.reset();
    }
    CommandCounterIncrement();
    return renewed;
}

std::optional<Micros> replace_session_token(const core::Uuid& id, Micros now,
                                            const core::Digest& presented,
                                            const core::Digest& token_hash) {
    const Result row = update_session_token.run(
        Access::write, {pg::uuid_value(id), bucket_value(id), pg::time_value(now),
                        pg::bytea_value(presented), pg::bytea_value(token_hash)});
    if (row.empty()) {
        return std::nullopt;
    }
    return DatumGetTimestampTz(row(0, 1));
}

std::optional<Micros> extend_session(const core::Uuid& id, Micros now, Micros expires) {
    const Result row = update_expiry.run(
        Access::write, {pg::uuid_value(id), bucket_value(id), pg::time_value(now),
                        pg::value(TimestampTzGetDatum(expires)), latest_overdue_rotation(now)});
    if (row.empty()) {
        return std::nullopt;
    }
    return DatumGetTimestampTz(row(0, 1));
}

std::optional<Revoked> revoke_one(const UserKey& user, const core::Uuid& id, Micros now,
                                  Value reason) {
    const Result row =
        revoke_session.run(Access::write, {pg::uuid_value(id), pg::smallint_value(user.bucket),
                                           pg::time_value(now), reason});
    if (row.empty()) {
        return std::nullopt;
    }
    return Revoked{.id = pg::to_uuid(row(0, 1)), .device_id = pg::to_uuid(row(0, 2))};
}

std::span<Revoked> revoke_many(const UserKey& user, const RevocationFilter& filter, Micros now,
                               Value reason) {
    const Inactivity inactivity = filter.inactivity.value_or(Inactivity{});
    const Result rows = revoke_sessions.run(
        Access::write,
        {pg::uuid_value(user.id), pg::smallint_value(user.bucket), pg::time_value(now), reason,
         optional_uuid_value(filter.except), optional_uuid_value(filter.device_id),
         pg::boolean_value(filter.inactivity.has_value()),
         inactivity.cutoff ? pg::time_value(*inactivity.cutoff) : pg::null_value,
         pg::boolean_value(inactivity.by_own_timeout)});
    const auto revoked = allocate<Revoked>(rows.count());
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        revoked[i] = {.id = pg::to_uuid(rows(i, 1)), .device_id = pg::to_uuid(rows(i, 2))};
    }
    return revoked;
}

std::optional<Owner> set_mfa(const core::Uuid& id, Micros now, bool verified, Value method) {
    const Result row =
        update_mfa.run(Access::write, {pg::uuid_value(id), bucket_value(id), pg::time_value(now),
                                       verified ? pg::time_value(now) : pg::null_value, method,
                                       latest_overdue_rotation(now)});
    if (row.empty()) {
        return std::nullopt;
    }
    return Owner{.user_id = pg::to_uuid(row(0, 1)), .device_id = pg::to_uuid(row(0, 2))};
}

bool set_scopes(const core::Uuid& id, Micros now, Value scopes) {
    return !update_scopes
                .run(Access::write, {pg::uuid_value(id), bucket_value(id), pg::time_value(now),
                                     scopes, latest_overdue_rotation(now)})
                .empty();
}

bool set_metadata(const core::Uuid& id, Micros now, Value metadata) {
    return !update_metadata
                .run(Access::write, {pg::uuid_value(id), bucket_value(id), pg::time_value(now),
                                     metadata, latest_overdue_rotation(now)})
                .empty();
}

std::int64_t delete_sessions(const UserKey& user) {
    return DatumGetInt64(delete_of_user.run(
        Access::write, {pg::uuid_value(user.id), pg::smallint_value(user.bucket)})(0, 1));
}

} // namespace session_service::store
