-- Devices. Each call checks that the device is the user's.

CREATE FUNCTION session_service.list_user_devices(user_id uuid, current_device_id uuid DEFAULT NULL)
RETURNS SETOF session_service.device_info
AS 'MODULE_PATHNAME', 'session_service_list_user_devices'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION session_service.list_user_devices(uuid, uuid) IS 'a user''s devices, latest seen first';

CREATE FUNCTION session_service.is_known_device(user_id uuid, device_key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_is_known_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.is_known_device(uuid, text)
    IS 'whether the user signed in with this device key before';

CREATE FUNCTION session_service.is_trusted_device(user_id uuid, device_key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_is_trusted_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.is_trusted_device(uuid, text) IS 'whether the device with this key is trusted now';

CREATE FUNCTION session_service.trust_device(
    user_id uuid,
    device_id uuid,
    trust_for interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_trust_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.trust_device(uuid, uuid, interval)
    IS 'trusts a device for a time, by default session_service.device_trust; whether the user has it';

CREATE FUNCTION session_service.untrust_device(user_id uuid, device_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_untrust_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.untrust_device(uuid, uuid) IS 'ends the trust in a device; whether the user has it';

CREATE FUNCTION session_service.untrust_all_devices(user_id uuid)
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_untrust_all_devices'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.untrust_all_devices(uuid)
    IS 'ends the trust in all of a user''s devices, as after a change of password; how many were trusted';

CREATE FUNCTION session_service.rename_device(user_id uuid, device_id uuid, name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_rename_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.rename_device(uuid, uuid, text)
    IS 'names a device, or with an empty name shows it by browser and system again; whether the user has it';

CREATE FUNCTION session_service.forget_device(user_id uuid, device_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_forget_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.forget_device(uuid, uuid)
    IS 'ends a device''s sessions and deletes it; whether the user had it';

CREATE FUNCTION session_service.describe_user_agent(
    user_agent text,
    OUT browser text,
    OUT browser_version text,
    OUT os text,
    OUT os_version text,
    OUT device_type text)
AS 'MODULE_PATHNAME', 'session_service_describe_user_agent'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.describe_user_agent(text)
    IS 'what a User-Agent header tells; device_type is desktop, mobile, tablet, tv, bot, app or unknown';
