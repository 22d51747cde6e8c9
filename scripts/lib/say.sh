# shellcheck shell=bash
# Captions, seconds, retries and administrator rights, for the scripts beside this directory. To be sourced.

# say TEXT…: one line of progress, on standard error.
say() { printf '%s: %s\n' "${SAY_AS:-$(basename "$0")}" "$*" >&2; }

# fail TEXT…: the reason, then the end.
fail() {
  say "error: $*"
  exit 1
}

# seconds_since START: whole seconds since $START, a value of $SECONDS.
seconds_since() { printf '%s' "$((SECONDS - $1))"; }

# retry COMMAND…: up to three times, waiting a little longer each time; for everything that asks the network.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return 0
    [ "$attempt" = 3 ] || { say "attempt $attempt of 3 failed, trying again: $*"; sleep $((attempt * 5)); }
  done
  return 1
}

# as_root COMMAND…: as root, with sudo where we are somebody else.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo -n "$@"
  else fail "this needs root or sudo: $*"
  fi
}
