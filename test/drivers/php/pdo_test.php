<?php
// The life of a session through PHP's PDO: ../run.sh has its steps, docs/clients.md the snippet.

// snippet
$db = new PDO('pgsql:'); // where to, the PG… variables say
$user = 'ada00000-0000-4000-8000-000000000001';

// The row of a call, or null.
function call(PDO $db, string $statement, mixed ...$values): ?array
{
    $prepared = $db->prepare($statement);
    $prepared->execute($values);
    return $prepared->fetch(PDO::FETCH_ASSOC) ?: null;
}

$made = call($db, 'SELECT * FROM session_service.create_session(?, ip_address => ?)', $user, '192.0.2.7');
$session = call($db, 'SELECT user_id, scopes FROM session_service.validate_session(?)', $made['token']);
$pair = call($db, 'SELECT * FROM session_service.refresh_session(?)', $made['refresh_token']);
call($db, 'SELECT session_service.revoke_session_by_token(?)', $pair['token']);
echo $session['user_id'], "\n"; // without a session: answer 401
// end of snippet

function same(string $what, mixed $seen, mixed $expected): void
{
    if ($seen !== $expected) {
        throw new Exception("$what: " . json_encode($seen) . ' is not ' . json_encode($expected));
    }
}

$address = '2001:db8::7';
$validate = fn($token) => call($db, 'SELECT * FROM session_service.validate_session(?, ?)', $token, $address);

$made = call(
    $db,
    'SELECT * FROM session_service.create_session(?, ?, ?, ?, ?, metadata => ?, session_expiry => ?,
        inactivity_timeout => ?)',
    ...[$user, 'Laptop', 'PHP', $address, '{read,write}', json_encode(['plan' => 'free']), '2 hours', '30 minutes'],
);
$seconds = (new DateTimeImmutable($made['expires_at']))->getTimestamp() - time();
same('expiry', $seconds > 7140 && $seconds <= 7200, true);
same('array of ids, a text', $made['evicted_session_ids'], '{}');
echo "sign_in\n";

$session = $validate($made['token']);
same('ids', [$session['session_id'], $session['user_id']], [$made['session_id'], $user]);
same('scopes, a text', $session['scopes'], '{read,write}');
same('metadata', json_decode($session['metadata'], true), ['plan' => 'free']);
same('boolean', $session['mfa_verified'], false);
echo "validate\n";

same("nobody's", $validate("nobody's"), null);
echo "nobody\n";

[$first, $second] = array_map(fn($token) => call($db, 'SELECT * FROM session_service.refresh_session(?)', $token), [
    $made['refresh_token'],
    $made['refresh_token'],
]);
same('repeated', [$first['repeated'], $second['repeated']], [false, true]);
same('the pair again', ['repeated' => true] + $first, ['repeated' => true] + $second);
same('old token', $validate($made['token']), null);
$token = $first['token'];
echo "refresh\n";

$listed = $db->prepare('SELECT id, s.* FROM session_service.list_user_sessions(?) s');
$listed->execute([$user]);
$mine = $listed->fetchAll(PDO::FETCH_ASSOC | PDO::FETCH_UNIQUE)[$made['session_id']];
same('listed', [$mine['ip_address'], $mine['status'], $mine['is_active']], [$address, 'active', true]);
$active = new DateTimeImmutable($mine['last_activity_at']);
same('times', $active->modify('+30 minutes') == new DateTimeImmutable($mine['idle_expires_at']), true);
echo "list\n";

// Of an array PDO knows nothing: its text, or its elements in ARRAY[...].
$batch = call($db, 'SELECT * FROM session_service.validate_sessions(ARRAY[?, ?, ?])', "nobody's", null, $token);
same('batch', [$batch['token_index'], $batch['session_id']], [3, $made['session_id']]);
echo "batch\n";

$db->exec('LISTEN session_service');
same('signed out', call($db, 'SELECT session_service.revoke_session_by_token(?) AS done', $token), ['done' => true]);
same('at once', $validate($token), null);
echo "sign_out\n";

$told = $db->pgsqlGetNotify(PDO::FETCH_ASSOC, 60000);
same('told', json_decode($told['payload'], true)['session_id'], $made['session_id']);
echo "listen\n";

try {
    call($db, 'SELECT * FROM session_service.create_session(?, ?)', null, $token);
} catch (PDOException $error) {
    same('SQLSTATE', $error->getCode(), '22004');
    same('no token', str_contains($error->getMessage(), $token), false);
    echo "error\n";
}
