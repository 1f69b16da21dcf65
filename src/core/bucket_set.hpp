// Sets of buckets, as a server's share of all is written: `0-255,512`.
#pragma once

#include "core/uuid.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace session_service::core {

class BucketSet {
  public:
    /// Reads numbers and ranges with commas between, such as `0-255,512`; white space around them
    /// does not matter. An empty text is every bucket, `none` is no bucket. Nothing for any other
    /// text, for a bucket that there is not, and for a range that ends before it begins.
    static std::optional<BucketSet> parse(std::string_view text) noexcept;

    bool contains(std::uint16_t bucket) const noexcept {
        return (bits_[bucket / 8U % bits_.size()] >> bucket % 8U & 1U) != 0;
    }

    bool has_all() const noexcept;

  private:
    void add(std::uint16_t first, std::uint16_t last) noexcept;

    std::array<std::uint8_t, bucket_count / 8> bits_{};
};

} // namespace session_service::core
