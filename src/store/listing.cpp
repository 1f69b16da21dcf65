#include "store/listing.hpp"

#include "core/uuid.hpp"

#include "store/buckets.hpp"
#include "store/events.hpp"
#include "store/session_info.hpp"

namespace session_service::store {

namespace {

using pg::Result;
using pg::Statement;
using pg::Value;

constexpr auto select_session_info =
    session_info::columns + " FROM session_service.sessions s " + session_info::device;

constexpr pg::SqlText of_user{"WHERE s.user_id = $3 AND s.bucket = $4 "};
constexpr auto latest_first = session_info::latest_first;
constexpr auto user_list_types = pg::parameters(TIMESTAMPTZOID, UUIDOID, UUIDOID, INT2OID);

constinit Statement select_by_id{select_session_info + "WHERE s.id = $3 AND s.bucket = $4",
                                 user_list_types};

constinit Statement select_of_user_by_id{
    select_session_info + "WHERE s.id = $3 AND s.bucket = $4 AND s.user_id = $5",
    pg::parameters(TIMESTAMPTZOID, UUIDOID, UUIDOID, INT2OID, UUIDOID)};

constinit Statement select_all_of_user{select_session_info + of_user + latest_first,
                                       user_list_types};

constinit Statement select_active_of_user{
    select_session_info + of_user + "AND " + rules::active + latest_first, user_list_types};

constinit Statement select_mfa_verified{select_session_info + of_user +
                                            "AND s.mfa_verified_at IS NOT NULL AND " +
                                            rules::active + latest_first,
                                        user_list_types};

constexpr auto inactive = rules::revocable + " AND " + rules::inactive + " AND " + rules::held;

constinit Statement select_inactive{
    select_session_info + "WHERE " + inactive + latest_first,
    pg::parameters(TIMESTAMPTZOID, UUIDOID, TIMESTAMPTZOID, BOOLOID), pg::Finds::whole_table};

constinit Statement select_users_of_inactive{
    "SELECT DISTINCT s.user_id FROM session_service.sessions s WHERE " + inactive +
        " ORDER BY s.user_id",
    pg::parameters(TIMESTAMPTZOID, UUIDOID, TIMESTAMPTZOID, BOOLOID), pg::Finds::whole_table};

constinit Statement count_active_of_user{
    R"(SELECT count(*) FROM session_service.sessions s
       WHERE s.user_id = $2 AND s.bucket = $3 AND )" +
        rules::active,
    pg::parameters(TIMESTAMPTZOID, UUIDOID, INT2OID)};

constinit Statement count_active_of_all{"SELECT count(*) FROM session_service.sessions s WHERE " +
                                            rules::active + " AND " + rules::held,
                                        pg::parameters(TIMESTAMPTZOID), pg::Finds::whole_table};

constexpr pg::SqlText event{
    R"(SELECT e.id::uuid, e.at, e.kind::text, e.user_id::uuid, e.session_id::uuid,
           e.device_id::uuid, e.ip_address::inet, e.reason::text, e.detail::jsonb
       FROM session_service.events e )"};

// The id sorts by time, so the key serves the bounds ($2, the first id of the time $1, and $3) and
// the order. It tells one event from another, also of the same millisecond and of another bucket:
// so what is before an id is all that a page that ended with it has left.
constexpr pg::SqlText in_page{"e.id >= $2 AND e.at >= $1 AND e.id < $3 "};
constexpr pg::SqlText page_order{"ORDER BY e.id DESC LIMIT $4"};

constinit Statement select_events_of_user{
    event + "WHERE e.user_id = $5 AND e.bucket = $6 AND " + in_page + page_order,
    pg::parameters(TIMESTAMPTZOID, UUIDOID, UUIDOID, INT4OID, UUIDOID, INT2OID)};

constinit Statement select_all_events{
    event + "WHERE session_service.holds_bucket(e.bucket::int4) AND " + in_page + page_order,
    pg::parameters(TIMESTAMPTZOID, UUIDOID, UUIDOID, INT4OID)};

Value current_value(const CurrentSession& current) {
    return current ? pg::uuid_value(*current) : pg::null_value;
}

Value cutoff_value(const Inactivity& inactivity) {
    return inactivity.cutoff ? pg::time_value(*inactivity.cutoff) : pg::null_value;
}

// Greater than the id of any event, which is a UUIDv7.
constexpr core::Uuid after_all_events{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

} // namespace

Result session_by_id(const pg::OwnerScope& owner, const core::Uuid& id, Micros now,
                     CurrentSession current) {
    return select_by_id.read(owner,
                             {pg::time_value(now), current_value(current), pg::uuid_value(id),
                              pg::smallint_value(require_held(core::bucket_of(id)))});
}

Result session_of_user(const pg::OwnerScope& owner, const UserKey& user, const core::Uuid& id,
                       Micros now, CurrentSession current) {
    return select_of_user_by_id.read(owner,
                                     {pg::time_value(now), current_value(current),
                                      pg::uuid_value(id), user.bucket_value(), user.id_value()});
}

Result sessions_of_user(const pg::OwnerScope& owner, const UserKey& user, Micros now,
                        CurrentSession current, bool include_inactive) {
    const std::array values{pg::time_value(now), current_value(current), user.id_value(),
                            user.bucket_value()};
    return include_inactive ? select_all_of_user.read(owner, values)
                            : select_active_of_user.read(owner, values);
}

Result mfa_verified_sessions(const pg::OwnerScope& owner, const UserKey& user, Micros now) {
    return select_mfa_verified.read(
        owner, {pg::time_value(now), pg::null_value, user.id_value(), user.bucket_value()});
}

Result inactive_sessions(const pg::OwnerScope& owner, const Inactivity& inactivity, Micros now) {
    return select_inactive.read(owner,
                                {pg::time_value(now), pg::null_value, cutoff_value(inactivity),
                                 pg::boolean_value(inactivity.by_own_timeout)});
}

std::span<core::Uuid> users_of_inactive_sessions(const pg::OwnerScope& owner,
                                                 const Inactivity& inactivity, Micros now) {
    const Result rows = select_users_of_inactive.read(
        owner, {pg::time_value(now), pg::null_value, cutoff_value(inactivity),
                pg::boolean_value(inactivity.by_own_timeout)});
    auto* users = static_cast<core::Uuid*>(palloc(rows.count() * sizeof(core::Uuid) + 1));
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        users[i] = rows.uuid(i, 1);
    }
    return {users, rows.count()};
}

