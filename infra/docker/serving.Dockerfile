# The server's image: `docker build --file infra/docker/serving.Dockerfile --tag glioflow-serving:0.1.0 .`
# `docker run --publish 127.0.0.1:8080:8080 --volume "$PWD/layered/1:/model:ro" glioflow-serving:0.1.0`; docs/how-to/serve.md
FROM python:3.12.11-slim-trixie AS python

FROM python AS environment
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/venv
RUN pip install --no-cache-dir uv==0.13.9
COPY infra/serving/requirements.lock /build/
RUN uv venv "$VIRTUAL_ENV" && uv pip sync --no-cache --require-hashes /build/requirements.lock

FROM python
LABEL org.opencontainers.image.title="glioflow-serving" \
      org.opencontainers.image.description="Serves a model that glioflow has approved" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 1000 --create-home glioflow
COPY --from=environment /opt/venv /opt/venv
COPY components /opt/glioflow/components
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/glioflow PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2
USER 1000
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/v2/health/ready')"]
# Whoever runs it decides who reaches it: there is no password.
ENTRYPOINT ["python", "-m", "components.serving.server", "--model", "/model", "--port", "8080"]
CMD ["--host", "0.0.0.0", "--limit", "33554432"]
