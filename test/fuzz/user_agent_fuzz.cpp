// Any bytes: every name and version is a part of the text or a constant, and has no control
// character; the same text is described alike wherever it lies.
#include "core/user_agent.hpp"

#include "fuzz.hpp"

#include <functional>
#include <memory>

namespace session_service {
namespace {

bool lies_in(std::string_view part, std::string_view text) {
    constexpr std::less_equal<> before; // which orders pointers into different objects, too
    return before(text.data(), part.data()) &&
           before(part.data() + part.size(), text.data() + text.size());
}

bool has_control_character(std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

bool is_system_version(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; }) ||
           text == "XP" || text == "Vista";
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    const std::string_view text = fuzz::text_of({data, size});
    const core::UserAgent found = core::describe_user_agent(text);

    fuzz::require(!core::name_of(found.device_type).empty());
    fuzz::require(found.browser.size() <= core::UserAgent::max_length);
    fuzz::require(found.browser_version.size() <= core::UserAgent::max_length);
    fuzz::require(!has_control_character(found.browser));
    fuzz::require(found.browser_version.empty() || lies_in(found.browser_version, text));
    fuzz::require(!has_control_character(found.browser_version));
    fuzz::require(found.browser_version.empty() || !found.browser.empty());
    fuzz::require(is_system_version(found.os_version.view()));
    fuzz::require(found.os_version.empty() || !found.os.empty());
    fuzz::require(found.browser.empty() || found.browser != found.os); // "Roku on Roku"

    // In a block of its own that is given back, whatever still points to the text is a constant; a
    // sanitizer catches a read of anything else.
    const auto copy = std::make_unique<std::string>(text);
    core::UserAgent again = core::describe_user_agent(*copy);
    fuzz::require(again.browser == found.browser && again.os == found.os &&
                  again.browser_version == found.browser_version &&
                  again.os_version.view() == found.os_version.view() &&
                  again.device_type == found.device_type);
    const bool constant = !lies_in(again.browser, *copy);
    fuzz::require(constant || lies_in(found.browser, text));
    copy->assign(copy->size(), '\0');
    copy->shrink_to_fit();
    fuzz::require(!constant || again.browser == found.browser);
    fuzz::require(again.os == found.os && again.os_version.view() == found.os_version.view());
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    static const std::vector<std::string> seeds{
        "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (iPad; CPU OS 17_5) [FBAN/FBIOS;FBAV/465.0.1;FBSV/17.5] [LinkedInApp]/9.29",
        "Mozilla/5.0 (Linux; Android 13; SM-T220 Build/TP1A; wv) XiaoMi/MiuiBrowser/14.9.0-gn",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://a.b/) Safari/537.36Snapchat1.2",
        "Mozilla/5.0 (X11; Linux x86_64) my-desk/2.0 Chrome/120.0 Electron/28.2 Safari/537.36",
        "Spotify/8.9.42 iOS/17.5.1 (iPhone14,5) CFNetwork/1494.0.7 Darwin/23.4.0",
        "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/191.308; U; en) Presto/2.12 Version/12.16",
        "Mozilla/5.0 (Macintosh; Mac OS X 10_15) Version/17.0 EdgiOS/125.0 Safari/605.1.15",
        "Mozilla/5.0 (PC; OpenHarmony 5.0; HarmonyOS 5.0) Safari/537.36ArkWeb/4.1.6.1 Mobile",
        "Mozilla/5.0 (X11; Linux x86_64; Valve Steam Client/1/2) Cobalt/25.lts Safari/537.36",
        "Dalvik/2.1.0 (Linux; U; Android 12; BRAVIA 4K Build/STTL) Roku/DVP-14.5",
        "Plex Media Player 2.58"};
    return session_service::fuzz::mutate_from(seeds, data, size, max_size, random);
}
