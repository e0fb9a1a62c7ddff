# The gateway, the trainer and MLflow's server in one image:  docker build -t pointsman .
FROM python:3.11-slim AS build
# PyTorch exports encoders when a router is trained; this is its build without CUDA, several GB smaller; what it depends on
# comes with the rest, for that index does not hold every version
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY .ci/constraints.txt ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --no-deps -c constraints.txt --index-url ${TORCH_INDEX} torch
COPY pyproject.toml README.md LICENSE ./
COPY router_training router_training
COPY orchestrator orchestrator
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt . "psycopg[binary]"

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 pointsman && install -d -o pointsman /data /data/mlruns
COPY --from=build /venv /venv
COPY --chown=pointsman datasets /data/datasets
ENV PATH=/venv/bin:$PATH PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
USER pointsman
WORKDIR /data
# keys, spool and records; runs/ holds what `train --out` writes
VOLUME /data/mlruns
EXPOSE 8080
HEALTHCHECK --start-period=30s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=5)"]
ENTRYPOINT ["pointsman"]
# it refuses to listen beyond loopback until there is a key: pointsman keys add NAME
CMD ["serve", "--host", "0.0.0.0"]
