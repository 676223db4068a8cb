# Owns the database servers of the gate: found, started or installed, and reached with rights of their own.
# Sourced by .ci/run. An address that is given from outside is taken as it is. Servers are left running.

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else sudo -n -u postgres "$@"; fi
}

# wait_until COMMAND…: at most 40 seconds.
wait_until() {
  local left
  for left in $(seq 80); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.5
  done
  echo "waited for 40 seconds in vain: $1"
  return 1
}

install_debian() {
  # Without a language PostgreSQL would make its databases in plain ASCII.
  export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 LC_ALL=C.UTF-8
  as_root apt-get -qq update || { sleep 5; as_root apt-get -qq update; } || return
  as_root apt-get -qq install -y --no-install-recommends "$@"
}

make_password() { head -c 24 /dev/urandom | base64 | tr -d '+/=\n'; }

utf8="TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"

postgres_up() { pg_isready -q -h 127.0.0.1 -p 5432; }

postgres_works() { psql -w -X -q -d "$1" -c 'CREATE SCHEMA ci_probe; DROP SCHEMA ci_probe' >/dev/null 2>&1; }

prepare_postgres() {
  [ -z "${TEST_POSTGRES_URL:-}" ] || return 0
  if ! command -v pg_isready >/dev/null || ! { postgres_up || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }; then
    install_debian postgresql postgresql-client || return
  fi
  if ! postgres_up; then
    as_root service postgresql start
    wait_until postgres_up || return
  fi
  # A server that trusts this machine, as on build machines.
  local open=postgres://postgres@127.0.0.1:5432
  if psql -w -X -q -d "$open/postgres" -c 'SELECT 1' >/dev/null 2>&1; then
    psql -w -X -q -d "$open/postgres" -tAc "SELECT 1 FROM pg_database WHERE datname = 'test'" | grep -q 1 ||
      psql -w -X -q -d "$open/postgres" -c "CREATE DATABASE test $utf8" || return
    if postgres_works "$open/test"; then
      export TEST_POSTGRES_URL="$open/test"
      return
    fi
  fi
  local password
  password=$(make_password)
  as_postgres psql -X -q -v ON_ERROR_STOP=1 -d postgres <<SQL || return
DO \$\$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gespage_ci') THEN CREATE ROLE gespage_ci; END IF;
END \$\$;
ALTER ROLE gespage_ci LOGIN PASSWORD '$password';
SELECT \$q\$CREATE DATABASE test $utf8\$q\$ WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'test') \gexec
GRANT CREATE, CONNECT ON DATABASE test TO gespage_ci;
SQL
  local own="postgres://gespage_ci:$password@127.0.0.1:5432/test"
  postgres_works "$own" || { echo 'PostgreSQL runs, but the role made for the tests cannot use it.'; return 1; }
  export TEST_POSTGRES_URL="$own"
}

mariadb_up() { mariadb-admin --no-defaults -h 127.0.0.1 -P 3306 -u root ping; }

# mariadb_works USER PASSWORD
mariadb_works() {
  MYSQL_PWD=$2 mariadb --no-defaults -h 127.0.0.1 -P 3306 -u "$1" \
    -e 'CREATE DATABASE IF NOT EXISTS test; CREATE DATABASE ci_probe; DROP DATABASE ci_probe' >/dev/null 2>&1
}

prepare_mariadb() {
  [ -z "${TEST_MYSQL_URL:-}" ] || return 0
  if ! command -v mariadb-admin >/dev/null || ! { mariadb_up >/dev/null 2>&1 || command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ]; }; then
    install_debian mariadb-server mariadb-client || return
  fi
  if ! mariadb_up >/dev/null 2>&1; then
    as_root service mariadb start
    wait_until mariadb_up || return
  fi
  if mariadb_works root ''; then
    export TEST_MYSQL_URL=mysql://root@127.0.0.1:3306/test
    return
  fi
  local password host
  password=$(make_password)
  # Which of the two names a connection to 127.0.0.1 bears depends on the server's settings.
  for host in localhost 127.0.0.1; do
    as_root mariadb --no-defaults <<SQL || return
CREATE USER IF NOT EXISTS 'gespage_ci'@'$host';
ALTER USER 'gespage_ci'@'$host' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO 'gespage_ci'@'$host';
SQL
  done
  mariadb_works gespage_ci "$password" || { echo 'MariaDB runs, but the user made for the tests cannot use it.'; return 1; }
  export TEST_MYSQL_URL="mysql://gespage_ci:$password@127.0.0.1:3306/test"
}
