#!/bin/sh
# What the image needs none of, in an environment of packages: `trim_packages.sh /opt/firstday`. A third of its size.
set -eu
cd "$1"/lib/python3.*/site-packages

# ydata-profiling imports numba if it is there, to silence its warnings, and visions names it for an extra of its own.
rm -r numba numba-*.dist-info llvmlite llvmlite-*.dist-info
# The catalog on several machines is PostgreSQL's.
rm -r duckdb_extension_sqlite_scanner
# Arrow's network protocol: pyarrow imports it only when asked for.
rm pyarrow/libarrow_flight.so.* pyarrow/_flight.*.so
# Of the AWS services' descriptions, S3's and those that find credentials.
find botocore/data -mindepth 1 -maxdepth 1 -type d \
    ! -name s3 ! -name 'sso*' ! -name sts ! -name signin -exec rm -r {} +
# Airflow formats its log lines in English.
find babel/locale-data -name '*.dat' ! -name 'en*' ! -name root.dat -delete
# Tests, and what compilers read.
find . -type d -name tests ! -path './airflow/*' -prune -exec rm -r {} +
find . -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.hpp' \
    -o -name '*.cpp' -o -name '*.a' \) -delete
# Symbols for debuggers. Libraries that `auditwheel` has changed (in folders *.libs) do not survive it.
find . \( -name '*.so' -o -name '*.so.*' \) ! -path './*.libs/*' -exec strip --strip-unneeded {} +

"$1"/bin/python -m compileall -q -j 0 .

# What was removed is missed here, and not in a task.
"$1"/bin/python -B - <<'END'
import importlib

for name in (
    "airflow", "airflow.providers.celery.executors.celery_executor", "airflow.providers.openlineage", "amqp", "asyncpg",
    "boto3", "confluent_kafka", "duckdb", "faker", "fastapi", "matplotlib.pyplot", "mlflow.sklearn", "mlflow.server",
    "pandas", "psycopg2", "pyarrow.dataset", "pyarrow.parquet", "redis", "scipy.stats", "sklearn.ensemble",
    "sklearn.linear_model", "skops.io", "statsmodels.api", "ydata_profiling",
):
    importlib.import_module(name)
END
