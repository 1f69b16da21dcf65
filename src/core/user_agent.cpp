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
constexpr std::string_view stock_browser_of(const System& system) noexcept {
    switch (system.os) {
    case Os::android:
        return "Android Browser";
    case Os::blackberry:
        return "BlackBerry Browser";
    case Os::tizen:
        return "Samsung Internet";
    case Os::freebsd:
    case Os::openbsd:
    case Os::netbsd:
    case Os::dragonfly:
    case Os::solaris:
    case Os::haiku:
    case Os::linux_kernel: // WebKitGTK has no mark of its own, and this is the browser made of it
        return system.tv ? "" : "Epiphany";
    case Os::roku:
        return "";
    default:
        return "Safari";
    }
}

/// Whether a client's name is its device's model: "AppleTV11,1/17.5", or "Roku4640X/DVP-7.70",
/// which has no version, unlike an app called Roku-something.
bool is_device(const Client& client, const System& system) noexcept {
    return os_of_word(client.name) == system.os &&
           (system.os == Os::tvos || (system.os == Os::roku && client.version.empty()));
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
    if (client.name == "Safari" && client.kind == Kind::browser) {
        result.browser = stock_browser_of(system);
    }
    if (is_device(client, system) || equal(result.browser, result.os)) {
        result.browser = {};
    }
    if (result.browser.empty()) {
        result.browser_version = {};
    }

    result.device_type = device_type_of(system);
    if (client.kind == Kind::bot) {
        result.device_type = DeviceType::bot;
    } else if (client.kind == Kind::app && result.device_type != DeviceType::tv) {
        result.device_type = DeviceType::app; // on a television, the television is what counts
    }
    return result;
}

} // namespace session_service::core
