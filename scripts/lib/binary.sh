# shellcheck shell=bash
# The binary that is measured. To be sourced.

# shipped_binary: path of the binary as it ships, built anew where the sources changed; or of $SF_BINARY.
shipped_binary() {
  if [ -n "${SF_BINARY:-}" ]; then
    readlink -f "$SF_BINARY"
    return
  fi
  local root
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  (cd "$root" && cargo build --profile dist --quiet --bin stagefreight) || return 1
  printf '%s\n' "${CARGO_TARGET_DIR:-$root/target}/dist/stagefreight"
}
