// The API of the program that MEDIA_SERVER names, over HTTP. The PG… variables lead to its database, as superuser.
package test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// client is a device that somebody signed in with.
type client struct {
	t         *testing.T
	tokens    tokens
	userAgent string
}

type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
}

type session struct {
	ID         string `json:"id"`
	DeviceName string `json:"device_name"`
	IsCurrent  bool   `json:"is_current"`
}

type list struct {
	Sessions []session `json:"sessions"`
	Total    int       `json:"total"`
}

// send sends a request, and reads its answer into answer where the status is 200.
func (c *client) send(method, path string, body, answer any) *http.Response {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(
		c.t.Context(), method, os.Getenv("MEDIA_SERVER")+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.tokens.AccessToken != "" {
		request.Header.Set("Authorization", "Bearer "+c.tokens.AccessToken)
	}
	if c.userAgent != "" {
		request.Header.Set("User-Agent", c.userAgent)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
			c.t.Fatal(err)
		}
	}
	return response
}

// expect sends a request, and fails where the answer has another status.
func (c *client) expect(status int, method, path string, body, answer any) {
	c.t.Helper()
	if got := c.send(method, path, body, answer).StatusCode; got != status {
		c.t.Fatalf("%s %s: status %d instead of %d", method, path, got, status)
	}
}

func (c *client) list() list {
	c.t.Helper()
	var l list
	c.expect(200, "GET", "/sessions", nil, &l)
	return l
}

func (c *client) refresh(refreshToken string) (pair tokens) {
	c.t.Helper()
	c.expect(200, "POST", "/sessions/refresh", map[string]string{"refresh_token": refreshToken}, &pair)
	return pair
}

func (c *client) isSignedOut() bool {
	c.t.Helper()
	return c.send("GET", "/sessions/current", nil, &session{}).StatusCode == 401
}

func signIn(t *testing.T, user, device string) *client {
	t.Helper()
	c := &client{t: t}
	c.expect(200, "POST", "/auth/login",
		map[string]string{"username": user, "password": "tea", "device_name": device}, &c.tokens)
	return c
}

// newUser makes a user of this test's own.
func newUser(t *testing.T, suffix string) string {
	t.Helper()
	name := t.Name() + suffix
	query(t, "INSERT INTO shared.users (username, password_hash) VALUES (:'1', crypt('tea', gen_salt('bf', 4)))", name)
	return name
}

// query runs SQL, in which :'1' is the first value.
func query(t *testing.T, sql string, values ...string) string {
	t.Helper()
	arguments := []string{"-XAtq", "-v", "ON_ERROR_STOP=1"}
	for i, value := range values {
		arguments = append(arguments, "-v", string(rune('1'+i))+"="+value)
	}
	psql := exec.Command("psql", arguments...)
	psql.Stdin = strings.NewReader(sql)
	output, err := psql.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v: %s", err, output)
	}
	return strings.TrimSpace(string(output))
}

func TestWholeLifeOfASession(t *testing.T) {
	c := signIn(t, newUser(t, ""), "Laptop")
	first := c.tokens
	if first.ExpiresIn != 86400 {
		t.Errorf("expires_in is %d", first.ExpiresIn)
	}
	var before, after session
	c.expect(200, "GET", "/sessions/current", nil, &before)
	c.tokens = c.refresh(first.RefreshToken)
	c.expect(200, "GET", "/sessions/current", nil, &after)
	if before != after || after.DeviceName != "Laptop" || !after.IsCurrent {
		t.Errorf("the session is %v, and after the refresh %v", before, after)
	}
	if old := (&client{t: t, tokens: first}); !old.isSignedOut() {
		t.Error("the token that was replaced still opens the session")
	}
	c.expect(204, "DELETE", "/sessions/current", nil, nil)
	if !c.isSignedOut() {
		t.Error("the token still opens the session after the sign-out")
	}
	c.expect(401, "POST", "/sessions/refresh", map[string]string{"refresh_token": c.tokens.RefreshToken}, nil)
}

func TestDisabledUserIsSignedOutAndNotIn(t *testing.T) {
	user := newUser(t, "")
	c := signIn(t, user, "Laptop")
	query(t, "SELECT session_service.disable_user(id) FROM shared.users WHERE username = :'1'", user)
	if !c.isSignedOut() {
		t.Error("the token still opens the session")
	}
	anew := &client{t: t}
	anew.expect(401, "POST", "/auth/login", map[string]string{"username": user, "password": "tea"}, nil)
}

