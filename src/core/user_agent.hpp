// What a User-Agent header tells of a client, in the names that people use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace session_service::core {

enum class DeviceType : std::uint8_t { desktop, mobile, tablet, tv, bot, app, unknown };

/// `desktop`, `mobile`, `tablet`, `tv`, `bot`, `app` or `unknown`.
std::string_view name_of(DeviceType type) noexcept;

/// A version with dots between its numbers: iOS writes `17_5_1` where people write 17.5.1, so it
/// is kept by value and survives copies. What does not fit is cut off.
class DottedVersion {
  public:
    DottedVersion() = default;
    explicit DottedVersion(std::string_view version) noexcept;

    [[nodiscard]] std::string_view view() const noexcept { return {characters_.data(), size_}; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  private:
    std::array<char, 31> characters_{};
    std::uint8_t size_ = 0;
};

/// The answer of describe_user_agent. The views point into the described text or at constants, and
/// are empty where nothing is known. A copy is as good as the original.
struct UserAgent {
    static constexpr std::size_t max_length = 64; // of a name or version, in bytes; the rest is cut

    std::string_view browser;         // "Chrome"; of an app or a bot, its name
    std::string_view browser_version; // "126.0.6478.127", as the client writes it
    std::string_view os;              // "macOS"
    DottedVersion os_version;         // "10.15.7"
    DeviceType device_type = DeviceType::unknown;
};

/// Describes the client that sends `text` as its User-Agent header (RFC 9110, section 10.1.5). Any
/// bytes are taken; what cannot be told is left empty or `unknown`. Neither allocates nor throws.
UserAgent describe_user_agent(std::string_view text) noexcept;

} // namespace session_service::core
