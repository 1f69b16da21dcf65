// Places of addresses, from a file in MaxMind's format (libmaxminddb). Without that library at
// build time every place is unknown.
#pragma once

#include "core/bytes.hpp"

namespace session_service::core::geoip {

/// What is told once for each state of the file: after that it is `unchanged`.
enum class Opening : std::uint8_t {
    unchanged, // as before, open or not
    opened,
    opened_other_type, // a database of a type that is not known to have countries
    failed,
};

/// Opens the file, again only where the path or the file behind it has changed; an empty path
/// closes. Where memory runs out, std::bad_alloc is thrown, and the next use tries again. Replace
/// such a file by renaming a new one over it: a mapped file that is cut short ends the process.
Opening open_if_changed(const char* path);

/// Why the last opening failed, as a phrase.
const char* failure() noexcept;

/// The views are valid until the file is opened anew, and empty where nothing is known.
struct Place {
    std::string_view country; // ISO 3166-1 alpha-2
    std::string_view city;    // in English, UTF-8
};

/// The place of an IPv4 address of 4 bytes or an IPv6 address of 16, in network byte order. An
/// IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) counts as the IPv4 address in it.
Place find_place(Bytes address) noexcept;

} // namespace session_service::core::geoip
