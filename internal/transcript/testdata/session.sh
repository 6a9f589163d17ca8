# exchange 00000000000000000000000001
curl -sS -g --path-as-is -X 'POST' -H 'x-cloakroom-token: '"$CLOAKROOM_TOKEN" -H 'proxy-authorization: Bearer '"$CLOAKROOM_TOKEN" -H 'host: gateway:8080' -H 'authorization: Bearer ckr_read_0123456789abcdefghjkmnpqrs' -H 'cookie: a=b' -H 'content-type: application/x-www-form-urlencoded' -H 'accept:' -H 'user-agent:' --data-raw 'grant_type=x&client_secret=it'\''s' 'http://127.0.0.1:8080/api/v1/token?x=1'
# exchange 00000000000000000000000002
curl -sS -g --path-as-is -X 'GET' -H 'host: gateway:8080' -H 'accept:' -H 'user-agent:' -H 'content-type:' 'http://127.0.0.1:8080/api/events'
# exchange 00000000000000000000000003
# the messages of a WebSocket are not sent again
curl -sS -g --path-as-is -X 'GET' -H 'host: gateway:8080' -H 'accept:' -H 'user-agent:' -H 'content-type:' 'http://127.0.0.1:8080/api/socket'
# exchange 00000000000000000000000004: its request is not recorded
# exchange 00000000000000000000000005
curl -sS -g --path-as-is -X 'GET' -H 'host: gateway:8080' -H "$(printf 'x-a: b\011c')" -H 'accept:' -H 'user-agent:' -H 'content-type:' "$(printf 'http://127.0.0.1:8080/evil|{\342\200\256%%zz')"
