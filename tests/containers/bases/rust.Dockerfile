# Stands in for the official rust image: Debian's C compiler, and the toolchain of the machine that builds this. Its context is the
# toolchain's folder.
FROM debian:bookworm-slim
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates g++ gcc libc6-dev make pkg-config \
    && rm -rf /var/lib/apt/lists/*
# Whatever authorities this machine trusts, cargo has to trust as well.
RUN --mount=type=secret,id=authorities cp /run/secrets/authorities /etc/ssl/certs/ca-certificates.crt
COPY . /usr/local/rustup/toolchains/stable/
ENV RUSTUP_HOME=/usr/local/rustup \
    CARGO_HOME=/usr/local/cargo \
    PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN mkdir -p /usr/local/cargo/bin \
    && ln -s ../../rustup/toolchains/stable/bin/cargo ../../rustup/toolchains/stable/bin/rustc /usr/local/cargo/bin \
    && cargo --version
