# Sourced by scripts/demo, scripts/test and .ci/run, which stand in the root of the checkout by then.
# What they share: an environment with a lock and the project in it.

# The newest Python from 3.11 on that can make an environment.
find_python() {
    for python in python3.14 python3.13 python3.12 python3.11 python3 python; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    echo "Sekisho needs Python 3.11 or newer with its venv module (Debian: apt-get install python3-venv)." >&2
    return 2
}

# make_venv FOLDER: an environment in FOLDER, unless one that works is there already.
make_venv() {
    "$1/bin/python" -m pip --version >/dev/null 2>&1 && return
    python=$(find_python)
    "$python" -m venv --clear "$1"
}

# install_locked run|test: .venv holds requirements/NAME.txt and the project, editable.
install_locked() {
    stamp=".venv/installed-$1"
    state="$(pwd) $(cat pyproject.toml requirements/*.txt | cksum)"
    if [ -x .venv/bin/sekisho ] && [ "$(cat "$stamp" 2>/dev/null)" = "$state" ]; then
        return
    fi
    echo "Installing into .venv (a minute the first time, nothing the next) ..." >&2
    make_venv .venv
    pip=".venv/bin/python -m pip --disable-pip-version-check --quiet"
    $pip install --require-hashes -r "requirements/$1.txt"
    $pip install --no-deps --no-build-isolation --editable .
    echo "$state" >"$stamp"
    # What the tests run on holds all that the product runs on.
    echo "$state" >.venv/installed-run
}
