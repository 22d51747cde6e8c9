# The image of the docker action and of CI jobs: the static binary and its adapters of remotes on a base with docker,
# buildx, git and CA certificates. The binary is the entrypoint; there is no shell in between.
#
#   docker buildx build -t stagefreight .
#
# Without a network: with binaries that exist already (`scripts/dist` makes them in dist/) and a base of one's own.
#
#   docker buildx build -t stagefreight --build-context binary=dist --build-arg BASE=my-base .

# docker:cli carries the docker client, the buildx plugin, git and certificates.
ARG BASE=docker:28-cli
ARG RUST=rust:1.95-bookworm

# A named context `binary` takes the place of this stage.
FROM ${RUST} AS binary
RUN apt-get update \
 && apt-get install -y --no-install-recommends musl-tools \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY rust-toolchain.toml ./
RUN rustup target add "$(uname -m)-unknown-linux-musl"
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    scripts/dist /

FROM ${BASE}
COPY --from=binary --chmod=0755 /stagefreight /epack-remote-fs /epack-remote-s3 /epack-remote-oci /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/stagefreight"]
