# How the scripts speak: one line for each step, and one line when something cannot go on.
# Sourced by every script; also moves to the root of the repository.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Where cargo leaves the binary, as an absolute path: the scripts change directories.
target_dir=${CARGO_TARGET_DIR:-target}
case $target_dir in
    /*) ;;
    *) target_dir=$PWD/$target_dir ;;
esac

step() {
    printf '==> %s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
