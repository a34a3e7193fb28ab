# The server as an image, for the CPU unless another flavour is asked for:
#
#   docker build -t triptych .
#   docker build -t triptych-gpu --build-arg FLAVOUR=gpu .
#
# The packages are those of requirements/FLAVOUR.txt, pinned and hashed. Behind a mirror of Python
# packages, hand over pip's own configuration and, where it needs one, a bundle of CAs; neither
# becomes part of the image:
#
#   docker build --secret id=pip_conf,src=pip.conf --secret id=ca_bundle,src=ca.pem .
#
# with `cert = /run/secrets/ca_bundle` in pip.conf.

ARG FLAVOUR=cpu

# Python 3.11, on which the tests run.
FROM debian:bookworm-slim AS base-cpu
ENV TRIPTYCH_DEVICE=cpu

# onnxruntime-gpu wants CUDA 13 and cuDNN 9, and they a driver of 580 or newer; Python 3.12.
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS base-gpu
ENV TRIPTYCH_DEVICE=cuda

FROM base-${FLAVOUR} AS system
# Languages of OCR as Tesseract names them: --build-arg OCR_LANGUAGES="eng deu chi_sim"
ARG OCR_LANGUAGES=eng
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install -y --no-install-recommends python3 tesseract-ocr \
      $(for language in $OCR_LANGUAGES; do echo "tesseract-ocr-$language"; done | tr _ -) \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*


FROM system AS build
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install -y --no-install-recommends python3-pip python3-venv
WORKDIR /src
ARG FLAVOUR
COPY requirements/${FLAVOUR}.txt requirements.txt
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/run/secrets/ca_bundle \
    --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/triptych \
 && python3 -m pip --python /opt/triptych/bin/python install --disable-pip-version-check \
      --only-binary :all: --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY client client
COPY server server
# What builds the project is in the same file of pins, and has no business in the last stage.
RUN python3 -m pip --python /opt/triptych/bin/python install --disable-pip-version-check \
      --no-index --no-deps --no-build-isolation . \
 && python3 -m pip --python /opt/triptych/bin/python uninstall -y \
      editables hatchling pathspec pluggy trove-classifiers


FROM system
ARG FLAVOUR
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Triptych (${FLAVOUR})" \
      org.opencontainers.image.description="A gRPC search service over pictures and words" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Everything that is written lies below /data; the rest may be read-only, but for /tmp.
RUN groupadd --gid 10001 triptych \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin \
      triptych \
 && install -d -o triptych -g triptych /data /data/store /data/pictures /data/models
COPY --from=build /opt/triptych /opt/triptych
ENV PATH=/opt/triptych/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HOME=/data/models/hub \
    TRIPTYCH_LISTEN=0.0.0.0:50051 \
    TRIPTYCH_STORE=embedded:/data/store \
    TRIPTYCH_MODEL_CACHE=/data/models
USER 10001:10001
EXPOSE 50051
# The first start may have a model to fetch, which takes minutes.
HEALTHCHECK --interval=10s --timeout=8s --start-period=10m --retries=3 \
  CMD ["python", "-m", "triptych_server.health"]
ENTRYPOINT ["triptych-server"]
