# The image for predicting and serving: `make images` builds it. By hand:
# `docker build --file infra/docker/predict.Dockerfile --tag glioflow-predict:0.1.0 .`
# `docker run --publish 127.0.0.1:8080:8080 --volume "$PWD/layered:/model:ro" glioflow-predict:0.1.0`; docs/how-to/images.md
# Layers and secrets are those of infra/docker/Dockerfile.
ARG BASE=python:3.12.14-slim-trixie@sha256:2f17fc044b579bab302c2e8054d3a686e2cb9a83de48e70534b94cd8ebbe06a9

#checkov:skip=CKV_DOCKER_7:BASE, above, names a version and a digest, which this rule does not look up
FROM ${BASE} AS base
RUN --mount=type=secret,id=network \
    if [ -e /run/secrets/network ]; then . /run/secrets/network; fi \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends tini=0.19.* \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/ldconfig/aux-cache \
    && dpkg-query --show > /usr/share/debian.tsv \
    && useradd --uid 1000 --create-home glioflow \
    && install --directory --mode 1777 /workspace
ENV PATH=/opt/glioflow/bin:/opt/venv/bin:$PATH PYTHONUNBUFFERED=1

FROM base AS tools
COPY infra/docker/tools.lock /build/
RUN --mount=type=secret,id=network --mount=type=secret,id=certificates \
    if [ -e /run/secrets/network ]; then . /run/secrets/network; fi \
    && python -m venv /opt/tools \
    && /opt/tools/bin/pip install --no-cache-dir --require-hashes --requirement /build/tools.lock
COPY infra/docker/environment.sh infra/docker/project.sh infra/docker/sbom.py /build/

FROM tools AS environment
COPY infra/predict/requirements.lock /build/
RUN --mount=type=secret,id=network --mount=type=secret,id=certificates --mount=type=cache,target=/var/cache/uv \
    sh /build/environment.sh make /build/requirements.lock
# The lock has it to install the project in `make predict-setup`; here, the tools do that.
RUN sh /build/environment.sh remove setuptools && sh /build/environment.sh finish

FROM tools AS reference
COPY reference /opt/reference
RUN chmod -R u=rwX,go=rX /opt/reference

FROM environment AS project
COPY LICENSE README.md pyproject.toml /build/glioflow/
COPY components /build/glioflow/components
COPY models /build/glioflow/models
COPY pipelines /build/glioflow/pipelines
RUN sh /build/project.sh

FROM base
LABEL org.opencontainers.image.title="glioflow-predict" \
      org.opencontainers.image.description="Predicts with a model that glioflow has approved, in batches or as a server" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=environment /opt/venv /opt/venv
COPY --from=reference /opt/reference /opt/glioflow/reference
COPY --from=project /opt/project /opt/glioflow
ENV GLIOFLOW_IMAGE=predict
WORKDIR /workspace
USER 1000
EXPOSE 8080
# Of the server; `docker run --no-healthcheck` for other commands.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/v2/health/ready')"]
ENTRYPOINT ["tini", "--", "glioflow"]
# Whoever runs it decides who reaches it: there is no password.
CMD ["serve", "--model", "/model", "--host", "0.0.0.0"]
