package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ogen-go/ogen/ogenerrors"

	"example.com/media_server/internal/api"
	"example.com/media_server/internal/sessions"
)

const maxRequestBytes = 64 << 10

// userIsDisabled is the SQLSTATE of a sign-in of somebody whom an operator disabled.
const userIsDisabled = "28000"

// maxUserAgent is how many characters of a user agent the extension takes.
const maxUserAgent = 2048

// handler answers the operations of openapi.yaml.
type handler struct {
	queries *sessions.Queries
}

func newHTTPHandler(queries *sessions.Queries) (http.Handler, error) {
	h := &handler{queries}
	server, err := api.NewServer(h, h, api.WithErrorHandler(h.refuse))
	if err != nil {
		return nil, err
	}
	return http.MaxBytesHandler(withClient(server), maxRequestBytes), nil
}

// client is who sent a request, as far as the connection and the headers tell.
type client struct {
	address   *netip.Addr
	userAgent string
}

// caller is who sent a request, as the token says.
type caller struct {
	userID    uuid.UUID
	sessionID uuid.UUID
}

type (
	clientKey struct{}
	callerKey struct{}
)

func clientOf(ctx context.Context) client { return ctx.Value(clientKey{}).(client) }
func callerOf(ctx context.Context) caller { return ctx.Value(callerKey{}).(caller) }

// withClient puts the client of a request into its context, where ogen's handlers find it.
func withClient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c client
		// Behind a proxy this is the proxy's, and its header has to be read instead.
		if remote, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			address := remote.Addr().WithZone("")
			c.address = &address
		}
		// As runes, bytes that are no UTF-8 become U+FFFD. PostgreSQL would refuse them.
		agent := []rune(r.UserAgent())
		c.userAgent = string(agent[:min(len(agent), maxUserAgent)])
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), clientKey{}, c)))
	})
}

// problem is an answer that is no success.
func problem(status int, message string) *api.ProblemStatusCodeWithHeaders {
	p := &api.ProblemStatusCodeWithHeaders{
		StatusCode: status,
		Response:   api.Problem{Code: status, Message: message},
	}
	if status == http.StatusUnauthorized {
		p.WWWAuthenticate = api.NewOptString("Bearer")
	}
	return p
}

// NewError makes an answer of what an operation, or the check of its token, returned as an error.
func (h *handler) NewError(_ context.Context, err error) *api.ProblemStatusCodeWithHeaders {
	var p *api.ProblemStatusCodeWithHeaders
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, ogenerrors.ErrSecurityRequirementIsNotSatisfied):
		return problem(http.StatusUnauthorized, "No access token")
	}
	// Never 401 for a database that fails: the client would let its session go.
	slog.Error("request failed", "error", err)
	return problem(http.StatusInternalServerError, "Internal error")
}

// refuse answers a request that is not as openapi.yaml says. What was wrong with it may hold a token.
func (h *handler) refuse(_ context.Context, w http.ResponseWriter, _ *http.Request, err error) {
	p := problem(ogenerrors.ErrorCode(err), "Malformed request")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(p.StatusCode)
	_ = json.NewEncoder(w).Encode(&p.Response)
}

// HandleBearer is the one call with which each request begins.
func (h *handler) HandleBearer(ctx context.Context, _ api.OperationName, bearer api.Bearer) (context.Context, error) {
	session, err := h.queries.ValidateSession(ctx, sessions.ValidateSessionParams{
		// PostgreSQL takes no text but in its encoding; and there is no such token.
		Token:     strings.ToValidUTF8(bearer.Token, "\uFFFD"),
		IPAddress: clientOf(ctx).address,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, problem(http.StatusUnauthorized, "Invalid access token")
	}
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, callerKey{}, caller{session.UserID, session.SessionID}), nil
}

