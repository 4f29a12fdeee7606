# The `sluice` binary in a small image: `docker build -t sluice .`

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# One binary is all that the image needs; the lock file is binding.
RUN cargo build --release --locked --package cli --bin sluice

FROM debian:bookworm-slim
# Root certificates for TLS to databases and brokers; curl for the health checks.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --shell /usr/sbin/nologin sluice
COPY --from=build /src/target/release/sluice /usr/local/bin/sluice
USER sluice
ENTRYPOINT ["sluice"]
