# syntax=docker/dockerfile:1
# Both stages use the same base, because the environment links to the interpreter it was made with.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
WORKDIR /app
COPY .ci/uv.txt .ci/uv.txt
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r .ci/uv.txt
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project
COPY README.md LICENSE ./
COPY broker broker
COPY providers providers
COPY templates templates
COPY docs/how-to/integrate.md docs/how-to/integrate.md
RUN uv sync --locked --no-dev --no-editable

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="identity-broker" \
      org.opencontainers.image.description="One OpenID Connect issuer in front of many sign-in services" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/broker --shell /usr/sbin/nologin broker \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/broker
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BROKER_CONFIG=/etc/broker/config.yaml
WORKDIR /var/lib/broker
USER 10001:10001
VOLUME ["/var/lib/broker"]
EXPOSE 8080 9400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s --retries=3 CMD ["broker", "healthcheck"]
ENTRYPOINT ["broker"]
CMD ["serve"]
