// The filters by which an operator finds sessions: the first arguments of the functions that take
// them.
#pragma once

#include "pg/arguments.hpp"
#include "store/session_search.hpp"

namespace session_service::api {

/// From the arguments user_ids, network, created_after, created_before, inactive_for, device_type,
/// scope and metadata.
inline store::SessionFilter session_filter(const pg::Arguments& arguments) {
    const auto inactive_for = arguments.duration(4, "inactive_for");
    return {.user_ids = arguments.optional(0),
            .network = arguments.network(1),
            .created_after = arguments.optional_time(2, "created_after"),
            .created_before = arguments.optional_time(3, "created_before"),
            .inactive_since =
                inactive_for ? std::optional{pg::now() - *inactive_for} : std::nullopt,
            .device_type = arguments.text(5, "device_type", pg::max_name_length),
            .scope = arguments.text(6, "scope", pg::max_scope_length),
            .metadata = arguments.is_null(7) ? pg::null_value : arguments.metadata(7, false)};
}

} // namespace session_service::api
