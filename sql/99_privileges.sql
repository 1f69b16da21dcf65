-- Nothing for PUBLIC: who may call what is for the DBA to grant.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA session_service FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA session_service FROM PUBLIC;
REVOKE ALL ON SCHEMA session_service FROM PUBLIC;
REVOKE ALL ON TYPE
    session_service.token_hash, session_service.session_status, session_service.session_info,
    session_service.created_session, session_service.valid_session, session_service.refreshed_session, session_service.rotated_session, session_service.session_event, session_service.device_info,
    -- the rows of the tables
    session_service.users, session_service.devices, session_service.sessions, session_service.events, session_service.imported_tokens, session_service.access_levels
FROM PUBLIC;
