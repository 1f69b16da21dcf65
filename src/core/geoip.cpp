#include "core/geoip.hpp"

#include <string>

#ifdef SESSION_SERVICE_MAXMINDDB

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/stat.h>

namespace session_service::core::geoip {
namespace {

/// What tells one state of a file from another.
struct FileState {
    std::string path;
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    bool is_regular = false;
    timespec modified{};

    bool operator==(const FileState& other) const noexcept {
        return path == other.path && device == other.device && inode == other.inode &&
               size == other.size && is_regular == other.is_regular &&
               modified.tv_sec == other.modified.tv_sec &&
               modified.tv_nsec == other.modified.tv_nsec;
    }
};

// A backend has one thread, and these live as long as it.
FileState known_state;
MMDB_s database;
bool is_open = false;
const char* last_failure = "";

FileState state_of(const char* path) {
    FileState state{.path = path};
    struct stat status {};
    if (stat(path, &status) == 0) {
        state.is_regular = S_ISREG(status.st_mode);
        state.device = status.st_dev;
        state.inode = status.st_ino;
        state.size = status.st_size;
        state.modified = status.st_mtim;
    }
    return state;
}

void close_database() noexcept {
    if (is_open) {
        MMDB_close(&database);
        is_open = false;
    }
}

// Whether the type says that there are countries: "GeoLite2-City", "GeoIP2-Enterprise" and the
// like.
bool has_known_type() noexcept {
    static constexpr std::array<std::string_view, 4> known{"City", "Country", "Enterprise",
                                                           "Location"};
    const char* type = database.metadata.database_type;
    return type != nullptr && std::ranges::any_of(known, [type](std::string_view word) {
               return std::string_view{type}.find(word) != std::string_view::npos;
           });
}

std::string_view text_at(MMDB_entry_s& entry, const char* const* keys) noexcept {
    MMDB_entry_data_s data{};
    if (MMDB_aget_value(&entry, &data, keys) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING) {
        return {};
    }
    return {data.utf8_string, data.data_size};
}

MMDB_lookup_result_s look_up(Bytes address) noexcept {
    int error = MMDB_SUCCESS;
    if (address.size() == sizeof(in_addr)) {
        sockaddr_in socket_address{};
        socket_address.sin_family = AF_INET;
        std::memcpy(&socket_address.sin_addr, address.data(), sizeof(in_addr));
        return MMDB_lookup_sockaddr(&database, reinterpret_cast<const sockaddr*>(&socket_address),
                                    &error);
    }
    sockaddr_in6 socket_address{};
    socket_address.sin6_family = AF_INET6;
    std::memcpy(&socket_address.sin6_addr, address.data(), sizeof(in6_addr));
    return MMDB_lookup_sockaddr(&database, reinterpret_cast<const sockaddr*>(&socket_address),
                                &error);
}

} // namespace

Opening open_if_changed(const char* path) {
    if (*path == '\0') {
        close_database();
        known_state = {};
        return Opening::unchanged;
    }
    FileState state = state_of(path);
    if (state == known_state) {
        return Opening::unchanged;
    }
    close_database();
    known_state = std::move(state);
    // To open a pipe would wait for its other end. What does not exist fails below, with its
    // reason.
    if (known_state.inode != 0 && !known_state.is_regular) {
        last_failure = "It is not a regular file";
        return Opening::failed;
    }
    const int code = MMDB_open(path, MMDB_MODE_MMAP, &database);
    if (code == MMDB_OUT_OF_MEMORY_ERROR) {
        // That says nothing about the file, so the next use tries again.
        known_state = {};
        throw std::bad_alloc();
    }
    if (code != MMDB_SUCCESS) {
        last_failure = MMDB_strerror(code);
        return Opening::failed;
    }
    is_open = true;
    return has_known_type() ? Opening::opened : Opening::opened_other_type;
}

const char* failure() noexcept {
    return last_failure;
}

Place find_place(Bytes address) noexcept {
    static constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0,    0,
                                                                0, 0, 0, 0, 0xff, 0xff};
    if (address.size() == sizeof(in6_addr) &&
        std::ranges::equal(address.first(mapped_prefix.size()), mapped_prefix)) {
        address = address.last(sizeof(in_addr));
    }
    if (!is_open || (address.size() != sizeof(in_addr) && address.size() != sizeof(in6_addr))) {
        return {};
    }
    MMDB_lookup_result_s result = look_up(address);
    if (!result.found_entry) {
        return {};
    }
    static constexpr const char* country_keys[] = {"country", "iso_code", nullptr};
    static constexpr const char* city_keys[] = {"city", "names", "en", nullptr};
    return {.country = text_at(result.entry, country_keys),
            .city = text_at(result.entry, city_keys)};
}

} // namespace session_service::core::geoip

#else

namespace session_service::core::geoip {

Opening open_if_changed(const char* path) {
    static std::string known_path;
    if (known_path == path) {
        return Opening::unchanged;
    }
    known_path = path;
    return known_path.empty() ? Opening::unchanged : Opening::failed;
}

const char* failure() noexcept {
    return "The extension was built without libmaxminddb";
}

Place find_place(Bytes /*address*/) noexcept {
    return {};
}

} // namespace session_service::core::geoip

#endif
