#!/bin/sh
# As SeaweedFS's entry point does: take the volume, become a user of its own.
set -eu
chown seaweed:seaweed /data
exec setpriv --reuid seaweed --regid seaweed --clear-groups -- node /store/server.js "$@"