func (h *handler) SignIn(ctx context.Context, credentials *api.Credentials) (api.SignInRes, error) {
	userID, err := h.queries.CheckPassword(ctx, sessions.CheckPasswordParams{
		Username: &credentials.Username,
		Password: &credentials.Password,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, problem(http.StatusUnauthorized, "Invalid username or password")
	}
	if err != nil {
		return nil, err
	}
	client := clientOf(ctx)
	tokens, err := h.queries.CreateSession(ctx, sessions.CreateSessionParams{
		UserID:     userID,
		DeviceName: pointer(credentials.DeviceName),
		UserAgent:  client.userAgent,
		IPAddress:  client.address,
		Scopes:     []string{"read", "write"},
	})
	// As if the password were wrong: who was disabled is told no more.
	if failed := (*pgconn.PgError)(nil); errors.As(err, &failed) && failed.Code == userIsDisabled {
		return nil, problem(http.StatusUnauthorized, "Invalid username or password")
	}
	if err != nil {
		return nil, err
	}
	return tokensOf(sessions.RefreshSessionRow(tokens)), nil
}

// RefreshSession is a transaction of its own, which is committed also where no row came back: a statement on the pool.
func (h *handler) RefreshSession(ctx context.Context, request *api.RefreshRequest) (api.RefreshSessionRes, error) {
	client := clientOf(ctx)
	tokens, err := h.queries.RefreshSession(ctx, sessions.RefreshSessionParams{
		RefreshToken: request.RefreshToken,
		IPAddress:    client.address,
		UserAgent:    client.userAgent,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, problem(http.StatusUnauthorized, "Invalid refresh token")
	}
	if err != nil {
		return nil, err
	}
	return tokensOf(tokens), nil
}

// tokensOf is what a sign-in and a refresh answer.
func tokensOf(row sessions.RefreshSessionRow) *api.Tokens {
	return &api.Tokens{
		AccessToken:  row.Token,
		RefreshToken: row.RefreshToken,
		ExpiresIn:    row.ExpiresIn,
	}
}

func (h *handler) ListSessions(ctx context.Context) (api.ListSessionsRes, error) {
	caller := callerOf(ctx)
	rows, err := h.queries.ListSessions(ctx, sessions.ListSessionsParams{
		UserID:           caller.userID,
		CurrentSessionID: caller.sessionID,
	})
	if err != nil {
		return nil, err
	}
	list := make([]api.Session, len(rows))
	for i, row := range rows {
		list[i] = sessionOf(row)
	}
	return &api.SessionList{Sessions: list, Total: int64(len(list))}, nil
}

func (h *handler) GetCurrentSession(ctx context.Context) (api.GetCurrentSessionRes, error) {
	caller := callerOf(ctx)
	row, err := h.queries.GetSession(ctx, sessions.GetSessionParams{
		UserID:           caller.userID,
		SessionID:        caller.sessionID,
		CurrentSessionID: caller.sessionID,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, problem(http.StatusNotFound, "Session not found")
	}
	if err != nil {
		return nil, err
	}
	session := sessionOf(sessions.ListSessionsRow(row))
	return &session, nil
}

func sessionOf(row sessions.ListSessionsRow) api.Session {
	return api.Session{
		ID:             row.ID,
		DeviceName:     optional(row.DeviceName),
		IPAddress:      optional(row.IPAddress).Or(""),
		UserAgent:      optional(row.UserAgent),
		CreatedAt:      row.CreatedAt,
		LastActivityAt: row.LastActivityAt,
		ExpiresAt:      row.ExpiresAt,
		IsActive:       row.IsActive,
		IsCurrent:      row.IsCurrent,
	}
}

func (h *handler) RevokeAllSessions(ctx context.Context) (api.RevokeAllSessionsRes, error) {
	return &api.RevokeAllSessionsNoContent{}, h.queries.RevokeAllSessions(ctx, callerOf(ctx).userID)
}

func (h *handler) RevokeCurrentSession(ctx context.Context) (api.RevokeCurrentSessionRes, error) {
	_, err := h.revoke(ctx, callerOf(ctx).sessionID)
	return &api.RevokeCurrentSessionNoContent{}, err
}

func (h *handler) RevokeSession(
	ctx context.Context, params api.RevokeSessionParams,
) (api.RevokeSessionRes, error) {
	revoked, err := h.revoke(ctx, params.SessionId)
	if err == nil && !revoked {
		err = problem(http.StatusNotFound, "Session not found")
	}
	return &api.RevokeSessionNoContent{}, err
}

// revoke ends a session if it is the caller's own.
func (h *handler) revoke(ctx context.Context, sessionID uuid.UUID) (bool, error) {
	return h.queries.RevokeSession(ctx, sessions.RevokeSessionParams{
		UserID:    callerOf(ctx).userID,
		SessionID: sessionID,
	})
}

func pointer(text api.OptString) *string {
	if value, ok := text.Get(); ok {
		return &value
	}
	return nil
}

func optional(text *string) api.OptString {
	if text == nil {
		return api.OptString{}
	}
	return api.NewOptString(*text)
}
