#!/usr/bin/env bash
# Puts the binary named by SETUP_PATH or SETUP_URL on PATH of the following steps, if it has the digest SETUP_SHA256.
set -euo pipefail

fail() {
  printf '::error title=stagefreight setup::%s\n' "$*"
  exit 1
}

[[ ${SETUP_SHA256:-} =~ ^[0-9a-f]{64}$ ]] || fail 'input "sha256" must be 64 lower-case hexadecimal digits'
[ -n "${SETUP_URL:-}" ] || [ -n "${SETUP_PATH:-}" ] || fail 'give one of the inputs "url" and "path"'
[ -z "${SETUP_URL:-}" ] || [ -z "${SETUP_PATH:-}" ] || fail 'give only one of the inputs "url" and "path"'

# A directory of this digest: another version in the same job does not get in the way.
into=${RUNNER_TEMP:-/tmp}/stagefreight/${SETUP_SHA256:0:12}
mkdir -p "$into"
scratch=$(mktemp "$into/.stagefreight.XXXXXX")
trap 'rm -f "$scratch"' EXIT

if [ -n "${SETUP_PATH:-}" ]; then
  cp -- "$SETUP_PATH" "$scratch" || fail "cannot read $SETUP_PATH"
else
  case $SETUP_URL in https://*) ;; *) fail 'input "url" must begin with https://' ;; esac
  curl --proto '=https' --proto-redir '=https' --fail --silent --show-error --location --retry 3 --retry-connrefused \
    --connect-timeout 20 --max-time 300 --max-filesize 200000000 --output "$scratch" -- "$SETUP_URL" || fail "cannot download $SETUP_URL"
fi

found=$(sha256sum "$scratch" | cut -d ' ' -f 1)
[ "$found" = "$SETUP_SHA256" ] || fail "the binary has SHA-256 $found, not $SETUP_SHA256; it was not installed"
chmod 0755 "$scratch"
mv -f "$scratch" "$into/stagefreight"

version=$("$into/stagefreight" version --quiet) || fail 'the binary does not run here'
version=${version%%$'\n'*}
version=${version#stagefreight }
version=${version%% *}
[ -z "${SETUP_VERSION:-}" ] || [ "$version" = "${SETUP_VERSION#v}" ] || fail "the binary says it is version $version, not $SETUP_VERSION"

printf '%s\n' "$into" >>"$GITHUB_PATH"
printf 'version=%s\npath=%s\n' "$version" "$into/stagefreight" >>"$GITHUB_OUTPUT"
printf 'stagefreight %s, sha256 %s\n' "$version" "$found"
