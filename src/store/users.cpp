#include "store/users.hpp"

#include "core/uuid.hpp"

#include "store/buckets.hpp"
#include "table/table.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace session_service::store {

namespace {

using table::Outcome;
using table::Table;
using table::TableName;
namespace users = table::users;

using UserRow = table::Row<users::Column>;

// With hints, since a transaction that signs a user in again and again makes many versions of the
// row.
constinit auto by_id =
    table::Search{TableName::users,
                  0,
                  {{users::user_id, table::Is::equal}, {users::bucket, table::Is::equal}}}
        .with_hints();

constexpr auto user_key_types = pg::parameters(UUIDOID, INT2OID);

// A new row's epoch is the time, never 0, so that a user who was deleted and came back does not
// start behind an epoch that some cache still remembers.
constinit pg::Statement upsert_user{
    R"(INSERT INTO session_service.users AS u (user_id, bucket, epoch) VALUES ($1, $2, $3)
       ON CONFLICT (user_id, bucket) DO UPDATE SET epoch = u.epoch
       RETURNING u.max_sessions, u.disabled_at)",
    pg::parameters(UUIDOID, INT2OID, INT8OID)};

constinit pg::Statement select_has_rows{
    R"(SELECT EXISTS (SELECT 1 FROM session_service.sessions s
                      WHERE s.user_id = $1 AND s.bucket = $2)
           OR EXISTS (SELECT 1 FROM session_service.devices d
                      WHERE d.user_id = $1 AND d.bucket = $2))",
    user_key_types};

constinit pg::Statement select_epoch{
    "SELECT u.epoch FROM session_service.users u WHERE u.user_id = $1 AND u.bucket = $2",
    user_key_types};

constinit pg::Statement select_disabled{
    R"(SELECT u.disabled_at IS NOT NULL FROM session_service.users u
       WHERE u.user_id = $1 AND u.bucket = $2)",
    user_key_types};

constinit pg::Statement upsert_limit{
    R"(INSERT INTO session_service.users AS u (user_id, bucket, epoch, max_sessions)
       VALUES ($1, $2, $3, $4)
       ON CONFLICT (user_id, bucket) DO UPDATE SET max_sessions = EXCLUDED.max_sessions)",
    pg::parameters(UUIDOID, INT2OID, INT8OID, INT4OID)};

constinit pg::Statement delete_row{
    "DELETE FROM session_service.users u WHERE u.user_id = $1 AND u.bucket = $2", user_key_types};

std::optional<int> limit_of(pg::Value max_sessions) {
    return max_sessions.isnull ? std::nullopt
                               : std::optional<int>{DatumGetInt32(max_sessions.value)};
}

// Locks the row of a user who is known; nothing where there is none, or where the server keeps it
// from being locked. A lock writes no version: so a user who signs in often leaves no dead ones.
std::optional<User> take_row(const UserKey& user) {
    Table table = Table::open(TableName::users, table::For::locking, table::most_columns,
                              table::Sees::newest);
    std::optional<User> taken;
    for (Outcome outcome = Outcome::changed; outcome == Outcome::changed;) {
        CHECK_FOR_INTERRUPTS();
        const auto found = table.find(by_id, {user.id_value(), user.bucket_value()});
        if (!found) {
            break;
        }
        const UserRow row{*found};
        const User found_user{.max_sessions = limit_of(row.get(users::max_sessions)),
                              .is_disabled = !row.is_null(users::disabled_at)};
        outcome = table.lock();
        if (outcome == Outcome::done) {
            taken = found_user;
        }
    }
    table.close();
    return taken;
}

// Changes the row of a user, whoever changed it since; `decide` gives the values, or nothing to
// leave it. What came of it; nothing where it was left.
template <typename Decide>
std::optional<Outcome> change_row(const UserKey& user, Decide&& decide) {
    Table table = Table::open(TableName::users, table::For::writing, table::most_columns,
                              table::Sees::newest);
    Outcome outcome = Outcome::changed;
    while (outcome == Outcome::changed) {
        CHECK_FOR_INTERRUPTS();
        const auto found = table.find(by_id, {user.id_value(), user.bucket_value()});
        const auto values = found ? decide(UserRow{*found}) : std::nullopt;
        if (!values) {
            table.close();
            return std::nullopt;
        }
        outcome = table.update(*values, table::IfHeld::wait);
    }
    table.close();
    return outcome;
}

} // namespace

UserKey UserKey::of(const core::Uuid& user_id) {
    return {.id = user_id, .bucket = require_held(core::user_bucket(user_id))};
}

User claim_user(const UserKey& user, core::Micros now) {
    if (const auto known = take_row(user)) {
        return *known;
    }
    return table::as_owner([&](const pg::OwnerScope& owner) {
        const pg::Result row = upsert_user.write(
            owner, {user.id_value(), user.bucket_value(), pg::bigint_value(pg::to_unix(now))});
        return row.empty() ? User{}
                           : User{.max_sessions = limit_of(row.get(0, 1, INT4OID)),
                                  .is_disabled = !row.get(0, 2, TIMESTAMPTZOID).isnull};
    });
}

bool lock_user(const UserKey& user) {
    if (take_row(user)) {
        return true;
    }
    // It was deleted while we waited, and the user may be back; or rows were brought in by hand.
    const bool has_rows = table::as_owner([&](const pg::OwnerScope& owner) {
        return select_has_rows.write(owner, {user.id_value(), user.bucket_value()}).boolean(0, 1);
    });
    if (has_rows) {
        (void)claim_user(user, pg::now());
    }
    return has_rows;
}

std::int64_t raise_epoch(const UserKey& user, core::Micros now) {
    std::int64_t epoch = 0;
    (void)change_row(user, [&](const UserRow& row) -> std::optional<table::Values> {
        epoch = std::max(row.bigint(users::epoch) + 1, pg::to_unix(now));
        return table::Values{}.set(users::epoch, pg::bigint_value(epoch));
    });
    return epoch;
}

bool set_disabled(const UserKey& user, bool disabled, core::Micros now) {
    const auto outcome = change_row(user, [&](const UserRow& row) -> std::optional<table::Values> {
        if (row.is_null(users::disabled_at) != disabled) {
            return std::nullopt;
        }
        return table::Values{}.set(users::disabled_at,
                                   disabled ? pg::time_value(now) : pg::null_value);
    });
    if (outcome == Outcome::refused) {
        // Else the caller would take the user for disabled.
        ereport(ERROR,
                (errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
                 errmsg("a trigger or rule of table \"session_service.users\" left out a row")));
    }
    return outcome == Outcome::done;
}

bool is_disabled(const pg::OwnerScope& owner, const UserKey& user) {
    const pg::Result row = select_disabled.read(owner, {user.id_value(), user.bucket_value()});
    return !row.empty() && row.boolean(0, 1);
}

std::int64_t read_epoch(const pg::OwnerScope& owner, const UserKey& user) {
    const pg::Result row = select_epoch.read(owner, {user.id_value(), user.bucket_value()});
    return row.empty() ? 0 : row.bigint(0, 1);
}

void set_session_limit(const pg::OwnerScope& owner, const UserKey& user,
                       std::optional<int> max_sessions, core::Micros now) {
    (void)upsert_limit.write(
        owner, {user.id_value(), user.bucket_value(), pg::bigint_value(pg::to_unix(now)),
                max_sessions ? pg::integer_value(*max_sessions) : pg::null_value});
}

void delete_user_row(const pg::OwnerScope& owner, const UserKey& user) {
    (void)delete_row.write(owner, {user.id_value(), user.bucket_value()});
}

} // namespace session_service::store
