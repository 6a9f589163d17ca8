# Cloakroom's image: one static binary and the authorities that it trusts.
#
#   docker build -t cloakroom --build-arg VERSION=v1.2.3 .
#
# It holds no shell and runs as nobody in particular. Mount the configuration at
# /etc/cloakroom, and give /var/lib/cloakroom a volume.

FROM golang:1.26.8 AS build
WORKDIR /src
# the dependencies first: they change seldom
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN ./scripts/image-files /out "$VERSION"

# The API of the quickstart, for docker-compose.yaml.
FROM scratch AS upstream
COPY --from=build /out/upstream/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/upstream"]

FROM scratch AS cloakroom
ARG VERSION=
LABEL org.opencontainers.image.title="Cloakroom" \
      org.opencontainers.image.description="Keeps credentials out of agents: they hold placeholders, Envoy and Cloakroom do the rest" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/cloakroom/ /
# a new volume takes its owner from what it is mounted over
COPY --from=build --chown=65532:65532 /out/state/ /var/lib/
WORKDIR /etc/cloakroom
USER 65532:65532
EXPOSE 9191 9192 9193
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/bin/cloakroom", "ready"]
ENTRYPOINT ["/usr/bin/cloakroom"]
CMD ["serve"]
