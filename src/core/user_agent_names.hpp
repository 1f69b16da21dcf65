// The names that User-Agent headers use, and what people call them. docs/user-agents.md tells how
// they are kept up to date.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace session_service::core::user_agents {

// --- Products --------------------------------------------------------------------------------

enum class Kind : std::uint8_t {
    bot,
    app,    // a program that is no browser, though it may be built on one
    in_app, // the browser inside an app, called by the app's name
    browser,
    nothing, // a token that many clients carry and that names none of them
};

struct KnownProduct {
    std::string_view token; // as headers have it, in any case; a final * stands for any ending
    std::string_view name;  // as people know it
    Kind kind = Kind::browser;
};

/// In order of precedence: of all products in a header, the one that comes first here is the
/// client. A brand's several browsers (for phones, for gamers, a beta) are one family under the
/// brand's name.
inline constexpr auto known_products = std::to_array<KnownProduct>({
    // Fetchers whose names do not say so (those with "bot", "spider" or "crawler" need no entry).
    {"APIs-Google", "APIs-Google", Kind::bot},
    {"BingPreview", "BingPreview", Kind::bot},
    {"ChatGPT-User", "ChatGPT-User", Kind::bot},
    {"Chrome-Lighthouse", "Lighthouse", Kind::bot},
    {"Claude-User", "Claude-User", Kind::bot},
    {"facebookcatalog", "facebookcatalog", Kind::bot},
    {"facebookexternalhit", "facebookexternalhit", Kind::bot},
    {"FeedFetcher-Google", "FeedFetcher-Google", Kind::bot},
    {"Google-InspectionTool", "Google-InspectionTool", Kind::bot},
    {"Google-Read-Aloud", "Google-Read-Aloud", Kind::bot},
    {"GoogleOther*", "GoogleOther", Kind::bot},
    {"ia_archiver", "ia_archiver", Kind::bot},
    {"Mediapartners-Google", "Mediapartners-Google", Kind::bot},
    {"meta-externalagent", "meta-externalagent", Kind::bot},
    {"meta-externalfetcher", "meta-externalfetcher", Kind::bot},
    {"MistralAI-User", "MistralAI-User", Kind::bot},
    {"Perplexity-User", "Perplexity-User", Kind::bot},
    {"SkypeUriPreview", "SkypeUriPreview", Kind::bot},
    {"Yahoo! Slurp", "Yahoo! Slurp", Kind::bot},

    // Apps, most of them built on a browser's engine. Electron stands for those not listed.
    {"aiohttp", "aiohttp", Kind::app},
    {"discord", "Discord", Kind::app},
    {"JellyfinDesktop", "Jellyfin Desktop", Kind::app},
    {"JellyfinMediaPlayer", "Jellyfin Media Player", Kind::app},
    {"Postman", "Postman", Kind::app},
    {"PowerShell", "PowerShell", Kind::app},
    {"Signal-Desktop", "Signal", Kind::app},
    {"Slack", "Slack", Kind::app},
    {"Slack_SSB", "Slack", Kind::app},
    {"Teams", "Microsoft Teams", Kind::app},
    {"Thunderbird", "Thunderbird", Kind::app},
    {"WindowsPowerShell", "PowerShell", Kind::app},
    {"Electron", "Electron", Kind::app},

    // Browsers inside apps. Instagram and Threads come before Facebook, whose marks they may carry.
    {"Instagram", "Instagram", Kind::in_app},
    {"Barcelona", "Threads", Kind::in_app},
    {"FBAN", "Facebook", Kind::in_app},
    {"FBAV", "Facebook", Kind::in_app},
    {"FB_IAB", "Facebook", Kind::in_app},
    {"FBIOS", "Facebook", Kind::in_app},
    {"AlipayClient", "Alipay", Kind::in_app},
    {"baiduboxapp", "Baidu", Kind::in_app},
    {"BingSapphire", "Bing", Kind::in_app},
    {"BingWeb", "Bing", Kind::in_app},
    {"DaumApps", "Daum", Kind::in_app},
    {"KAKAOSTORY", "KakaoStory", Kind::in_app},
    {"KAKAOTALK", "KakaoTalk", Kind::in_app},
    {"Klarna", "Klarna", Kind::in_app},
    {"Line", "Line", Kind::in_app},
    {"LinkedInApp", "LinkedIn", Kind::in_app},
    {"MacWechat", "WeChat", Kind::in_app},
    {"MicroMessenger", "WeChat", Kind::in_app},
    {"WindowsWechat", "WeChat", Kind::in_app},
    {"musical_ly*", "TikTok", Kind::in_app},
    {"trill", "TikTok", Kind::in_app},
    {"trill_*", "TikTok", Kind::in_app},
    {"TikTok", "TikTok", Kind::in_app},
    {"BytedanceWebview", "TikTok", Kind::in_app},
    {"NAVER", "Naver", Kind::in_app},
    {"Pinterest", "Pinterest", Kind::in_app},
    {"Snapchat", "Snapchat", Kind::in_app},
    {"Telegram-Android", "Telegram", Kind::in_app},
    {"Twitter", "Twitter", Kind::in_app},
    {"TwitterAndroid", "Twitter", Kind::in_app},
    {"Weibo", "Weibo", Kind::in_app},
    {"YJApp*", "Yahoo! Japan", Kind::in_app},
    {"Zalo", "Zalo", Kind::in_app},
    {"GoogleApp", "Google", Kind::in_app},
    {"GSA", "Google", Kind::in_app},
    {"Cobalt", "YouTube", Kind::in_app}, // its program on televisions
    {"Valve Steam", "Steam", Kind::in_app},

    // Browsers of their own name, though built on another. Headsets carry others' marks, and
    // DuckDuckGo those of Edge.
    {"PicoBrowser", "PICO Browser"},
    {"OculusBrowser", "Oculus Browser"},
    {"Ddg", "DuckDuckGo"},
    {"DuckDuckGo", "DuckDuckGo"},
    {"Edg", "Edge"},
    {"EdgA", "Edge"},
    {"Edge", "Edge"},
    {"EdgiOS", "Edge"},
    {"EdgW", "Edge"},
    {"Opera Mini", "Opera"},
    {"Opera Mobi", "Opera"},
    {"OPiOS", "Opera"},
    {"OPR", "Opera"},
    {"OPT", "Opera"},
    {"OPX", "Opera"},
    {"Opera", "Opera"},
    {"SamsungBrowser", "Samsung Internet"},
    {"115Browser", "115 Browser"},
    {"2345chrome", "2345 Browser"},
    {"2345Explorer", "2345 Browser"},
    {"360EE", "360 Browser"},
    {"360SE", "360 Browser"},
    {"AlohaBrowser", "Aloha Browser"},
    {"Arc", "Arc"},
    {"ArcMobile*", "Arc"},
    {"Atlas", "ChatGPT Atlas"},
    {"Avast", "Avast Secure Browser"},
    {"AvastSecureBrowser", "Avast Secure Browser"},
    {"AVG", "AVG Secure Browser"},
    {"Avira", "Avira Secure Browser"},
    {"baidubrowser", "Baidu"},
    {"Basilisk", "Basilisk"},
    {"BIDUBrowser", "Baidu"},
    {"Brave", "Brave"},
    {"CCleaner", "CCleaner Browser"},
    {"coc_coc_browser", "Coc Coc"},
    {"Comet", "Comet"},
    {"Dia", "Dia"},
    {"Ecosia", "Ecosia"},
    {"Epiphany", "Epiphany"},
    {"Falkon", "Falkon"},
    {"Floorp", "Floorp"},
    {"harmony360Browser", "360 Browser"},
    {"HeyTapBrowser", "HeyTap Browser"},
    {"HiBrowser", "HiBrowser"},
    {"HuaweiBrowser", "Huawei Browser"},
    {"IceCat", "IceCat"},
    {"Iridium", "Iridium"},
    {"Iron", "Iron"},
    {"Kindle", "Kindle"},
    {"Konqueror", "Konqueror"},
    {"Ladybird", "Ladybird"},
    {"LibreWolf", "LibreWolf"},
    {"Maxthon", "Maxthon"},
    {"Mb2345Browser", "2345 Browser"},
    {"MetaSr", "Sogou Explorer"},
    {"Midori", "Midori"},
    {"MiuiBrowser", "MIUI Browser"},
    {"MQQBrowser", "QQ Browser"},
    {"MullvadBrowser", "Mullvad Browser"},
    {"MxBrowser", "Maxthon"},
    {"MXiOS", "Maxthon"},
    {"MZBrowser", "Meizu Browser"},
    {"NetSurf", "NetSurf"},
    {"NintendoBrowser", "Nintendo Browser"},
    {"Norton", "Norton Private Browser"},
    {"Orion", "Orion"},
    {"PaleMoon", "Pale Moon"},
    {"PHX", "Phoenix Browser"},
    {"Puffin", "Puffin"},
    {"QHBrowser", "360 Browser"},
    {"QihooBrowser", "360 Browser"},
    {"QQBrowser", "QQ Browser"},
    {"Quark*", "Quark"},
    {"qutebrowser", "qutebrowser"},
    {"QwantBrowser", "Qwant"},
    {"QwantiOS", "Qwant"},
    {"QwantMobile", "Qwant"},
    {"Roku", "Roku"},
    {"SailfishBrowser", "Sailfish Browser"},
    {"SeaMonkey", "SeaMonkey"},
    {"Silk", "Silk"},
    {"SLBrowser", "Smart Lenovo Browser"},
    {"Sleipnir", "Sleipnir"},
    {"Slimjet", "Slimjet"},
    {"SznProhlizec", "Seznam"},
    {"Tesla", "Tesla"},
    {"UBrowser", "UC Browser"},
    {"UCBrowser", "UC Browser"},
    {"UCMobile", "UC Browser"},
    {"Vivaldi", "Vivaldi"},
    {"VivoBrowser", "Vivo Browser"},
    {"Waterfox", "Waterfox"},
    {"WebPositive", "WebPositive"},
    {"Whale", "Whale"},
    {"Wolvic", "Wolvic"},
    {"YaBrowser", "Yandex"},
    {"YandexSearch", "Yandex"},
    {"YaSearchBrowser", "Yandex"},
    {"Zen", "Zen"},
    {"QQ", "QQ", Kind::in_app}, // after QQ Browser, which may carry it

    // The browsers that the others build on, last.
    {"Focus", "Firefox"},
    {"FxiOS", "Firefox"},
    {"Klar", "Firefox"},
    {"Firefox", "Firefox"},
    {"ArkWeb", "ArkWeb"}, // the engine of HarmonyOS, which has no Chrome
    {"Chromium", "Chromium"},
    {"CriOS", "Chrome"},
    {"Chrome", "Chrome"},
    {"HeadlessChrome", "Chrome"},
    {"MSIE", "Internet Explorer"},
    {"Trident", "Internet Explorer"},
    {"WPE", "WPE"},
    {"Safari", "Safari"},
    {"AppleWebKit", "Safari"},

    {"Core", "", Kind::nothing},
    {"CrKey", "", Kind::nothing}, // Chromecast
    {"Gecko", "", Kind::nothing},
    {"KAIOS", "", Kind::nothing},
    {"Mobile", "", Kind::nothing},
    {"Mozilla", "", Kind::nothing},
    {"QtWebEngine", "", Kind::nothing},
    {"Version", "", Kind::nothing},
});

