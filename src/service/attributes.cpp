#include "service/attributes.hpp"

#include "pg/commit.hpp"
#include "service/validation.hpp"
#include "store/activity.hpp"
#include "store/events.hpp"
#include "store/sessions.hpp"

namespace session_service::service {

namespace {

bool record_mfa(const core::Uuid& session_id, pg::Value method) {
    const auto changed = store::set_mfa(session_id, true, method);
    if (!changed) {
        return false;
    }
    store::record(store::UserKey::of(changed->user_id), changed->at,
                  {.kind = store::EventKind::session_mfa_verified,
                   .session_id = session_id,
                   .device_id = changed->device_id,
                   .mfa_method = method});
    return true;
}

} // namespace

bool mark_mfa_verified(const core::Uuid& session_id, pg::Value method) {
    pg::require_writable("mark_mfa_verified()");
    return record_mfa(session_id, method);
}

bool mark_mfa_verified_by_token(const Presented& presented, pg::Value method) {
    bool is_valid = false;
    with_unproven_session(presented,
                          [&is_valid](const store::SessionRow& /*unused*/) { is_valid = true; });
    if (!is_valid) {
        return false;
    }
    pg::require_writable("mark_mfa_verified_by_token()");
    return record_mfa(presented.session_id, method);
}

bool clear_mfa_verified(const core::Uuid& session_id) {
    pg::require_writable("clear_mfa_verified()");
    return store::set_mfa(session_id, false, pg::null_value).has_value();
}

bool set_session_scopes(const core::Uuid& session_id, pg::Value scopes) {
    pg::require_writable("set_session_scopes()");
    return store::set_scopes(session_id, scopes);
}

bool set_session_metadata(const core::Uuid& session_id, pg::Value metadata) {
    pg::require_writable("set_session_metadata()");
    return store::set_metadata(session_id, metadata);
}

bool patch_session_metadata(const core::Uuid& session_id, pg::Value patch) {
    pg::require_writable("patch_session_metadata()");
    return store::patch_metadata(session_id, patch);
}

std::int32_t touch_sessions(std::span<const core::Uuid> session_ids) {
    pg::require_writable("touch_sessions()");
    return store::write_activity(session_ids, pg::now());
}

} // namespace session_service::service
