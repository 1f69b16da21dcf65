#include "table/engine.hpp"

#ifdef SESSION_SERVICE_DEVELOPER

extern "C" {
#include "utils/guc.h"
}

namespace session_service::table {

namespace {

enum Choice : int { automatic, statement, statement_writes };

constexpr config_enum_entry entry(const char* name, Choice value) noexcept {
    return {.name = name, .val = value, .hidden = false};
}

constexpr std::array<config_enum_entry, 4> choices{
    {entry("auto", automatic), entry("statement", statement),
     entry("statement_writes", statement_writes), entry(nullptr, automatic)}};

int choice = automatic;
char* calls_text = nullptr; // never read: the text is made as it is shown
std::array<unsigned long long, 2> calls{};

extern "C" const char* show_engine_calls() {
    static std::array<char, 64> text;
    (void)snprintf(text.data(), text.size(), "direct=%llu statement=%llu", calls[0], calls[1]);
    return text.data();
}

} // namespace

void define_engine_settings() {
    DefineCustomEnumVariable("session_service.engine",
                             "Forces statements where rows would be read and written directly.",
                             "For tests of the extension itself.", &choice, automatic,
                             choices.data(), PGC_SUSET, GUC_NOT_IN_SAMPLE, nullptr, nullptr,
                             nullptr);
    DefineCustomStringVariable(
        "session_service.engine_calls", "How often this backend's calls went by which engine.",
        "For tests of the extension itself.", &calls_text, "", PGC_INTERNAL,
        GUC_NOT_IN_SAMPLE | GUC_NO_SHOW_ALL, nullptr, nullptr, show_engine_calls);
}

bool is_sql_forced() {
    return choice == statement;
}

bool are_statement_writes_forced() {
    return choice != automatic;
}

void count_call(Engine engine) {
    ++calls[static_cast<std::size_t>(engine)];
}

} // namespace session_service::table

#endif
