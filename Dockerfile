# One image for every service of docker-compose.yaml: the same lock, checked by hash, and no root.

FROM python:3.13.7-slim-trixie AS installer

RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
COPY requirements-installer.txt ./
RUN python -m venv /opt/installer \
    && /opt/installer/bin/pip install --no-cache-dir --require-hashes -r requirements-installer.txt

# The packages, and the command `firstday` for the project at the place where the last stage puts it. None of its code is
# here: a change of it keeps this layer.
FROM installer AS packages

COPY requirements.txt ./
RUN python -m venv --without-pip /opt/firstday \
    && /opt/installer/bin/uv pip install --python /opt/firstday/bin/python --no-cache --require-hashes -r requirements.txt
COPY docker/trim_packages.sh ./
RUN sh trim_packages.sh /opt/firstday
# With `spark`, also what the engine `spark` needs, and Sail, which serves it: 0.25 GB.
ARG FIRSTDAY_ENGINE=local
COPY requirements-spark.txt ./
RUN [ "$FIRSTDAY_ENGINE" = local ] || /opt/installer/bin/uv pip install --python /opt/firstday/bin/python --no-cache \
        --require-hashes --compile-bytecode -r requirements-spark.txt
WORKDIR /home/firstday/project
COPY pyproject.toml pyproject.toml
RUN mkdir include && touch include/__init__.py \
    && /opt/installer/bin/uv pip install --python /opt/firstday/bin/python --no-cache --no-deps --no-build-isolation \
        --editable .

FROM installer AS documents

COPY requirements-docs.txt ./
RUN python -m venv --without-pip /opt/documents \
    && /opt/installer/bin/uv pip install --python /opt/documents/bin/python --no-cache --require-hashes \
        -r requirements-docs.txt
WORKDIR /documents
COPY mkdocs.yml ./
COPY docs docs
RUN /opt/documents/bin/mkdocs build

FROM python:3.13.7-slim-trixie

RUN useradd --create-home --uid 1000 firstday \
    && mkdir /home/firstday/var && chown firstday:firstday /home/firstday/var
COPY --from=packages /opt/firstday /opt/firstday
WORKDIR /home/firstday/project

COPY --from=documents /documents/.site .site
COPY pyproject.toml pyproject.toml
COPY config config
COPY plugins plugins
COPY dags dags
COPY sql sql
COPY include include

ENV PATH=/opt/firstday/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER firstday
CMD ["firstday"]
