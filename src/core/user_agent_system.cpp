#include "core/user_agent_system.hpp"

#include "core/user_agent_text.hpp"

#include <algorithm>

namespace session_service::core::user_agents {

Os os_of_word(std::string_view word) noexcept {
    for (const SystemWord& known : system_words) {
        if (!word.empty() && lower(known.word.front()) == lower(word.front()) &&
            starts_with(word, known.word) &&
            (word.size() == known.word.size() || !is_letter(word[known.word.size()]))) {
            return known.os;
        }
    }
    return Os::unknown;
}

namespace {

constexpr std::string_view windows_release(std::string_view nt) noexcept {
    for (const WindowsRelease& release : windows_releases) {
        if (nt == release.nt) {
            return release.name;
        }
    }
    return nt;
}

constexpr bool is_any_of(std::string_view model, const auto& beginnings) noexcept {
    return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view beginning) {
        return model.substr(0, beginning.size()) == beginning;
    });
}

/// Whether a word of a model's name says that it is a tablet: "Tab", "MediaPad", "Tablet", "TAB10",
/// and the W09 that ends the model of a Huawei or Honor tablet without a telephone.
constexpr bool says_tablet(std::string_view word) noexcept {
    for (std::size_t i = 0; i + 3 <= word.size(); ++i) {
        const std::string_view three = word.substr(i, 3);
        const bool ends = i + 3 == word.size() || !is_letter(word[i + 3]);
        const bool begins = i == 0 || !is_letter(word[i - 1]);
        if (equal(three, "tab") && (ends || starts_with(word.substr(i), "tablet"))) {
            return true;
        }
        if (ends && (three == "Pad" || (begins && equal(three, "pad")))) { // Coolpad makes phones
            return true;
        }
    }
    return starts_with(word, "iPad") ||
           (word.size() == 3 && word[0] == 'W' && is_digit(word[1]) && is_digit(word[2]));
}

/// "DTV" is a phone that receives television.
constexpr bool says_television(std::string_view word) noexcept {
    return (word.ends_with("TV") && !word.ends_with("DTV")) || equal(word, "NetCast") ||
           equal(word, "VIDAA") || word == "OMI" || is_any_of(word, television_models);
}

/// What a word tells of the kind of device.
void read_device_word(System& system, std::string_view word) noexcept {
    if (equal(word, "Mobile") || equal(word, "MIDP") || equal(word, "Phone")) {
        system.mobile = true;
    } else if (equal(word, "PC") || equal(word, "2in1")) {
        system.desktop = true;
    } else if (says_tablet(word) || equal(word, "Kindle")) {
        system.tablet = true;
    } else if (says_television(word)) {
        system.tv = true;
    } else if (word == "VR" || equal(word, "Wearable")) {
        system.other = true;
    }
}

/// What a device's model, with or without its maker, tells of the kind of device.
void read_model(System& system, std::string_view model) noexcept {
    for (const std::string_view maker : {"SAMSUNG ", "Lenovo "}) {
        if (starts_with(model, maker)) {
            model.remove_prefix(maker.size());
        }
    }
    system.tablet = system.tablet || is_any_of(model, tablet_models);
    system.tv = system.tv || is_any_of(model, television_models);
}

/// Takes a system that a part of the header tells of, unless a better one is known.
void take_system(System& system, Os os, std::string_view version) noexcept {
    if (os < system.os || (os == system.os && system.version.empty())) {
        system.os = os;
        system.version = version;
    }
}

/// What a part of the comment tells: a device's model, or the system with its version.
void read_part(System& system, std::string_view part) noexcept {
    read_model(system, part);
    system.mobile = system.mobile || starts_with(part, "Opera M"); // Opera Mini, Opera Mobi

    Os os = Os::unknown;
    for (const SystemWord& known : system_beginnings) {
        os = starts_with(part, known.word) ? known.os : os;
    }
    std::string_view version;
    bool nt = false;
    std::string_view rest = part;
    for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
        if (equal(word, "Build") || equal(word, "like")) {
            break; // what follows is no longer about this device
        }
        if (is_digit(word.front())) {
            version = version.empty() && os != Os::unknown ? leading_numbers(word) : version;
        } else if (os == Os::windows && equal(word, "Phone")) {
            os = Os::windows_phone;
        } else if (equal(word, "NT")) {
            nt = true;
        } else {
            read_device_word(system, word);
            os = std::min(os, os_of_word(word));
        }
    }
    take_system(system, os, os == Os::windows && nt ? windows_release(version) : version);
}

