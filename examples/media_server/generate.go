package main

// internal/api from openapi.yaml, and internal/sessions from queries.sql. build.sh says what sqlc needs for it.

//go:generate go tool ogen --clean --config ogen.yaml --package api --target internal/api openapi.yaml
//go:generate sqlc generate
