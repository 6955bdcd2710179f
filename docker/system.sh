#!/usr/bin/env bash
# Debian packages that pip cannot bring: the sandbox (bubblewrap) and a browser for the browser tests.
set -u
missing=()
command -v bwrap >/dev/null || missing+=(bubblewrap)
command -v chromium >/dev/null || missing+=(chromium)
[ ${#missing[@]} -eq 0 ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "installing ${missing[*]}"
  if apt-get update -qq >/dev/null 2>&1 \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null 2>&1; then
    exit 0
  fi
fi
echo "missing: ${missing[*]}. Gyral runs without; to have the sandbox and the browser tests, type:"
echo "  sudo apt-get install ${missing[*]}"
