# The image: the program and the ONNX Runtime library, without a shell.
#
#   docker build -t almanac .
#   docker run --rm -p 8080:8080 almanac
#
# Needs BuildKit for the cache mounts. If the two base images cannot be pulled,
# deploy/image/base-images.sh builds substitutes with the same names.

ARG BUILD_IMAGE=rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
# pip downloads the ONNX Runtime wheel, whose digest crates/model/build.rs pins. Debian keeps one version of each
# package, so a pinned version would break the build at the next security fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils gcc libc6-dev python3-pip \
    && rm -rf /var/lib/apt/lists/*
# The caches below are mounted during the build and are not part of any layer. The build uses the toolchain of
# the image: rust-toolchain.toml would download tools for checks that do not run here.
ENV CARGO_HOME=/cargo CARGO_TARGET_DIR=/target ALMANAC_CACHE_DIR=/opt/almanac CARGO_TERM_COLOR=never
# For example "-C target-cpu=x86-64-v3" or "-C target-cpu=neoverse-n1".
ARG RUSTFLAGS=""
# Embeds the list of crates in the program, for a bill of materials and for scanners.
RUN --mount=type=cache,target=/cargo,sharing=locked \
    --mount=type=cache,target=/target,sharing=locked \
    cargo install --quiet --locked --root /opt/tools cargo-auditable@0.7.7
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY benches/*.rs benches/
COPY examples examples
COPY models models
COPY src src
# The library is copied from the cache of the build, because build.rs downloads it only once.
RUN --mount=type=cache,target=/cargo,sharing=locked \
    --mount=type=cache,target=/target,sharing=locked \
    --mount=type=cache,target=/opt/almanac,sharing=locked \
    PATH=/opt/tools/bin:$PATH cargo auditable build --profile dist --locked --bin almanac \
    && mkdir -p /image/usr/local/bin /image/usr/local/lib \
    && strip --strip-all -o /image/usr/local/bin/almanac /target/dist/almanac \
    && install -m 0644 /opt/almanac/onnxruntime-*/libonnxruntime.so /image/usr/local/lib/

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="almanac" \
      org.opencontainers.image.description="A forecasting inference server: ONNX models on CPU behind POST /forecast" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      com.amazonaws.sagemaker.capabilities.accept-bind-to-port="true" \
      com.amazonaws.sagemaker.capabilities.multi-models="true"
COPY --from=build /image/ /
ENV ORT_DYLIB_PATH=/usr/local/lib/libonnxruntime.so \
    ALMANAC_LOG_FORMAT=json
# 8080 serves requests; 8081 is for the admin API, which is disabled by default.
EXPOSE 8080 8081
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/almanac", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/almanac"]
CMD ["serve"]
