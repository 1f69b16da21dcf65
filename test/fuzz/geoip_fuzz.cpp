// Any file: is no database, or one that gives a place, within the file, for any address.
#include "core/geoip.hpp"

#include "fuzz.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace session_service {
namespace {

using fuzz::require;

/// A file in memory, whose path stays the same.
class File {
  public:
    void write(core::Bytes content) const {
        require(ftruncate(descriptor_, 0) == 0);
        require(pwrite(descriptor_, content.data(), content.size(), 0) ==
                static_cast<ssize_t>(content.size()));
    }
    const char* path() const { return path_.c_str(); }

  private:
    int descriptor_ = memfd_create("places", 0);
    std::string path_ = "/proc/self/fd/" + std::to_string(descriptor_);
};

/// Reads each byte, so that one that is not there ends the run.
void read(std::string_view text) {
    volatile char seen = 0;
    for (const char c : text) {
        seen = c;
    }
    (void)seen;
}

void look_up(core::Bytes address) {
    const core::geoip::Place place = core::geoip::find_place(address);
    read(place.country);
    read(place.city);
}

// --- a small database, as the format's specification has it

std::string text(std::string_view value) {
    return static_cast<char>(0x40 | value.size()) + std::string(value);
}

std::string map(std::initializer_list<std::string> keys_and_values) {
    std::string encoded(1, static_cast<char>(0xe0 | keys_and_values.size() / 2));
    for (const std::string& part : keys_and_values) {
        encoded += part;
    }
    return encoded;
}

std::string number(std::uint8_t type, std::uint8_t value) {
    return {static_cast<char>(type << 5 | 1), static_cast<char>(value)};
}

std::string small_database() {
    constexpr std::uint8_t unsigned_16 = 5;
    constexpr std::uint8_t unsigned_32 = 6;
    // One node, of which both records point to the first value.
    constexpr char first_value = 1 + 16;
    std::string file{0, 0, first_value, 0, 0, first_value};
    file.append(16, '\0');
    file += map({text("country"), map({text("iso_code"), text("SE")}), text("city"),
                 map({text("names"), map({text("en"), text("Lund")})})});
    file += "\xab\xcd\xefMaxMind.com";
    file += map(
        {text("node_count"), number(unsigned_32, 1), text("record_size"), number(unsigned_16, 24),
         text("ip_version"), number(unsigned_16, 6), text("database_type"), text("Test-City"),
         text("languages"), std::string{'\0', '\x04'}, text("binary_format_major_version"),
         number(unsigned_16, 2), text("binary_format_minor_version"), number(unsigned_16, 0),
         text("build_epoch"), std::string{'\x01', '\x02', '\x01'}, text("description"), map({})});
    return file;
}

} // namespace
} // namespace session_service

// libmaxminddb loses memory over a file whose metadata it refuses. That is once for each state of
// such a file, and not ours to mend.
// NOLINTBEGIN(clang-diagnostic-reserved-identifier): the sanitizer's name for it
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
    return "detect_leaks=0";
}
// NOLINTEND(clang-diagnostic-reserved-identifier)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    static const File file;
    const core::Bytes input(data, size);
    // Forgotten first, since the next may have the size and the time of the last.
    require(core::geoip::open_if_changed("") == core::geoip::Opening::unchanged);
    file.write(input);
    if (core::geoip::open_if_changed(file.path()) == core::geoip::Opening::failed) {
        read(core::geoip::failure());
    }
    // Some addresses, and some that the input gives.
    static constexpr std::array<std::uint8_t, 16> mapped{0, 0, 0,    0,    0,   0,  0,   0,
                                                         0, 0, 0xff, 0xff, 198, 51, 100, 1};
    look_up(mapped);
    fuzz::Source source(input);
    look_up(source.bytes<4>());
    look_up(source.bytes<16>());
    look_up(input.first(std::min<std::size_t>(input.size(), 20)));
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds{small_database()};
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
