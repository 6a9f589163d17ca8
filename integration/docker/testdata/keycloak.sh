idp --listen 127.0.0.1:9001 --issuer https://keycloak.localhost:8443/realms/agents --client "agent:$AGENT_SECRET:ai-agents" &
exec envoy --config-path /etc/keycloak.yaml --disable-hot-restart --log-level warning