/// How parts of comments begin that name a client in any header.
inline constexpr auto comment_products = std::to_array<std::string_view>({
    "Ecosia ", // "(Ecosia ios@10.2.0.2053)"
    "MSIE ",
    "Opera M", // Opera Mini, Opera Mobi
    "Trident/",
    "Valve Steam ",
});

/// The first products of browsers. Nearly all call themselves Mozilla.
inline constexpr auto browser_beginnings = std::to_array<std::string_view>({
    "Mozilla",
    "NetSurf",
    "Opera",
    "QwantMobile",
    "UCWEB",
});

// --- Systems ---------------------------------------------------------------------------------

/// In order of precedence: Android says Linux as well, and an iPhone "like Mac OS X".
enum class Os : std::uint8_t {
    windows_phone,
    xbox,
    playstation,
    nintendo,
    tvos,
    watchos,
    visionos,
    tizen,
    webos,
    kaios,
    harmonyos,
    chrome_os,
    roku,
    sailfish,
    android,
    ios,
    symbian, // after Android, for the words are names of phones as well
    blackberry,
    haiku, // calls itself a Macintosh, too
    macos,
    windows,
    freebsd,
    openbsd,
    netbsd,
    dragonfly,
    solaris,
    serenity,
    os2,
    linux_kernel, // Ubuntu, Debian, Fedora and all others
    unknown,
};

