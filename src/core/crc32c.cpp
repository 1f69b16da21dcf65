#include "core/crc32c.hpp"

namespace session_service::core {
namespace {

/// 0x1EDC6F41 with its bits reversed, since the checksum takes the low bit of each byte first.
constexpr std::uint32_t polynomial = 0x82f6'3b78;

constexpr std::size_t slice = 8;
using Table = std::array<std::uint32_t, 256>;

/// tables[n][b]: what the byte `b` adds to the checksum when `n` more bytes follow it, so that
/// eight bytes are taken at once by eight look-ups that do not wait for each other.
constexpr std::array<Table, slice> tables = [] {
    std::array<Table, slice> result{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) {
            remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? polynomial : 0);
        }
        result[0][byte] = remainder;
    }
    for (std::size_t n = 1; n < slice; ++n) {
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = result[n - 1][byte];
            result[n][byte] = (before >> 8) ^ result[0][before & 0xff];
        }
    }
    return result;
}();

} // namespace

std::uint32_t crc32c(Bytes data, std::uint32_t seed) noexcept {
    std::uint32_t remainder = ~seed;
    while (data.size() >= slice) {
        remainder = tables[7][data[0] ^ (remainder & 0xff)] ^
                    tables[6][data[1] ^ ((remainder >> 8) & 0xff)] ^
                    tables[5][data[2] ^ ((remainder >> 16) & 0xff)] ^
                    tables[4][data[3] ^ (remainder >> 24)] ^ tables[3][data[4]] ^
                    tables[2][data[5]] ^ tables[1][data[6]] ^ tables[0][data[7]];
        data = data.subspan(slice);
    }
    for (const std::uint8_t byte : data) {
        remainder = (remainder >> 8) ^ tables[0][byte ^ (remainder & 0xff)];
    }
    return ~remainder;
}

} // namespace session_service::core
