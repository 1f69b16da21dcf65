// Lists and counts.

#include "store/listing.hpp"
#include "api/rows.hpp"
#include "api/session_filter.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"
#include "service/external_id.hpp"
#include "service/revocation.hpp"
#include "store/external_sessions.hpp"
#include "table/table.hpp"

using session_service::pg::Arguments;
namespace api = session_service::api;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace service = session_service::service;
namespace store = session_service::store;
namespace table = session_service::table;
using store::UserKey;

namespace {

// Returns the sessions of a query that runs with the owner's rights.
template <typename Query>
Datum listed_sessions(FunctionCallInfo fcinfo, Query&& query) {
    constexpr std::size_t address = 5;
    constexpr std::size_t country = 6;
    api::RowCollector rows{fcinfo};
    return table::as_owner([&](const pg::OwnerScope& owner) {
        rows.add_all_with_places(query(owner), address, country);
        return Datum{0};
    });
}

// The same for rows of any other kind.
template <typename Query>
Datum listed(FunctionCallInfo fcinfo, Query&& query) {
    api::RowCollector rows{fcinfo};
    return table::as_owner([&](const pg::OwnerScope& owner) {
        rows.add_all(query(owner));
        return Datum{0};
    });
}

constexpr std::int32_t default_rows = 100;

core::Micros time_or_beginning(const Arguments& arguments, int number) {
    return arguments.is_null(number) ? core::Micros{DT_NOBEGIN}
                                     : DatumGetTimestampTz(arguments.datum(number));
}

// From the arguments since, max_rows and before, the first of which has this number.
store::EventPage event_page(const Arguments& arguments, int number) {
    return {.since = time_or_beginning(arguments, number),
            .count = arguments.row_limit(number + 1, default_rows),
            .before = arguments.optional_uuid(number + 2)};
}

} // namespace

SQL_FUNCTION(session_service_get_session) {
    const Arguments arguments{fcinfo};
    const core::Uuid id = arguments.uuid(0, "session_id");
    return listed_sessions(fcinfo, [&](const pg::OwnerScope& owner) {
        return store::session_by_id(owner, id, pg::now(), arguments.optional_uuid(1));
    });
}

SQL_FUNCTION(session_service_get_user_session) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    const core::Uuid id = arguments.uuid(1, "session_id");
    return listed_sessions(fcinfo, [&](const pg::OwnerScope& owner) {
        return store::session_of_user(owner, UserKey::of(user_id), id, pg::now(),
                                      arguments.optional_uuid(2));
    });
}

SQL_FUNCTION(session_service_list_user_sessions) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    const bool include_inactive = !arguments.is_null(2) && DatumGetBool(arguments.datum(2));
    return listed_sessions(fcinfo, [&](const pg::OwnerScope& owner) {
        return store::sessions_of_user(owner, UserKey::of(user_id), pg::now(),
                                       arguments.optional_uuid(1), include_inactive);
    });
}

SQL_FUNCTION(session_service_list_mfa_verified_sessions) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    return listed_sessions(fcinfo, [&](const pg::OwnerScope& owner) {
        return store::mfa_verified_sessions(owner, UserKey::of(user_id), pg::now());
    });
}

SQL_TOKEN_FUNCTION(session_service_find_external_sessions) {
    const core::Digest hash = service::hash_external_id(
        Arguments{fcinfo}.required_text(0, "external_id", pg::max_external_id_length));
    return listed_sessions(fcinfo, [&](const pg::OwnerScope& owner) {
        return store::external_sessions(owner, hash, pg::now());
    });
}

SQL_FUNCTION(session_service_list_sessions) {
    const Arguments arguments{fcinfo};
    const store::SessionFilter filter = api::session_filter(arguments);
    const store::SessionPage page{.include_inactive = arguments.boolean_or(8, false),
                                  .after = arguments.optional_uuid(9),
                                  .count = arguments.row_limit(10, default_rows)};
    return listed_sessions(fcinfo, [&](const pg::OwnerScope& owner) {
        return store::find_sessions(owner, filter, page, pg::now());
    });
}

SQL_FUNCTION(session_service_list_inactive_sessions) {
    const Arguments arguments{fcinfo};
    const auto inactive_for = arguments.duration(0, "inactive_for");
    return listed_sessions(fcinfo, [&](const pg::OwnerScope& owner) {
        const core::Micros now = pg::now();
        return store::inactive_sessions(owner, service::inactivity(inactive_for, now), now);
    });
}

SQL_FUNCTION(session_service_count_user_sessions) {
    const core::Uuid user_id = Arguments{fcinfo}.uuid(0, "user_id");
    PG_RETURN_INT64(table::as_owner([&](const pg::OwnerScope& owner) {
        return store::count_active(owner, UserKey::of(user_id), pg::now());
    }));
}

SQL_FUNCTION(session_service_count_active_sessions) {
    PG_RETURN_INT64(table::as_owner(
        [](const pg::OwnerScope& owner) { return store::count_all_active(owner, pg::now()); }));
}

SQL_FUNCTION(session_service_list_events) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    const store::EventPage page = event_page(arguments, 1);
    return listed(fcinfo, [&](const pg::OwnerScope& owner) {
        return store::events_of_user(owner, UserKey::of(user_id), page);
    });
}

SQL_FUNCTION(session_service_list_all_events) {
    const Arguments arguments{fcinfo};
    const store::EventPage page = event_page(arguments, 0);
    return listed(fcinfo,
                  [&](const pg::OwnerScope& owner) { return store::all_events(owner, page); });
}
