// The row of a user. Whatever touches several of a user's sessions or devices takes it first, so
// that such calls wait for each other in one order and none meets a deadlock.
#pragma once

#include "core/bytes.hpp"
#include "core/lifetime.hpp"

#include "pg/statement.hpp"

namespace session_service::store {

/// A user's id with the bucket that all of the user's rows carry.
struct UserKey {
    core::Uuid id;
    std::uint16_t bucket;

    /// 55000 where this server does not hold the bucket.
    static UserKey of(const core::Uuid& user_id);

    pg::Value id_value() const { return pg::uuid_value(id); }
    pg::Value bucket_value() const { return pg::smallint_value(bucket); }
};

struct User {
    /// The user's own limit of sessions, 0 for none; nothing where the setting's holds.
    std::optional<int> max_sessions;
    /// Whether nobody may sign in as this user.
    bool is_disabled = false;
};

/// Locks the user's row until the transaction ends, and makes it where there is none. What is read
/// next with a fresh snapshot is what others left: a count of sessions holds at every isolation
/// level.
User claim_user(const UserKey& user, core::Micros now);

/// Locks the user's row until the transaction ends. False where the user has none and no session or
/// device either: then nothing is held, and what a sign-in makes from now on came after this call.
[[nodiscard]] bool lock_user(const UserKey& user);

/// Raises the epoch: the greater of the last one plus 1 and the microseconds of now. Returns it.
/// REQUIRES: the user's row is held.
std::int64_t raise_epoch(const UserKey& user, core::Micros now);

/// The epoch, 0 for a user who was never seen.
std::int64_t read_epoch(const pg::OwnerScope& owner, const UserKey& user);

/// Lets nobody sign in as the user any more, or lets them again; whether that changed anything.
/// REQUIRES: the user's row is held.
bool set_disabled(const UserKey& user, bool disabled, core::Micros now);

/// False for a user who was never seen.
bool is_disabled(const pg::OwnerScope& owner, const UserKey& user);

/// Gives the user an own limit; nothing means back to the setting.
void set_session_limit(const pg::OwnerScope& owner, const UserKey& user,
                       std::optional<int> max_sessions, core::Micros now);

/// Deletes the row.
void delete_user_row(const pg::OwnerScope& owner, const UserKey& user);

} // namespace session_service::store
