// The byte-level vocabulary of the core.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace session_service::core {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// A UUID in network byte order, as RFC 9562 and PostgreSQL's uuid lay it out.
using Uuid = std::array<std::uint8_t, 16>;

/// A SHA-256 digest.
using Digest = std::array<std::uint8_t, 32>;

/// The bytes of a text, without a copy.
inline Bytes bytes_of(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

} // namespace session_service::core
