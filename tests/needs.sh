#!/bin/sh
# What the suite needs from the system: a Chromium and a PostgreSQL server. On Debian as root what
# is missing is installed; elsewhere the run fails and says what to install.
set -eu

has_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
has_postgres() {
  command -v initdb || ls /usr/lib/postgresql/*/bin/initdb /usr/local/bin/initdb
}

missing=""
has_chromium >/dev/null 2>&1 || missing="$missing chromium"
has_postgres >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing for the tests:$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # The server package would start a cluster of its own; the tests start theirs.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  # shellcheck disable=SC2086  # a list of names
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "The tests need:$missing. Install them and run again." >&2
  exit 1
fi
