-- What the example needs in its database. Run once, by a superuser, with psql.

CREATE EXTENSION session_service;

CREATE ROLE api_app LOGIN;
SELECT session_service.grant_access('api_app', 'application');

-- A session token that is good for minutes, and a refresh token that is good for weeks.
ALTER DATABASE :"DBNAME" SET session_service.session_expiry = '15min';
ALTER DATABASE :"DBNAME" SET session_service.refresh_token_expiry = '30d';
-- Requests on their way while the client refreshes keep the token that they were sent with.
ALTER DATABASE :"DBNAME" SET session_service.token_overlap = '10s';
-- A proof that somebody overheard is good until the next nonce, instead of for proof_max_age, but each client asks
-- once more every few minutes:
-- ALTER DATABASE :"DBNAME" SET session_service.proof_nonce = on;
