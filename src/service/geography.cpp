#include "service/geography.hpp"

#include "core/geoip.hpp"

#include "pg/settings.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/inet.h"
}

namespace session_service::service {

namespace {

// A name in the file is UTF-8. In a database of another encoding only what is ASCII is shown: a
// place name is not worth an error.
pg::Value name_value(std::string_view name) {
    const bool is_ascii =
        std::ranges::none_of(name, [](char character) { return (character & '\x80') != 0; });
    const auto size = static_cast<int>(name.size());
    if (name.empty() || std::memchr(name.data(), '\0', name.size()) != nullptr ||
        (!is_ascii && (GetDatabaseEncoding() != PG_UTF8 ||
                       !pg_verify_mbstr(PG_UTF8, name.data(), size, true)))) {
        return pg::null_value;
    }
    return pg::text_value(name);
}

} // namespace

void prepare_geography() {
    const char* path = pg::settings::geoip_database();
    if (path == nullptr) {
        return;
    }
    switch (core::geoip::open_if_changed(path)) {
    case core::geoip::Opening::failed:
        ereport(WARNING, (errcode(ERRCODE_CONFIG_FILE_ERROR),
                          errmsg("could not open the file of session_service.geoip_database: %s",
                                 core::geoip::failure()),
                          errhint("Countries and cities are NULL until it can be read.")));
        break;
    case core::geoip::Opening::opened_other_type:
        ereport(WARNING, (errcode(ERRCODE_CONFIG_FILE_ERROR),
                          errmsg("the file of session_service.geoip_database is of a type that is "
                                 "not known to have countries"),
                          errhint("Name a City, Country or Enterprise database. What another one "
                                  "does not have is NULL.")));
        break;
    case core::geoip::Opening::opened:
    case core::geoip::Opening::unchanged:
        break;
    }
}

Place place_of(pg::Value ip_address) {
    if (ip_address.isnull) {
        return {};
    }
    inet* address = DatumGetInetPP(ip_address.value);
    const std::size_t size = ip_family(address) == PGSQL_AF_INET ? 4 : 16;
    const core::geoip::Place place =
        core::geoip::find_place({reinterpret_cast<const std::uint8_t*>(ip_addr(address)), size});
    return {.country = name_value(place.country), .city = name_value(place.city)};
}

} // namespace session_service::service