func TestListHasExactlyTheFieldsOfTheContract(t *testing.T) {
	c := signIn(t, newUser(t, ""), "Laptop")
	var answer struct {
		Sessions []map[string]any `json:"sessions"`
		Total    int              `json:"total"`
	}
	c.expect(200, "GET", "/sessions", nil, &answer)
	if len(answer.Sessions) != 1 || answer.Total != 1 {
		t.Fatalf("%d sessions, total %d", len(answer.Sessions), answer.Total)
	}
	want := []string{"created_at", "device_name", "expires_at", "id", "ip_address", "is_active", "is_current",
		"last_activity_at", "user_agent"}
	if got := slices.Sorted(maps.Keys(answer.Sessions[0])); !slices.Equal(got, want) {
		t.Errorf("the fields are %v", got)
	}
	if address := answer.Sessions[0]["ip_address"]; address != "127.0.0.1" {
		t.Errorf("the address is %v", address)
	}
}

func TestIsCurrentMarksTheSessionOfTheRequest(t *testing.T) {
	user := newUser(t, "")
	for _, c := range []*client{signIn(t, user, "Laptop"), signIn(t, user, "Telephone")} {
		var own session
		c.expect(200, "GET", "/sessions/current", nil, &own)
		l := c.list()
		if l.Total != 2 {
			t.Errorf("total %d", l.Total)
		}
		for _, s := range l.Sessions {
			if s.IsCurrent != (s.ID == own.ID) {
				t.Errorf("is_current of %s is %v", s.DeviceName, s.IsCurrent)
			}
		}
	}
}

func TestRevokedTokenIsRefusedAtOnce(t *testing.T) {
	user := newUser(t, "")
	kept, ended := signIn(t, user, "Laptop"), signIn(t, user, "Telephone")
	var s session
	ended.expect(200, "GET", "/sessions/current", nil, &s)
	kept.expect(204, "DELETE", "/sessions/"+s.ID, nil, nil)
	if !ended.isSignedOut() || kept.isSignedOut() {
		t.Error("not just the session that was named is signed out")
	}
	kept.expect(404, "DELETE", "/sessions/"+s.ID, nil, nil)
}

func TestSessionOfAnotherUserIsNotFound(t *testing.T) {
	owner, stranger := signIn(t, newUser(t, "1"), "Laptop"), signIn(t, newUser(t, "2"), "Laptop")
	stranger.expect(404, "DELETE", "/sessions/"+owner.list().Sessions[0].ID, nil, nil)
	if owner.isSignedOut() {
		t.Error("it was ended")
	}
}

// An id that begins as the path "current" does.
func TestUnknownSessionIsNotFound(t *testing.T) {
	signIn(t, newUser(t, ""), "Laptop").expect(404, "DELETE", "/sessions/c0000000-0000-4000-8000-000000000001", nil, nil)
}

func TestRepeatedRefreshBringsTheSamePair(t *testing.T) {
	c := signIn(t, newUser(t, ""), "Laptop")
	first, again := c.refresh(c.tokens.RefreshToken), c.refresh(c.tokens.RefreshToken)
	first.ExpiresIn, again.ExpiresIn = 0, 0
	if first != again || first.AccessToken == c.tokens.AccessToken {
		t.Error("the pairs differ, or are no new ones")
	}
}

func TestGarbageIsNoRefreshToken(t *testing.T) {
	c := &client{t: t}
	c.expect(401, "POST", "/sessions/refresh", map[string]string{"refresh_token": "garbage"}, nil)
	c.expect(401, "POST", "/sessions/refresh", map[string]string{"refresh_token": "ssr_" + strings.Repeat("A", 92)}, nil)
	c.expect(400, "POST", "/sessions/refresh", map[string]string{"refresh_token": "\x00"}, nil)
	c.expect(400, "POST", "/sessions/refresh", map[string]string{}, nil)
}

