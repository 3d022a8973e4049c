# The image for predicting and serving: `docker build --file infra/docker/predict.Dockerfile --tag glioflow-predict:0.1.0 .`
# `docker run --publish 127.0.0.1:8080:8080 --volume "$PWD/layered:/model:ro" glioflow-predict:0.1.0`; docs/how-to/images.md
FROM python:3.12.11-slim-trixie AS python

FROM python AS environment
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/venv
RUN pip install --no-cache-dir uv==0.13.9
COPY infra/predict/requirements.lock /build/
RUN uv venv "$VIRTUAL_ENV" && uv pip sync --no-cache --require-hashes /build/requirements.lock
COPY LICENSE README.md pyproject.toml /build/glioflow/
COPY components /build/glioflow/components
COPY models /build/glioflow/models
COPY pipelines /build/glioflow/pipelines
COPY reference /build/glioflow/reference
RUN uv pip install --no-cache --no-deps --no-build-isolation /build/glioflow && uv pip uninstall setuptools

FROM python
LABEL org.opencontainers.image.title="glioflow-predict" \
      org.opencontainers.image.description="Predicts with a model that glioflow has approved, in batches or as a server" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 1000 --create-home glioflow \
    && install --directory --owner glioflow /workspace
COPY --from=environment /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /workspace
USER 1000
EXPOSE 8080
# Of the server; `docker run --no-healthcheck` for other commands.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/v2/health/ready')"]
ENTRYPOINT ["glioflow"]
# Whoever runs it decides who reaches it: there is no password.
CMD ["serve", "--model", "/model", "--host", "0.0.0.0"]
