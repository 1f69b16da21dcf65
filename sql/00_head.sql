-- complain if the script is sourced in psql, rather than run by CREATE EXTENSION
\echo Use "CREATE EXTENSION session_service" to load this file. \quit
