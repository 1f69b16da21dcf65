// CRC-32C (Castagnoli, RFC 3720 appendix B.4): tells a typing error or noise from a token.
// It proves nothing about who made it.
#pragma once

#include "core/bytes.hpp"

namespace session_service::core {

/// The checksum of `data`; `seed` continues a checksum over what came before it.
std::uint32_t crc32c(Bytes data, std::uint32_t seed = 0) noexcept;

} // namespace session_service::core
