// Devices, and what a user agent tells.

#include "core/user_agent.hpp"

#include "api/rows.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"
#include "service/devices.hpp"
#include "store/devices.hpp"
#include "table/table.hpp"

extern "C" {
#include "access/htup_details.h"
}

using session_service::pg::Arguments;
namespace api = session_service::api;
namespace core = session_service::core;
namespace pg = session_service::pg;
namespace service = session_service::service;
namespace store = session_service::store;
namespace table = session_service::table;

namespace {

// A key that is missing or empty names no device.
pg::Value device_key(const Arguments& arguments, int number) {
    return arguments.nonempty_text(number, "device_key", pg::max_device_key_length);
}

} // namespace

SQL_FUNCTION(session_service_list_user_devices) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    constexpr std::size_t address = 7;
    constexpr std::size_t country = 8;
    api::RowCollector rows{fcinfo};
    return table::as_owner([&](const pg::OwnerScope& owner) {
        rows.add_all_with_places(store::devices_of_user(owner, store::UserKey::of(user_id),
                                                        pg::now(), arguments.optional_uuid(1)),
                                 address, country);
        return Datum{0};
    });
}

SQL_TOKEN_FUNCTION(session_service_is_known_device) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    PG_RETURN_BOOL(service::is_known_device(user_id, device_key(arguments, 1)));
}

SQL_TOKEN_FUNCTION(session_service_is_trusted_device) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    PG_RETURN_BOOL(service::is_trusted_device(user_id, device_key(arguments, 1)));
}

SQL_FUNCTION(session_service_trust_device) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    const core::Uuid device_id = arguments.uuid(1, "device_id");
    PG_RETURN_BOOL(service::trust_device(user_id, device_id, arguments.duration(2, "trust_for")));
}

SQL_FUNCTION(session_service_untrust_device) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    PG_RETURN_BOOL(service::untrust_device(user_id, arguments.uuid(1, "device_id")));
}

SQL_FUNCTION(session_service_untrust_all_devices) {
    PG_RETURN_INT32(service::untrust_all_devices(Arguments{fcinfo}.uuid(0, "user_id")));
}

SQL_FUNCTION(session_service_rename_device) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    const core::Uuid device_id = arguments.uuid(1, "device_id");
    arguments.require(2, "name");
    PG_RETURN_BOOL(service::rename_device(user_id, device_id, arguments.display_name(2, "name")));
}

SQL_FUNCTION(session_service_forget_device) {
    const Arguments arguments{fcinfo};
    const core::Uuid user_id = arguments.uuid(0, "user_id");
    PG_RETURN_BOOL(service::forget_device(user_id, arguments.uuid(1, "device_id")));
}

SQL_FUNCTION(session_service_describe_user_agent) {
    const Arguments arguments{fcinfo};
    const pg::Value header = arguments.text(0, "user_agent", pg::max_user_agent_length);
    const core::UserAgent agent =
        core::describe_user_agent(header.isnull ? std::string_view{} : pg::to_view(header.value));
    return api::row_of(fcinfo,
                       std::array<pg::Value, 5>{
                           pg::text_or_null(agent.browser), pg::text_or_null(agent.browser_version),
                           pg::text_or_null(agent.os), pg::text_or_null(agent.os_version.view()),
                           pg::text_value(core::name_of(agent.device_type))});
}
