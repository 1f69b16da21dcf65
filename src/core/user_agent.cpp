// A User-Agent header is a list of products, `Name/version`, with comments in parentheses. Nearly
// every browser names its ancestors too (`Mozilla/5.0 ... Chrome/126.0 Safari/537.36 Edg/126.0`),
// so the text is taken apart once, and the product that stands highest in one table is the client.
// The first comment tells of the system, word by word, in the same way. One file each: characters
// and words (text), products and comments (header), client, system, and the tables (names).
#include "core/user_agent.hpp"

#include "core/user_agent_client.hpp"
#include "core/user_agent_header.hpp"
#include "core/user_agent_names.hpp"
#include "core/user_agent_system.hpp"
#include "core/user_agent_text.hpp"

#include <algorithm>
#include <type_traits>

namespace session_service::core {

static_assert(std::is_trivially_copyable_v<UserAgent>);
static_assert(std::is_trivially_destructible_v<UserAgent>);

namespace {

using namespace user_agents;

/// Whose browser it is if nothing but the engine that Apple wrote is named.
constexpr std::string_view stock_browser_of(Os os) noexcept {
    switch (os) {
    case Os::android:
        return "Android Browser";
    case Os::blackberry:
        return "BlackBerry Browser";
    case Os::tizen:
        return "Samsung Internet";
    default:
        return "Safari";
    }
}

} // namespace

DottedVersion::DottedVersion(std::string_view version) noexcept
    : size_(static_cast<std::uint8_t>(std::min(version.size(), characters_.size()))) {
    std::transform(version.begin(), version.begin() + size_, characters_.begin(),
                   [](char c) { return c == '_' ? '.' : c; });
}

std::string_view name_of(DeviceType type) noexcept {
    switch (type) {
    case DeviceType::desktop:
        return "desktop";
    case DeviceType::mobile:
        return "mobile";
    case DeviceType::tablet:
        return "tablet";
    case DeviceType::tv:
        return "tv";
    case DeviceType::bot:
        return "bot";
    case DeviceType::app:
        return "app";
    case DeviceType::unknown:
        break;
    }
    return "unknown";
}

UserAgent describe_user_agent(std::string_view text) noexcept {
    const Header header = take_apart(text);
    const System system = read_system(header);
    const Client client = find_client(header, text);

    UserAgent result;
    result.os = os_names[static_cast<std::size_t>(system.os)];
    result.os_version = DottedVersion(system.version);
    result.browser = shorten(client.name, UserAgent::max_length);
    result.browser_version = shorten(client.version, UserAgent::max_length);
    if (client.kind == Kind::bot) {
        result.device_type = DeviceType::bot;
    } else if (client.kind == Kind::app) {
        // "Roku/DVP-12.5", "AppleTV11,1/17.5" and "HbbTV/1.5.1" are the device itself.
        const Os device = os_of_word(client.name);
        const bool is_tv = device == Os::roku || device == Os::tvos || client.name == "HbbTV";
        result.device_type = is_tv ? DeviceType::tv : DeviceType::app;
        if (device == Os::tvos) {
            result.browser = result.browser_version = {}; // a model
        }
    } else {
        if (client.name == "Safari") {
            result.browser = stock_browser_of(system.os);
        }
        result.device_type = device_type_of(system);
    }
    return result;
}

} // namespace session_service::core
