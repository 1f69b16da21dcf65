// Cleanup.

#include "service/maintenance.hpp"
#include "pg/arguments.hpp"
#include "pg/entry.hpp"

using session_service::pg::Arguments;
namespace pg = session_service::pg;
namespace service = session_service::service;

SQL_FUNCTION(session_service_cleanup_sessions) {
    const Arguments arguments{fcinfo};
    const auto retention = arguments.duration(0, "retention", true);
    std::optional<std::int32_t> batch_size;
    if (!arguments.is_null(1)) {
        batch_size = DatumGetInt32(arguments.datum(1));
        if (*batch_size <= 0) {
            pg::raise_out_of_range("batch_size", "positive");
        }
    }
    const auto began = service::DurationClock::now();
    const service::Cleaned cleaned = service::clean_up(retention, batch_size);
    (void)service::note_cleanup(cleaned, began);
    PG_RETURN_INT64(cleaned.sessions);
}
