# The life of a session through Ruby's pg: ../run.sh has its steps, docs/clients.md the snippet.

# snippet
require 'pg'

db = PG.connect # where to, the PG… variables say
user = 'ada00000-0000-4000-8000-000000000001'

# The row of a call, or nil.
call = ->(statement, *values) { db.exec_params(statement, values).first }

made = call['SELECT * FROM session_service.create_session($1, ip_address => $2)', user, '192.0.2.7']
session = call['SELECT user_id, scopes FROM session_service.validate_session($1)', made['token']]
pair = call['SELECT * FROM session_service.refresh_session($1)', made['refresh_token']]
call['SELECT session_service.revoke_session_by_token($1)', pair['token']]
puts session['user_id'] # without a session: answer 401
# end of snippet

require 'ipaddr'
require 'json'

def same(what, seen, expected)
  raise "#{what}: #{seen.inspect} is not #{expected.inspect}" unless seen == expected
end

# Times, booleans, arrays, JSON and addresses as Ruby has them; ids and states stay texts.
registry = PG::BasicTypeRegistry.new.register_default_types
%w[uuid session_status].each { |name| registry.alias_type(0, name, 'text') }
db.type_map_for_results = PG::BasicTypeMapForResults.new(db, registry: registry)

address = '2001:db8::7'
array = PG::TextEncoder::Array.new
validate = ->(token) { call['SELECT * FROM session_service.validate_session($1, $2)', token, address] }

made = call['SELECT * FROM session_service.create_session($1, $2, $3, $4, $5, metadata => $6, session_expiry => $7,
             inactivity_timeout => $8)', user, 'Laptop', 'Ruby', address, array.encode(%w[read write]),
            { plan: 'free' }.to_json, '2 hours', '30 minutes']
same 'expiry', (made['expires_at'] - Time.now).between?(7140, 7200), true
same 'array of ids', made['evicted_session_ids'], []
puts 'sign_in'

session = validate[made['token']]
same 'ids', session.values_at('session_id', 'user_id'), [made['session_id'], user]
same 'values', session.values_at('scopes', 'metadata', 'mfa_verified'), [%w[read write], { 'plan' => 'free' }, false]
puts 'validate'

same "nobody's", validate["nobody's"], nil
puts 'nobody'

first, second = Array.new(2) { call['SELECT * FROM session_service.refresh_session($1)', made['refresh_token']] }
same 'repeated', [first['repeated'], second['repeated']], [false, true]
same 'the pair again', first.values_at('token', 'refresh_token'), second.values_at('token', 'refresh_token')
same 'old token', validate[made['token']], nil
token = first['token']
puts 'refresh'

listed = db.exec_params('SELECT * FROM session_service.list_user_sessions($1)', [user])
mine = listed.find { |row| row['id'] == made['session_id'] }
same 'listed', mine.values_at('ip_address', 'status', 'scopes'), [IPAddr.new(address), 'active', %w[read write]]
same 'times', mine['idle_expires_at'] - mine['last_activity_at'], 1800
puts 'list'

batch = call['SELECT * FROM session_service.validate_sessions($1)', array.encode(["nobody's", nil, token])]
same 'batch', batch.values_at('token_index', 'session_id'), [3, made['session_id']]
puts 'batch'

db.exec('LISTEN session_service')
same 'signed out', call['SELECT session_service.revoke_session_by_token($1) AS done', token], { 'done' => true }
same 'at once', validate[token], nil
puts 'sign_out'

db.wait_for_notify { |_channel, _process, payload| same 'told', JSON.parse(payload)['session_id'], made['session_id'] }
puts 'listen'

begin
  call['SELECT * FROM session_service.create_session($1, $2)', nil, token]
rescue PG::NullValueNotAllowed => error
  same 'SQLSTATE', error.result.error_field(PG::PG_DIAG_SQLSTATE), '22004'
  same 'no token', error.message.include?(token), false
  puts 'error'
end
