#!/usr/bin/sh
# What the public image's entrypoint does on the first start: a cluster with the
# user, the password and the database of the environment.
set -e
if [ "$(id -u)" = 0 ]; then
  exec setpriv --reuid=postgres --regid=999 --clear-groups sh /usr/bin/docker-entrypoint.sh "$@"
fi
export PGDATA=/var/lib/postgresql/data
if [ ! -e $PGDATA ]; then
  initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 --locale=C --encoding=UTF8 >/dev/null
  echo 'host all all all scram-sha-256' >> $PGDATA/pg_hba.conf
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single postgres >/dev/null
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=
