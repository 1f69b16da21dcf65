#include "core/user_agent.hpp"

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace session_service::core {
namespace {

/// A user agent, and what a person calls the client that sends it.
struct Case {
    std::string browser;
    std::string os;
    std::string device_type;
    std::string text;
};

/// Reads a table that stands beside this file: browser, os, device_type, user agent.
std::vector<Case> read_cases(const char* file) {
    std::ifstream table(std::filesystem::path(__FILE__).parent_path() / file);
    std::vector<Case> cases;
    for (std::string line; std::getline(table, line);) {
        if (line.starts_with('#')) {
            continue;
        }
        std::istringstream fields(line);
        Case next;
        std::getline(fields, next.browser, '\t');
        std::getline(fields, next.os, '\t');
        std::getline(fields, next.device_type, '\t');
        std::getline(fields, next.text);
        cases.push_back(std::move(next));
    }
    return cases;
}

/// How many cases are described as a person would.
struct Agreement {
    std::size_t cases = 0;
    std::size_t browser = 0;
    std::size_t os = 0;
    std::size_t device_type = 0;
    std::size_t whole = 0; // all three of them

    [[nodiscard]] double percent(std::size_t agreed) const {
        return 100.0 * static_cast<double>(agreed) / static_cast<double>(cases);
    }
};

/// Describes all cases; if asked to, prints those on which there is no agreement.
Agreement agreement_on(const std::vector<Case>& cases, bool print) {
    Agreement agreement;
    for (const Case& expected : cases) {
        const UserAgent found = describe_user_agent(expected.text);
        ++agreement.cases;
        bool is_whole = true;
        const auto compare = [&](std::size_t& agreed, std::string_view what, std::string_view a,
                                 std::string_view b) {
            is_whole = is_whole && a == b;
            if (a == b) {
                ++agreed;
            } else if (print) {
                std::cout << what << " \"" << b << "\" where a person says \"" << a
                          << "\": " << expected.text << "\n";
            }
        };
        compare(agreement.browser, "browser", expected.browser, found.browser);
        compare(agreement.os, "os", expected.os, found.os);
        compare(agreement.device_type, "device type", expected.device_type,
                name_of(found.device_type));
        agreement.whole += is_whole ? 1 : 0;
    }
    std::printf("%zu user agents: browser %.1f %%, os %.1f %%, device type %.1f %%, all %.1f %%\n",
                agreement.cases, agreement.percent(agreement.browser),
                agreement.percent(agreement.os), agreement.percent(agreement.device_type),
                agreement.percent(agreement.whole));
    return agreement;
}

TEST(UserAgent, AgreesWithEveryCaseItIsDevelopedAgainst) {
    const Agreement agreement = agreement_on(read_cases("user_agent_cases.tsv"), true);
    EXPECT_GT(agreement.cases, 250U);
    EXPECT_EQ(agreement.browser, agreement.cases);
    EXPECT_EQ(agreement.os, agreement.cases);
    EXPECT_EQ(agreement.device_type, agreement.cases);
}

// Written and frozen before the parser was, so that this tells how it does on what it has not seen;
// so it stays unseen, and only the figures are printed.
TEST(UserAgent, AgreesWithTheHoldOut) {
    const Agreement agreement = agreement_on(read_cases("user_agent_holdout.tsv"), false);
    EXPECT_GT(agreement.cases, 250U);
    EXPECT_GE(agreement.percent(agreement.browser), 98.0);
    EXPECT_GE(agreement.percent(agreement.os), 98.0);
    EXPECT_GE(agreement.percent(agreement.device_type), 98.0);
}

// What clients of recent years send; most are of the kinds that used to be told falsely. The
// judgements are frozen. The bound is what the parser reaches.
TEST(UserAgent, AgreesWithTheListOf2026) {
    const Agreement agreement = agreement_on(read_cases("user_agent_2026.tsv"), false);
    EXPECT_GE(agreement.cases, 150U);
    EXPECT_GE(agreement.percent(agreement.whole), 99.0);
}

/// "browser version on os version".
std::string versions_of(std::string_view text) {
    const UserAgent found = describe_user_agent(text);
    std::ostringstream versions;
    versions << found.browser << ' ' << found.browser_version << " on " << found.os << ' '
             << found.os_version.view();
    return versions.str();
}

TEST(UserAgent, TellsVersions) {
    EXPECT_EQ(versions_of("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, "
                          "like Gecko) Chrome/126.0.6478.127 Safari/537.36"),
              "Chrome 126.0.6478.127 on Windows 10");
    EXPECT_EQ(versions_of("Mozilla/5.0 (Windows NT 6.3; WOW64; Trident/7.0; rv:11.0) like Gecko"),
              "Internet Explorer 11.0 on Windows 8.1");
    EXPECT_EQ(versions_of("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)"),
              "Internet Explorer 8.0 on Windows 7");
    EXPECT_EQ(versions_of("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
                          "(KHTML, like Gecko) Version/17.5 Safari/605.1.15"),
              "Safari 17.5 on macOS 10.15.7");
    EXPECT_EQ(versions_of("Mozilla/5.0 (iPad; CPU OS 16_7_8 like Mac OS X) AppleWebKit/605.1.15 "
                          "(KHTML, like Gecko) CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1"),
              "Chrome 126.0.6478.35 on iOS 16.7.8");
    EXPECT_EQ(versions_of("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, "
                          "like Gecko) Chrome/126.0.0.0 Safari/537.36"),
              "Chrome 126.0.0.0 on Chrome OS 14541.0.0");
    EXPECT_EQ(versions_of("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:126.0) Gecko/20100101 "
                          "Firefox/126.0"),
              "Firefox 126.0 on Linux ");
    EXPECT_EQ(versions_of("Mozilla/5.0 (Linux; Android 14; SM-S911U; wv) AppleWebKit/537.36 "
                          "(KHTML, like Gecko) Version/4.0 Chrome/125.0.6422.147 Mobile "
                          "Safari/537.36 [FB_IAB/FB4A;FBAV/467.0.0.36.109;]"),
              "Facebook 467.0.0.36.109 on Android 14");
    EXPECT_EQ(versions_of("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
                          "AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
                          "Instagram 334.0.4.32.98 (iPhone14,7; iOS 17_5)"),
              "Instagram 334.0.4.32.98 on iOS 17.5");
    EXPECT_EQ(versions_of("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
                          "AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
                          "[LinkedInApp]/9.29.7345"),
              "LinkedIn 9.29.7345 on iOS 17.5");
    EXPECT_EQ(versions_of("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
                          "AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
                          "Twitter for iPhone/10.44"),
              "Twitter 10.44 on iOS 17.5");
    EXPECT_EQ(versions_of("Mozilla/5.0 (Linux; Android 14; Pixel 6a; wv) AppleWebKit/537.36 "
                          "(KHTML, like Gecko) Version/4.0 Chrome/125.0.0.0 Mobile "
                          "Safari/537.36Snapchat12.88.0.38 (Pixel 6a; Android 14#116; gzip; )"),
              "Snapchat 12.88.0.38 on Android 14");
    EXPECT_EQ(versions_of("Opera/9.80 (X11; Linux i686) Presto/2.12.388 Version/12.16"),
              "Opera 12.16 on Linux ");
    EXPECT_EQ(versions_of("Opera/9.80 (Android; Opera Mini/80.0.2254/191.303; U; en) "
                          "Presto/2.12.423 Version/12.16"),
              "Opera 80.0.2254 on Android ");
    EXPECT_EQ(versions_of("Revenge/1.2 (iPhone; iOS 18)"), "Revenge 1.2 on iOS 18");
    EXPECT_EQ(versions_of("Revenge/1.2 (iPhone14,5; iOS 18_1)"), "Revenge 1.2 on iOS 18.1");
    EXPECT_EQ(versions_of("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
                          "(KHTML, like Gecko) CriOS/138 Version/11.1.1 Safari/605.1.15"),
              "Chrome 138 on iOS "); // which version it is, the desktop's form does not tell
    EXPECT_EQ(versions_of("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like "
                          "Gecko) Version/18.0 Safari/605.1.15"),
              "Epiphany 18.0 on Linux ");
    EXPECT_EQ(versions_of("Mozilla/5.0 (PC; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like "
                          "Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1"),
              "ArkWeb 4.1.6.1 on HarmonyOS 5.0");
    EXPECT_EQ(versions_of("Roku/DVP-14.5 (14.5.0 build 4205)"), "  on Roku ");
    EXPECT_EQ(versions_of("Spotify/8.9.42 iOS/17.5.1 (iPhone14,5)"),
              "Spotify 8.9.42 on iOS 17.5.1");
    EXPECT_EQ(versions_of("Plex Media Player 2.58"), "Plex Media Player 2.58 on  ");
    EXPECT_EQ(versions_of("okhttp/5.0.0-alpha.14"), "okhttp 5.0.0-alpha.14 on  ");
    EXPECT_EQ(versions_of("Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)"),
              "MJ12bot 1.4.8 on  ");
}

// "Browser on OS" is how a device without a name is shown.
TEST(UserAgent, NamesADeviceOnce) {
    for (const char* file :
         {"user_agent_cases.tsv", "user_agent_holdout.tsv", "user_agent_2026.tsv"}) {
        for (const Case& each : read_cases(file)) {
            const UserAgent found = describe_user_agent(each.text);
            EXPECT_TRUE(found.browser.empty() || found.browser != found.os) << each.text;
        }
    }
    EXPECT_EQ(describe_user_agent("KaiOS/3.1 (KaiOS)").browser, "");
    EXPECT_EQ(describe_user_agent("Android/14 (Android 14)").browser, "");
}

// The views point into the text, the system's version is kept by value.
TEST(UserAgent, SurvivesCopies) {
    const std::string text = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) "
                             "AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari/604.1";
    std::vector<UserAgent> copies;
    {
        const UserAgent original = describe_user_agent(text);
        copies.assign(3, original);
    }
    copies.push_back(copies.front());
    EXPECT_EQ(copies.back().os_version.view(), "17.5.1");
}

TEST(UserAgent, CutsWhatIsEndless) {
    const std::string digits(500, '1');
    std::string umlauts = "n"; // so that a cut at an even number would go through a character
    while (umlauts.size() < 500) {
        umlauts += "\xc3\xa4";
    }
    const std::string text = umlauts + "/" + digits + " (iOS " + digits + ")";
    const UserAgent found = describe_user_agent(text);
    EXPECT_EQ(found.browser, umlauts.substr(0, UserAgent::max_length - 1));
    EXPECT_EQ(found.browser_version, digits.substr(0, UserAgent::max_length));
    EXPECT_EQ(found.os_version.view(), digits.substr(0, 31));
}

TEST(UserAgent, HasNoControlCharacters) {
    EXPECT_EQ(versions_of("Revenge\r\nSet-Cookie: a/1.2"), "Revenge  on  ");
    EXPECT_EQ(versions_of("Mozilla/5.0 (compatible; A\tbot/1.2; +http://a.org)"), "bot 1.2 on  ");
}

TEST(UserAgent, TakesAnyBytes) {
    std::mt19937 random(1); // NOLINT(cert-msc*): the same bytes at every run
    const std::string_view alphabet = "Mozilla/5.0 (;)[],_-:\t\xff\xc3\xa4iOSAndroid TVbot@+";
    for (int i = 0; i < 20000; ++i) {
        std::string text(random() % 200, '\0');
        for (char& c : text) {
            c = i % 2 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
        }
        const UserAgent found = describe_user_agent(text);
        EXPECT_FALSE(name_of(found.device_type).empty());
    }
    describe_user_agent(std::string(100000, '('));
    std::string unbalanced; // must take linear time
    for (int i = 0; i < 100000; ++i) {
        unbalanced += "(()";
    }
    describe_user_agent(unbalanced);
    describe_user_agent(std::string(100000, '['));
    describe_user_agent(std::string(100000, '/'));
    describe_user_agent({});
}

TEST(UserAgent, NamesEveryDeviceType) {
    EXPECT_EQ(name_of(DeviceType::desktop), "desktop");
    EXPECT_EQ(name_of(DeviceType::mobile), "mobile");
    EXPECT_EQ(name_of(DeviceType::tablet), "tablet");
    EXPECT_EQ(name_of(DeviceType::tv), "tv");
    EXPECT_EQ(name_of(DeviceType::bot), "bot");
    EXPECT_EQ(name_of(DeviceType::app), "app");
    EXPECT_EQ(name_of(DeviceType::unknown), "unknown");
}

// Reported, not asserted: a test's machine and its sanitizers tell nothing of the time that a
// server takes.
TEST(UserAgent, ReportsItsTime) {
    const std::vector<Case> cases = read_cases("user_agent_holdout.tsv");
    constexpr std::size_t rounds = 20;
    std::size_t characters = 0;              // read, so that no call is left out
    const std::clock_t begin = std::clock(); // the processor's time, for the machine is shared
    for (std::size_t round = 0; round < rounds; ++round) {
        for (const Case& each : cases) {
            characters += describe_user_agent(each.text).browser.size();
        }
    }
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_GT(characters, 0U);
    std::printf("%.2f microseconds a user agent\n",
                seconds * 1e6 / static_cast<double>(rounds * cases.size()));
}

} // namespace
} // namespace session_service::core