func TestSignOutAllEndsTheUsersSessionsAlone(t *testing.T) {
	user := newUser(t, "1")
	here, there := signIn(t, user, "Laptop"), signIn(t, user, "Telephone")
	other := signIn(t, newUser(t, "2"), "Laptop")
	here.expect(204, "DELETE", "/sessions", nil, nil)
	if !here.isSignedOut() || !there.isSignedOut() || other.isSignedOut() {
		t.Error("not just the user's sessions were ended")
	}
}

func TestWithoutAGoodTokenNothingIsDone(t *testing.T) {
	for _, token := range []string{"", "garbage", "\xff", signIn(t, newUser(t, ""), "Laptop").tokens.RefreshToken} {
		c := &client{t: t, tokens: tokens{AccessToken: token}}
		for _, request := range []string{"GET /sessions", "GET /sessions/current", "DELETE /sessions",
			"DELETE /sessions/current", "DELETE /sessions/c0000000-0000-4000-8000-000000000001"} {
			method, path, _ := strings.Cut(request, " ")
			response := c.send(method, path, nil, nil)
			if response.StatusCode != 401 || response.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: status %d", request, response.StatusCode)
			}
		}
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	user := newUser(t, "")
	c := &client{t: t}
	c.expect(401, "POST", "/auth/login", map[string]string{"username": user, "password": "milk"}, nil)
	c.expect(401, "POST", "/auth/login", map[string]string{"username": user + "x", "password": "tea"}, nil)
}

func TestUserAgentOfAnyLengthAndBytesIsTaken(t *testing.T) {
	c := signIn(t, newUser(t, ""), "Laptop")
	for _, c.userAgent = range []string{strings.Repeat("x", 3000), "\xff"} {
		c.tokens = c.refresh(c.tokens.RefreshToken)
	}
}

func TestFailingDatabaseSignsNobodyOut(t *testing.T) {
	c := signIn(t, newUser(t, ""), "Laptop")
	const function = "FUNCTION session_service.validate_session(text, inet), session_service.refresh_session"
	query(t, "REVOKE EXECUTE ON "+function+" FROM media_server")
	defer query(t, "GRANT EXECUTE ON "+function+" TO media_server")
	c.expect(500, "GET", "/sessions/current", nil, nil)
	c.expect(500, "POST", "/sessions/refresh", map[string]string{"refresh_token": c.tokens.RefreshToken}, nil)
}

func TestCleanupJobDeletesWhatIsLongOver(t *testing.T) {
	// One that ended longer ago than the retention of 30 days, and one that did not.
	const imported = `SELECT session_service.import_session(session_service.hash_token(:'1' || days), gen_random_uuid(),
		now() - days * interval '1 day', created_at => now() - interval '60 days')
		FROM unnest('{40, 20}'::integer[]) WITH ORDINALITY AS d (days, place) ORDER BY place`
	ids := strings.Fields(query(t, imported, t.Name()))
	const left = "SELECT session_id FROM unnest(:'1'::uuid[]) AS session_id, session_service.get_session(session_id)"
	for begin := time.Now(); query(t, left, "{"+strings.Join(ids, ",")+"}") != ids[1]; time.Sleep(100 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatal("the old session is still there, or the young one is not")
		}
	}
	const failed = "SELECT count(*) FROM river.river_job WHERE kind = 'cleanup_sessions' AND errors IS NOT NULL"
	if count := query(t, failed); count != "0" {
		t.Errorf("%s jobs had errors", count)
	}
}

func TestTokensOfTheServiceBeforeStaySignedIn(t *testing.T) {
	for digits, signedOut := range map[string]bool{"a1": false, "b2": true, "c3": true} {
		c := &client{t: t, tokens: tokens{AccessToken: strings.Repeat(digits, 32)}}
		if c.isSignedOut() != signedOut {
			t.Fatalf("signed out: %v", !signedOut)
		}
	}
	c := &client{t: t, tokens: tokens{AccessToken: strings.Repeat("a1", 32)}}
	before := c.list().Sessions
	if len(before) != 1 || before[0].DeviceName != "Tablet" || !before[0].IsCurrent {
		t.Errorf("the sessions are %v", before)
	}
	c.tokens = c.refresh(strings.Repeat("a1", 31))
	if after := c.list().Sessions; !slices.Equal(before, after) || !strings.HasPrefix(c.tokens.AccessToken, "sst_") {
		t.Errorf("the sessions are %v after the refresh", after)
	}
}
