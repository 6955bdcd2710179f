#!/bin/sh
# Entry point of the images `site` and `worker`: prepare | site | worker | background | sweeper | healthy WHAT.
# Secrets come as files, so that they stand in no description of a container.
set -eu
if [ -n "${GYRAL_DATABASE_PASSWORD_FILE:-}" ]; then
  DATABASE_URL="postgres://${GYRAL_DATABASE_USER:-gyral}:$(cat "$GYRAL_DATABASE_PASSWORD_FILE")@${GYRAL_DATABASE_HOST:-database:5432}/${GYRAL_DATABASE_NAME:-gyral}"
  export DATABASE_URL
fi
if [ -n "${GYRAL_SECRET_KEY_FILE:-}" ]; then
  GYRAL_SECRET_KEY="$(cat "$GYRAL_SECRET_KEY_FILE")"
  export GYRAL_SECRET_KEY
fi
exec python -m gyral_portal.service "$@"