/// In the order of Os.
inline constexpr auto os_names = std::to_array<std::string_view>(
    {"Windows Phone", "Xbox",        "PlayStation", "Nintendo", "tvOS",      "watchOS",
     "visionOS",      "Tizen",       "webOS",       "KaiOS",    "HarmonyOS", "Chrome OS",
     "Roku",          "Sailfish OS", "Android",     "iOS",      "Symbian",   "BlackBerry",
     "Haiku",         "macOS",       "Windows",     "FreeBSD",  "OpenBSD",   "NetBSD",
     "DragonFly BSD", "Solaris",     "SerenityOS",  "OS/2",     "Linux",     ""});
static_assert(os_names.size() == static_cast<std::size_t>(Os::unknown) + 1);

struct SystemWord {
    std::string_view word; // a whole word, but for a number after it: "iPhone14,5"
    Os os = Os::unknown;
};

inline constexpr auto system_words = std::to_array<SystemWord>({
    {"Adr", Os::android}, // UC Browser's short form
    {"Android", Os::android},
    {"AppleTV", Os::tvos},
    {"BB10", Os::blackberry},
    {"BlackBerry", Os::blackberry},
    {"CrOS", Os::chrome_os},
    {"Darwin", Os::macos},
    {"Debian", Os::linux_kernel},
    {"DragonFly", Os::dragonfly},
    {"Fedora", Os::linux_kernel},
    {"FreeBSD", Os::freebsd},
    {"Haiku", Os::haiku},
    {"HarmonyOS", Os::harmonyos},
    {"iOS", Os::ios},
    {"iPad", Os::ios},
    {"iPadOS", Os::ios},
    {"iPhone", Os::ios},
    {"iPod", Os::ios},
    {"KAIOS", Os::kaios},
    {"Linux", Os::linux_kernel},
    {"Mac", Os::macos},
    {"Macintosh", Os::macos},
    {"macOS", Os::macos},
    {"NetBSD", Os::netbsd},
    {"Nintendo", Os::nintendo},
    {"OpenBSD", Os::openbsd},
    {"OpenHarmony", Os::harmonyos},
    {"PlayStation", Os::playstation},
    {"Roku", Os::roku},
    {"S60", Os::symbian},
    {"Sailfish", Os::sailfish},
    {"SerenityOS", Os::serenity},
    {"Series60", Os::symbian},
    {"SunOS", Os::solaris},
    {"SymbianOS", Os::symbian},
    {"SymbOS", Os::symbian},
    {"Tizen", Os::tizen},
    {"tvOS", Os::tvos},
    {"Ubuntu", Os::linux_kernel},
    {"visionOS", Os::visionos},
    {"watchOS", Os::watchos},
    {"webOS", Os::webos},
    {"webOSTV", Os::webos},
    {"Web0S", Os::webos},
    {"Windows", Os::windows},
    {"Win64", Os::windows},
    {"X11", Os::linux_kernel},
    {"Xbox", Os::xbox},
});

