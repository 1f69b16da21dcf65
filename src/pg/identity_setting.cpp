#include "pg/identity_setting.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/guc.h"
}

namespace session_service::pg::identity_setting {

namespace {

constexpr const char* name = "session_service.identity";

char* value = nullptr;

// True only while assign() runs.
bool is_assigning = false;

bool check(char** next, void** /*extra*/, GucSource /*source*/) {
    // A parallel worker takes over what its leader has.
    if (is_assigning || InitializingParallelWorker || *next == nullptr || **next == '\0') {
        return true;
    }
    GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
    GUC_check_errmsg("parameter \"%s\" cannot be set", name);
    GUC_check_errhint("Only session_service.authenticate() sets it.");
    return false;
}

} // namespace

void define() {
    DefineCustomStringVariable(
        name, "The authenticated session of the current transaction.",
        "Only session_service.authenticate() sets it.", &value, "", PGC_USERSET,
        GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, check, nullptr, nullptr);
}

void assign(const char* text) {
    // Whatever becomes of the assignment, the door closes behind it.
    PG_TRY();
    {
        is_assigning = true;
        (void)set_config_option(name, text, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                                false);
    }
    PG_FINALLY();
    { is_assigning = false; }
    PG_END_TRY();
}

std::string_view current() {
    return value == nullptr ? std::string_view{} : std::string_view{value};
}

} // namespace session_service::pg::identity_setting
