// Which client sends a User-Agent header: a browser, an app or a bot.
#pragma once

#include "core/user_agent_header.hpp"
#include "core/user_agent_names.hpp"

#include <string_view>

namespace session_service::core::user_agents {

struct Client {
    std::string_view name;
    std::string_view version;
    Kind kind = Kind::nothing;
};

/// The client that sends `text`, of which `header` is what it was taken apart into.
Client find_client(const Header& header, std::string_view text) noexcept;

} // namespace session_service::core::user_agents
