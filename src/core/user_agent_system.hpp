// Which system a User-Agent header tells of, and which kind of device.
#pragma once

#include "core/user_agent.hpp"
#include "core/user_agent_header.hpp"
#include "core/user_agent_names.hpp"

#include <string_view>

namespace session_service::core::user_agents {

struct System {
    Os os = Os::unknown;
    std::string_view version;
    bool desktop = false; // the header says so
    bool mobile = false;
    bool tablet = false;
    bool tv = false;
    bool other = false; // worn, or a car
};

/// The system that a word tells of; none for an empty one.
Os os_of_word(std::string_view word) noexcept;

System read_system(const Header& header) noexcept;

/// The kind of device that a browser on the system runs on.
DeviceType device_type_of(const System& system) noexcept;

} // namespace session_service::core::user_agents
