// Addresses of clients, as they are kept.
#pragma once

#include "core/bytes.hpp"

namespace session_service::core {

/// An address with the length of its network's prefix, in bits.
struct Address {
    std::array<std::uint8_t, 16> bytes{}; // of IPv4 the first four
    bool is_v6 = false;
    std::uint8_t prefix = 0;
};

/// An IPv4-mapped IPv6 address (::ffff:0:0/96, RFC 4291 section 2.5.5.2) as the IPv4 address that
/// it is: a socket for both protocols shows one client in either form. Any other as it is.
Address unmapped(const Address& address) noexcept;

/// The network that tells where a client is but hardly who: the first 24 bits of IPv4, 48 of IPv6.
Address network_of(const Address& address) noexcept;

} // namespace session_service::core
