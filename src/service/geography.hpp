// Where an address is, as the file that session_service.geoip_database names has it.
#pragma once

#include "pg/value.hpp"

namespace session_service::service {

struct Place {
    pg::Value country = pg::null_value; // ISO 3166 code
    pg::Value city = pg::null_value;
};

/// Opens the file if the setting or the file has changed. What is wrong with it is a warning, once.
void prepare_geography();

/// The place of an inet, which may be NULL.
Place place_of(pg::Value ip_address);

} // namespace session_service::service
