#include "store/session_search.hpp"

#include "core/uuid.hpp"

#include "store/buckets.hpp"
#include "store/session_info.hpp"
#include "store/users.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

namespace session_service::store {

namespace {

using pg::Statement;
using pg::Value;

// $1 is now, $2 no session.
constexpr auto matches = R"(
    WHERE s.id > $3 AND ($4 OR )" +
                         rules::active + ") AND " + rules::held + R"(
    AND ($6 IS NULL OR s.ip_address::inet <<= $6)
    AND ($7 IS NULL OR s.created_at >= $7)
    AND ($8 IS NULL OR s.created_at < $8)
    AND ($9 IS NULL OR s.last_activity_at <= $9)
    AND ($10 IS NULL OR d.device_type::text = $10)
    AND ($11 IS NULL OR $11 = ANY (s.scopes::text[]))
    AND ($12 IS NULL OR s.metadata::jsonb @> $12)
    ORDER BY s.id LIMIT $5)";

// With users, by the index of users: what they have is sorted. Without, in the order of the key.
constexpr pg::SqlText of_all{" FROM session_service.sessions s "};
constexpr pg::SqlText of_users{
    R"( FROM (SELECT * FROM session_service.sessions t WHERE t.user_id = ANY ($13) OFFSET 0) s )"};

constexpr pg::SqlText owned_columns{"SELECT o.user_id, o.id FROM (SELECT s.user_id, s.id"};
constexpr pg::SqlText in_order_of_users{") o ORDER BY o.user_id, o.id"};

constexpr auto types =
    pg::parameters(TIMESTAMPTZOID, UUIDOID, UUIDOID, BOOLOID, INT4OID, INETOID, TIMESTAMPTZOID,
                   TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, JSONBOID);
constexpr auto types_with_users =
    pg::parameters(TIMESTAMPTZOID, UUIDOID, UUIDOID, BOOLOID, INT4OID, INETOID, TIMESTAMPTZOID,
                   TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, JSONBOID, UUIDARRAYOID);

constinit Statement select_of_all{session_info::columns + of_all + session_info::device + matches,
                                  types};
constinit Statement select_of_users{
    session_info::columns + of_users + session_info::device + matches, types_with_users};
constinit Statement select_owned_of_all{
    owned_columns + of_all + session_info::device + matches + in_order_of_users, types};
constinit Statement select_owned_of_users{owned_columns + of_users + session_info::device +
                                              matches + in_order_of_users,
                                          types_with_users};

Value optional_time(const std::optional<Micros>& time) {
    return time ? pg::time_value(*time) : pg::null_value;
}

// An id is made with the session or, of an imported one, later: none before it was created.
core::Uuid first_id(const SessionFilter& filter, const SessionPage& page) {
    const core::Uuid after = page.after.value_or(core::Uuid{});
    if (!filter.created_after || pg::to_unix(*filter.created_after) <= 0) {
        return after;
    }
    return std::max(after, core::make_uuid7(pg::to_unix(*filter.created_after) / 1000, 0, {}));
}

// Who names users is told where one of them is not here.
void require_users_held(Value user_ids) {
    if (pg::settings::buckets() == nullptr) {
        return;
    }
    for (const core::Uuid& id : pg::uuids_of(user_ids.value)) {
        (void)UserKey::of(id);
    }
}

template <typename OfAll, typename OfUsers>
pg::Result run(const pg::OwnerScope& owner, const SessionFilter& filter, const SessionPage& page,
               Micros now, OfAll& of_all_users, OfUsers& of_some_users) {
    const core::Uuid after = first_id(filter, page);
    const std::array values{pg::time_value(now),
                            pg::null_value,
                            pg::uuid_value(after),
                            pg::boolean_value(page.include_inactive),
                            pg::integer_value(page.count),
                            filter.network,
                            optional_time(filter.created_after),
                            optional_time(filter.created_before),
                            optional_time(filter.inactive_since),
                            filter.device_type,
                            filter.scope,
                            filter.metadata};
    if (filter.user_ids.isnull) {
        return of_all_users.read(owner, values);
    }
    require_users_held(filter.user_ids);
    std::array<Value, values.size() + 1> with_users{};
    std::ranges::copy(values, with_users.begin());
    with_users.back() = filter.user_ids;
    return of_some_users.read(owner, with_users);
}

} // namespace

pg::Result find_sessions(const pg::OwnerScope& owner, const SessionFilter& filter,
                         const SessionPage& page, Micros now) {
    return run(owner, filter, page, now, select_of_all, select_of_users);
}

std::span<OwnedSession> owned_sessions(const pg::Result& rows) {
    auto* sessions = static_cast<OwnedSession*>(palloc(rows.count() * sizeof(OwnedSession) + 1));
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        sessions[i] = {.user_id = rows.uuid(i, 1), .id = rows.uuid(i, 2)};
    }
    return {sessions, rows.count()};
}

std::span<OwnedSession> find_owned_sessions(const pg::OwnerScope& owner,
                                            const SessionFilter& filter, const SessionPage& page,
                                            Micros now) {
    return owned_sessions(
        run(owner, filter, page, now, select_owned_of_all, select_owned_of_users));
}

} // namespace session_service::store
