# One image for every service of docker-compose.yaml: the same lock, checked by hash, and no root.
FROM python:3.12-slim-bookworm

RUN useradd --create-home --uid 1000 firstday
WORKDIR /home/firstday/project

COPY requirements-installer.txt requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-installer.txt \
    && uv pip install --system --no-cache --require-hashes -r requirements.txt

COPY config config
COPY dags dags
COPY include include
COPY plugins plugins
COPY sql sql

# A named volume takes its first owner from here.
RUN mkdir /home/firstday/var && chown firstday:firstday /home/firstday/var
ENV FIRSTDAY_HOME=/home/firstday/var \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=true \
    MLFLOW_DISABLE_TELEMETRY=true

USER firstday
ENTRYPOINT ["python", "-m", "include.firstday.stack"]