std::int64_t count_active(const pg::OwnerScope& owner, const UserKey& user, Micros now) {
    return count_active_of_user
        .read(owner, {pg::time_value(now), user.id_value(), user.bucket_value()})
        .bigint(0, 1);
}

std::int64_t count_all_active(const pg::OwnerScope& owner, Micros now) {
    return count_active_of_all.read(owner, {pg::time_value(now)}).bigint(0, 1);
}

Result events_of_user(const pg::OwnerScope& owner, const UserKey& user, const EventPage& page) {
    const core::Uuid first = first_event_id(page.since);
    const core::Uuid before = page.before.value_or(after_all_events);
    return select_events_of_user.read(owner, {pg::value(TimestampTzGetDatum(page.since)),
                                              pg::uuid_value(first), pg::uuid_value(before),
                                              pg::integer_value(page.count), user.id_value(),
                                              user.bucket_value()});
}

Result all_events(const pg::OwnerScope& owner, const EventPage& page) {
    const core::Uuid first = first_event_id(page.since);
    const core::Uuid before = page.before.value_or(after_all_events);
    return select_all_events.read(owner, {pg::value(TimestampTzGetDatum(page.since)),
                                          pg::uuid_value(first), pg::uuid_value(before),
                                          pg::integer_value(page.count)});
}

} // namespace session_service::store
