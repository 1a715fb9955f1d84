# One image for every service of docker-compose.yaml: the same lock, checked by hash, and no root.

FROM python:3.12.11-slim-bookworm AS packages

COPY requirements-installer.txt requirements.txt ./
RUN python -m venv /opt/installer \
    && /opt/installer/bin/pip install --no-cache-dir --require-hashes -r requirements-installer.txt \
    && python -m venv --without-pip /opt/firstday \
    && /opt/installer/bin/uv pip install --python /opt/firstday/bin/python --no-cache --compile-bytecode \
        --require-hashes -r requirements.txt

# The command `firstday`, for the project at the place where the second stage puts it.
WORKDIR /home/firstday/project
COPY pyproject.toml pyproject.toml
COPY include include
RUN /opt/installer/bin/uv pip install --python /opt/firstday/bin/python --no-cache --no-deps --no-build-isolation \
        --editable .

FROM python:3.12.11-slim-bookworm AS documents

WORKDIR /documents
COPY requirements-docs.txt mkdocs.yml ./
COPY docs docs
RUN pip install --no-cache-dir --require-hashes -r requirements-docs.txt && mkdocs build

FROM python:3.12.11-slim-bookworm

RUN useradd --create-home --uid 1000 firstday
COPY --from=packages /opt/firstday /opt/firstday
WORKDIR /home/firstday/project

COPY --from=documents /documents/.site .site
COPY config config
COPY dags dags
COPY include include
COPY plugins plugins
COPY pyproject.toml pyproject.toml
COPY sql sql

# A named volume takes its first owner from here.
RUN mkdir /home/firstday/var && chown firstday:firstday /home/firstday/var
ENV PATH=/opt/firstday/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER firstday
CMD ["firstday"]