/// Whether a product runs on televisions alone.
bool is_television_product(std::string_view name) noexcept {
    return std::any_of(television_products.begin(), television_products.end(),
                       [&](std::string_view known) { return equal(name, known); });
}

/// The system of a browser that claims another, to be given the desktop's form of a site. A phone
/// can do so as well, but a tablet does by itself.
void read_desktop_site(System& system, std::string_view product) noexcept {
    for (const DesktopSite& site : desktop_sites) {
        if (system.os == site.claimed && equal(product, site.product)) {
            system.os = site.os;
            system.version = {};
            system.tablet = true;
            return;
        }
    }
}

/// What the products of a browser tell of the system: little.
void read_browser_products(System& system, const Header& header) noexcept {
    for (const Product& product : header.products) {
        read_device_word(system, product.name);
        system.tv = system.tv || is_television_product(product.name);
        system.other = system.other || equal(product.name, "Tesla");
        if (equal(product.name, "KAIOS") || equal(product.name, "Roku")) {
            take_system(system, os_of_word(product.name), leading_numbers(product.version));
        }
        read_desktop_site(system, product.name);
    }
}

/// What the products of an app tell of the system ("Spotify/8.9 iOS/17.5 (iPhone14,5)"), unless a
/// comment tells more. Of a television they tell nothing: "YouTube TV" runs on phones.
void read_app_products(System& system, const Header& header) noexcept {
    const bool is_open = system.os == Os::unknown || system.os == Os::linux_kernel;
    for (const Product& product : header.products) {
        const bool tv = system.tv || is_television_product(product.name);
        read_device_word(system, product.name);
        system.tv = tv;
        const Os os = os_of_word(product.name);
        if (os == system.os || is_open) {
            take_system(system, os, leading_numbers(product.version));
        }
    }
    // Apple's network library does not tell the system; a Mac tells its processor.
    if (has_product(header, "CFNetwork")) {
        const std::string_view processor =
            header.system.empty() ? std::string_view{} : header.system.front();
        const bool is_mac = equal(processor, "x86_64") || equal(processor, "i386");
        system.os = is_mac ? Os::macos : std::min(system.os, Os::ios);
        system.version = {};
    }
}

} // namespace

System read_system(const Header& header) noexcept {
    System system;
    for (const std::string_view part : header.system) {
        read_part(system, part);
    }
    if (has_form_of_browser(header)) {
        read_browser_products(system, header);
    } else {
        read_app_products(system, header);
    }
    if (system.os == Os::linux_kernel || system.os == Os::unknown) {
        system.version = {}; // a distribution's, or a processor's number
    }
    return system;
}

DeviceType device_type_of(const System& system) noexcept {
    if (system.other) {
        return DeviceType::unknown; // none of the kinds
    }
    if (system.tv) {
        return DeviceType::tv;
    }
    switch (system.os) {
    case Os::xbox:
    case Os::playstation:
    case Os::nintendo:
    case Os::tvos:
    case Os::webos:
    case Os::roku:
        return DeviceType::tv;
    case Os::tizen:
        return system.mobile ? DeviceType::mobile : DeviceType::tv;
    case Os::ios:
        return system.tablet ? DeviceType::tablet : DeviceType::mobile;
    case Os::harmonyos: // names the device
        if (system.desktop) {
            return DeviceType::desktop;
        }
        [[fallthrough]];
    case Os::android: // phones say "Mobile", tablets do not
        return system.mobile && !system.tablet ? DeviceType::mobile : DeviceType::tablet;
    case Os::windows_phone:
    case Os::symbian:
    case Os::sailfish:
    case Os::kaios:
    case Os::blackberry:
        return DeviceType::mobile;
    case Os::linux_kernel:
        if (system.desktop) { // "Tablet PC"
            return DeviceType::desktop;
        }
        return system.tablet   ? DeviceType::tablet
               : system.mobile ? DeviceType::mobile
                               : DeviceType::desktop;
    case Os::chrome_os:
    case Os::macos:
    case Os::windows:
    case Os::freebsd:
    case Os::openbsd:
    case Os::netbsd:
    case Os::dragonfly:
    case Os::solaris:
    case Os::serenity:
    case Os::os2:
    case Os::haiku:
        return DeviceType::desktop;
    case Os::watchos: // worn, too
    case Os::visionos:
    case Os::unknown:
        break;
    }
    return system.mobile ? DeviceType::mobile : DeviceType::unknown;
}

} // namespace session_service::core::user_agents
