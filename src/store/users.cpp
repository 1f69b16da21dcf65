#include "store/users.hpp"

#include "core/uuid.hpp"

#include "pg/statement.hpp"
#include "pg/table_update.hpp"
#include "store/catalog.hpp"
#include "store/plain_table.hpp"
#include "store/sql.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

namespace session_service::store {

namespace {

using pg::Access;
using pg::Statement;

constexpr std::array<Oid, 2> user_key_types{UUIDOID, INT2OID};

// Laid out by hand: clang-format breaks SQL at its macros.
// clang-format off

// A new row's epoch is the time, never 0, so that a user who was deleted and came back does not
// start behind an epoch that some cache still remembers.
constinit Statement upsert_user{
    "INSERT INTO session_service.users AS u (user_id, bucket, epoch) VALUES ($1, $2, $3) "
    "ON CONFLICT (user_id, bucket) DO UPDATE SET epoch = u.epoch RETURNING u.max_sessions",
    std::array<Oid, 3>{UUIDOID, INT2OID, INT8OID}};

constinit Statement select_for_update{
    "SELECT 1 FROM session_service.users u "
    "WHERE u.user_id" SQL_EQ "$1 AND u.bucket" SQL_EQ "$2 FOR NO KEY UPDATE",
    user_key_types};

constinit Statement select_has_rows{
    "SELECT EXISTS (SELECT 1 FROM session_service.sessions s "
        "WHERE s.user_id" SQL_EQ "$1 AND s.bucket" SQL_EQ "$2) "
    "OR EXISTS (SELECT 1 FROM session_service.devices d "
        "WHERE d.user_id" SQL_EQ "$1 AND d.bucket" SQL_EQ "$2)",
    user_key_types};

constinit Statement update_epoch{
    "UPDATE session_service.users u SET epoch = GREATEST(u.epoch" SQL_PLUS "1, $3) "
    "WHERE u.user_id" SQL_EQ "$1 AND u.bucket" SQL_EQ "$2 RETURNING u.epoch",
    std::array<Oid, 3>{UUIDOID, INT2OID, INT8OID}};

constinit Statement select_epoch{"SELECT u.epoch FROM session_service.users u "
                                 "WHERE u.user_id" SQL_EQ "$1 AND u.bucket" SQL_EQ "$2",
                                 user_key_types};

constinit Statement upsert_limit{
    "INSERT INTO session_service.users AS u (user_id, bucket, epoch, max_sessions) "
    "VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (user_id, bucket) DO UPDATE SET max_sessions = EXCLUDED.max_sessions",
    std::array<Oid, 4>{UUIDOID, INT2OID, INT8OID, INT4OID}};

constinit Statement delete_row{"DELETE FROM session_service.users u WHERE u.user_id" SQL_EQ
                               "$1 AND u.bucket" SQL_EQ "$2",
                               user_key_types};

// clang-format on

std::array<pg::Value, 2> key_values(const UserKey& user) {
    return {pg::uuid_value(user.id), pg::smallint_value(user.bucket)};
}

[[noreturn]] void raise_concurrent_update() {
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    errmsg("could not serialize access due to concurrent update")));
    pg_unreachable();
}

// One look at the user's row, and an update of what it found; nothing where there is no row.
std::optional<pg::RowUpdate> write_row(const PlainTable& table, const UserKey& user,
                                       User& claimed) {
    const auto [id, bucket] = key_values(user);
    pg::ScanKeys<2> keys{pg::equals(1, F_UUID_EQ, id.value), pg::equals(2, F_INT2EQ, bucket.value)};
    // What the newest version is, the update itself decides. So the look needs no snapshot, and
    // takes no part in the read/write dependencies of SERIALIZABLE, as that of ON CONFLICT.
    pg::IndexScan scan = table.scan_by_user(SnapshotSelf, keys);
    std::optional<pg::RowUpdate> outcome;
    TupleTableSlot* row = scan.next_to_update(users_column::max_sessions);
    scan.end_scan(); // before the update, which may wait
    if (row != nullptr) {
        const pg::Value limit = scan.get(users_column::max_sessions);
        if (!limit.isnull) {
            claimed.max_sessions = DatumGetInt32(limit.value);
        }
        outcome = pg::update_row(table.heap(), row, {});
    }
    scan.close();
    return outcome;
}

// The same as upsert_user for a row that is there, without the executor.
std::optional<User> claim_known_user(const UserKey& user) {
    std::optional<PlainTable> table = PlainTable::open(TableName::users);
    if (!table) {
        return std::nullopt;
    }
    User claimed;
    std::optional<pg::RowUpdate> outcome;
    do {
        CHECK_FOR_INTERRUPTS();
        claimed = User{};
        outcome = write_row(*table, user, claimed);
        if (outcome == pg::RowUpdate::changed && IsolationUsesXactSnapshot()) {
            raise_concurrent_update();
        }
    } while (outcome && outcome != pg::RowUpdate::updated);
    table->close();
    if (!outcome) {
        return std::nullopt;
    }
    CommandCounterIncrement();
    return claimed;
}

User claim_user_by_statement(const UserKey& user, core::Micros now) {
    const pg::Result row =
        upsert_user.run(Access::write, {pg::uuid_value(user.id), pg::smallint_value(user.bucket),
                                        pg::bigint_value(pg::to_unix(now))});
    const pg::Value limit = row.get(0, 1);
    User claimed;
    if (!limit.isnull) {
        claimed.max_sessions = DatumGetInt32(limit.value);
    }
    return claimed;
}

} // namespace

UserKey UserKey::of(const core::Uuid& user_id) {
    return {.id = user_id, .bucket = core::user_bucket(user_id)};
}

User claim_user(const UserKey& user, core::Micros now) {
    const std::optional<User> known = claim_known_user(user);
    return known ? *known : as_owner([&] { return claim_user_by_statement(user, now); });
}

bool lock_user(const UserKey& user) {
    if (!select_for_update.run(Access::write, key_values(user)).empty()) {
        return true;
    }
    // It was deleted while we waited, and the user may be back; or rows were brought in by hand.
    if (!DatumGetBool(select_has_rows.run(Access::write, key_values(user))(0, 1))) {
        return false;
    }
    (void)claim_user(user, pg::now());
    return true;
}

std::int64_t raise_epoch(const UserKey& user, core::Micros now) {
    const pg::Result row =
        update_epoch.run(Access::write, {pg::uuid_value(user.id), pg::smallint_value(user.bucket),
                                         pg::bigint_value(pg::to_unix(now))});
    return row.empty() ? 0 : DatumGetInt64(row(0, 1));
}

std::int64_t read_epoch(const UserKey& user) {
    const pg::Result row = select_epoch.run(Access::read, key_values(user));
    return row.empty() ? 0 : DatumGetInt64(row(0, 1));
}

void set_session_limit(const UserKey& user, std::optional<int> max_sessions, core::Micros now) {
    (void)upsert_limit.run(Access::write,
                           {pg::uuid_value(user.id), pg::smallint_value(user.bucket),
                            pg::bigint_value(pg::to_unix(now)),
                            max_sessions ? pg::integer_value(*max_sessions) : pg::null_value});
}

void delete_user_row(const UserKey& user) {
    (void)delete_row.run(Access::write, key_values(user));
}

} // namespace session_service::store
