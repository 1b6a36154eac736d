#!/usr/bin/env bash
# Makes sure that a Chromium is there for the browser tests, or says what to install.
set -euo pipefail
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ -n "${HELIODESK_CHROMIUM:-}" ] && [ -x "$HELIODESK_CHROMIUM" ]; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests …"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null
    exit 0
fi
echo "The browser tests need Chromium: install your system's package 'chromium', or set HELIODESK_CHROMIUM to its path." >&2
exit 1
