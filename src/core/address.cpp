#include "core/address.hpp"

#include <algorithm>

namespace session_service::core {
namespace {

constexpr std::uint8_t mapped_prefix = 96;
constexpr std::array<std::uint8_t, mapped_prefix / 8> mapped{0, 0, 0, 0, 0,    0,
                                                             0, 0, 0, 0, 0xff, 0xff};
constexpr std::uint8_t v4_network = 24;
constexpr std::uint8_t v6_network = 48;

} // namespace

Address unmapped(const Address& address) noexcept {
    if (!address.is_v6 || address.prefix < mapped_prefix ||
        !std::equal(mapped.begin(), mapped.end(), address.bytes.begin())) {
        return address;
    }
    Address v4{.prefix = static_cast<std::uint8_t>(address.prefix - mapped_prefix)};
    std::copy(address.bytes.begin() + mapped.size(), address.bytes.end(), v4.bytes.begin());
    return v4;
}

Address network_of(const Address& address) noexcept {
    Address network = address;
    network.prefix = std::min(address.prefix, address.is_v6 ? v6_network : v4_network);
    const auto whole = static_cast<std::ptrdiff_t>((address.is_v6 ? v6_network : v4_network) / 8);
    std::fill(network.bytes.begin() + whole, network.bytes.end(), std::uint8_t{0});
    return network;
}

} // namespace session_service::core