/// How parts of the comment begin that tell of a system though none of their words does.
inline constexpr auto system_beginnings = std::to_array<SystemWord>({
    {"Apple TV", Os::tvos},
    {"CPU OS ", Os::ios},
    {"OS/2", Os::os2},
});

/// A product that runs on one system alone: where the comment tells of `claimed`, the browser asks
/// for the desktop's form of a site.
struct DesktopSite {
    std::string_view product;
    Os claimed = Os::unknown;
    Os os = Os::unknown;
};

inline constexpr auto desktop_sites = std::to_array<DesktopSite>({
    {"CriOS", Os::macos, Os::ios},
    {"DuckDuckGo", Os::macos, Os::ios}, // on a Mac it is Ddg
    {"DuckDuckGo", Os::linux_kernel, Os::android},
    {"EdgA", Os::linux_kernel, Os::android},
    {"EdgiOS", Os::macos, Os::ios},
    {"FxiOS", Os::macos, Os::ios},
    {"GSA", Os::linux_kernel, Os::android},
    {"GSA", Os::macos, Os::ios},
    {"HeyTapBrowser", Os::linux_kernel, Os::android},
    {"HuaweiBrowser", Os::linux_kernel, Os::android},
    {"MiuiBrowser", Os::linux_kernel, Os::android},
    {"Mobile", Os::macos, Os::ios}, // inside an app: "Mobile/15E148"
    {"MXiOS", Os::macos, Os::ios},
    {"OPiOS", Os::macos, Os::ios},
    {"OPT", Os::macos, Os::ios},
    {"OPX", Os::macos, Os::ios},
    {"SamsungBrowser", Os::linux_kernel, Os::android},
    {"Silk", Os::linux_kernel, Os::android},
    {"VivoBrowser", Os::linux_kernel, Os::android},
});

