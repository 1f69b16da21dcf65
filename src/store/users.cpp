#include "store/users.hpp"

#include "core/uuid.hpp"

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
       ON CONFLICT (user_id, bucket) DO UPDATE SET epoch = u.epoch RETURNING u.max_sessions)",
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
        const auto limit = limit_of(table::Row<users::Column>{*found}.get(users::max_sessions));
        outcome = table.lock();
        if (outcome == Outcome::done) {
            taken = User{.max_sessions = limit};
        }
    }
    table.close();
    return taken;
}

} // namespace

UserKey UserKey::of(const core::Uuid& user_id) {
    return {.id = user_id, .bucket = core::user_bucket(user_id)};
}

User claim_user(const UserKey& user, core::Micros now) {
    if (const auto known = take_row(user)) {
        return *known;
    }
    return table::as_owner([&](const pg::OwnerScope& owner) {
        const pg::Result row = upsert_user.write(
            owner, {user.id_value(), user.bucket_value(), pg::bigint_value(pg::to_unix(now))});
        return User{.max_sessions = row.empty() ? std::nullopt : limit_of(row.get(0, 1, INT4OID))};
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
    Table table = Table::open(TableName::users, table::For::writing, table::most_columns,
                              table::Sees::newest);
    std::int64_t epoch = 0;
    for (Outcome outcome = Outcome::changed; outcome == Outcome::changed;) {
        CHECK_FOR_INTERRUPTS();
        const auto found = table.find(by_id, {user.id_value(), user.bucket_value()});
        if (!found) {
            break;
        }
        epoch =
            std::max(table::Row<users::Column>{*found}.bigint(users::epoch) + 1, pg::to_unix(now));
        outcome = table.update(table::Values{}.set(users::epoch, pg::bigint_value(epoch)),
                               table::IfHeld::wait);
    }
    table.close();
    return epoch;
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
