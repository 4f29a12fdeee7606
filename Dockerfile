# The `sluice` binary in a small image: `docker build -t sluice .` (BuildKit, the default since Docker 23).
#
# Tags name the release, so that a rebuild gets its security fixes. For a build that never changes, append what
# `docker buildx imagetools inspect rust:1.95-slim-bookworm` prints: `rust:1.95-slim-bookworm@sha256:...`.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# One binary is all that the image needs; the lock file is binding. Both caches outlive the layer, so that a changed source compiles
# only what it changes, not the dependencies again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package cli --bin sluice \
    && cp target/release/sluice /usr/local/bin/sluice

FROM debian:bookworm-slim
# Root certificates for TLS to databases and brokers; curl for the health checks of compose.yaml, which has them (a HEALTHCHECK here
# would be a second place, and wrong for `sluice submit`).
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin sluice
COPY --from=build /usr/local/bin/sluice /usr/local/bin/sluice
# A number, so that an orchestrator can tell that it is not root.
USER 10001
ENTRYPOINT ["sluice"]