struct WindowsRelease {
    std::string_view nt;
    std::string_view name;
};

/// Windows 11 says NT 10.0 as well, so "10" is either.
inline constexpr auto windows_releases = std::to_array<WindowsRelease>({
    {"10.0", "10"},
    {"6.3", "8.1"},
    {"6.2", "8"},
    {"6.1", "7"},
    {"6.0", "Vista"},
    {"5.2", "XP"},
    {"5.1", "XP"},
    {"5.0", "2000"},
});

// --- Models ----------------------------------------------------------------------------------

/// How the models of tablets begin that run Android; some of them claim to be "Mobile".
inline constexpr auto tablet_models = std::to_array<std::string_view>({
    "SM-T", "SM-X", "SM-P", "GT-P", "GT-N51", "GT-N80", // Samsung
    "KF",                                               // Amazon Fire
    "Nexus 7", "Nexus 9", "Nexus 10",                   // Google
    "TB-", "TB1", "TB3", "YT-",                         // Lenovo
    "AGS", "BAH",                                       // Huawei
});

/// How the models of televisions begin that run Android, and of what is plugged into one. Other
/// models have a word that ends with "TV".
inline constexpr auto television_models = std::to_array<std::string_view>({
    "ADT-", // Google's, for developers
    "AFT",  // Amazon Fire TV
    "AQUOS-TV",
    "BRAVIA",
    "Chromecast",
    "MIBOX",
    "Nexus Player",
    "TPM1", // Philips
    "VIERA",
    "onn. ",
});

/// Products that run on televisions alone, and on what is plugged into one.
inline constexpr auto television_products = std::to_array<std::string_view>({
    "Cobalt",
    "CrKey", // Chromecast
    "HbbTV",
    "WPE",
});

} // namespace session_service::core::user_agents
