#!/bin/sh
# Install guahao on web2, as root, from the folder in which this script lies. Running it
# again does no harm: it restarts nothing that runs. Each step says what it does.
set -eu
cd "$(dirname "$0")"
say() { printf '\n== %s\n' "$*"; }

[ "$(id -u)" = 0 ] || { echo "Run this as root." >&2; exit 1; }
[ -x /opt/guahao/current/.venv/bin/guahao ] || {
    echo "Put the release into place first: README.md, step 2." >&2
    exit 1
}
[ -x /opt/patroni/bin/patroni ] || {
    echo "Put Patroni into place first: README.md, step 3." >&2
    exit 1
}

say "Packages"
export DEBIAN_FRONTEND=noninteractive
# Patroni makes the server; Debian is not to make one of its own.
mkdir -p /etc/postgresql-common
grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf \
    || echo "create_main_cluster = false" >> /etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq chrony curl logrotate nftables nginx postgresql-15 haproxy postgresql-client-15 etcd-server etcd-client keepalived
# Debian starts an etcd of its own at once; ours begins with its own settings and folder.
if ! [ -d /var/lib/etcd/guahao ]; then systemctl stop etcd; fi

say "Users"
user() { id "$1" >/dev/null 2>&1 || useradd --system --user-group --home-dir "$2" --no-create-home --shell /usr/sbin/nologin "$1"; }
user guahao /var/lib/guahao
install -d -o root -g root -m 0755 /etc/guahao /etc/guahao/tls
install -d -o guahao -g guahao -m 0750 /var/lib/guahao /var/log/guahao

say "Files"
put() { install -D -o "${2%%:*}" -g "${2#*:}" -m "$3" "$1" "/$1"; echo "$1"; }
put etc/systemd/journald.conf.d/guahao.conf root:root 0644
put usr/local/share/guahao/nftables.conf root:root 0644
put etc/guahao/guahao.env root:guahao 0640
# The city's own settings: what is there already stays.
[ -e /etc/guahao/city.env ] || put etc/guahao/city.env root:guahao 0640
put etc/guahao/migrate.env root:root 0600
put usr/local/bin/guahao root:root 0755
put usr/local/lib/guahao/check-schema root:root 0755
put etc/systemd/system/guahao-migrate.service root:root 0644
put etc/systemd/system/guahao-doctor.service root:root 0644
put etc/systemd/system/guahao-doctor.timer root:root 0644
put etc/logrotate.d/guahao root:root 0644
put usr/local/sbin/guahao-roll root:root 0755
put etc/systemd/system/guahao-web@.service root:root 0644
put etc/nginx/conf.d/guahao.conf root:root 0644
put usr/local/share/guahao/unavailable.html root:root 0644
put etc/systemd/system/guahao-worker.service root:root 0644
put etc/default/etcd root:root 0644
put etc/systemd/system/etcd.service.d/guahao.conf root:root 0644
put etc/patroni/patroni.yml postgres:postgres 0600
put etc/patroni/roles.sql postgres:postgres 0600
put etc/patroni/post-bootstrap root:root 0755
put etc/systemd/system/patroni.service root:root 0644
put etc/haproxy/haproxy.cfg root:haproxy 0640
put etc/keepalived/keepalived.conf root:root 0644
put etc/guahao/tls/ca.crt root:root 0644
put etc/guahao/tls/etcd.crt etcd:etcd 0644
put etc/guahao/tls/etcd.key etcd:etcd 0600
put etc/guahao/tls/patroni.crt postgres:postgres 0644
put etc/guahao/tls/patroni.key postgres:postgres 0600
put etc/guahao/tls/haproxy.pem root:root 0600
systemctl daemon-reload
systemctl restart systemd-journald

say "nginx"
mkdir -p /var/www/acme /var/cache/nginx
rm -f /etc/nginx/sites-enabled/default
# Debian's nginx takes 768 connections a process; a release brings thousands of readers.
sed -i 's/worker_connections [0-9]*;/worker_connections 8192;/' /etc/nginx/nginx.conf
grep -q '^worker_rlimit_nofile' /etc/nginx/nginx.conf || sed -i '1i worker_rlimit_nofile 20000;' /etc/nginx/nginx.conf
if [ -e /etc/guahao/tls/public.crt ] && [ -e /etc/guahao/tls/public.key ]; then
    nginx -t
    systemctl enable nginx
    systemctl reload-or-restart nginx
else
    echo "No certificate in /etc/guahao/tls/public.crt yet: put it there, then run this again." >&2
fi

say "HAProxy"
haproxy -c -q -f /etc/haproxy/haproxy.cfg
systemctl enable haproxy
systemctl reload-or-restart haproxy

say "etcd and Patroni"
ln -sfn /opt/patroni/bin/patronictl /usr/local/bin/patronictl
mkdir -p /root/.config/patroni
ln -sfn /etc/patroni/patroni.yml /root/.config/patroni/patronictl.yaml
systemctl enable --now --no-block etcd
# It waits for a majority: the first two machines come up together.
runuser -u postgres -- /opt/patroni/bin/patroni --validate-config --ignore-listen-port /etc/patroni/patroni.yml
systemctl enable --now --no-block patroni
systemctl reload patroni 2>/dev/null || true

say "The virtual address"
systemctl enable --now keepalived

say "Done. Go on with README.md."
