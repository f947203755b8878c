#!/bin/sh
# Install guahao on {{ me.name }}, as root, from the folder in which this script lies. Running it
# again does no harm: it restarts nothing that runs. Each step says what it does.
set -eu
cd "$(dirname "$0")"
say() { printf '\n== %s\n' "$*"; }

[ "$(id -u)" = 0 ] || { echo "Run this as root." >&2; exit 1; }
{% if "web" in me.roles or "worker" in me.roles %}
[ -x /opt/guahao/current/.venv/bin/guahao ] || {
    echo "Put the release into place first: README.md, step 2." >&2
    exit 1
}
{% endif %}
{% if answers.is_cluster and "database" in me.roles %}
[ -x /opt/patroni/bin/patroni ] || {
    echo "Put Patroni into place first: README.md, step 3." >&2
    exit 1
}
{% endif %}

say "Packages"
export DEBIAN_FRONTEND=noninteractive
{% if "database" in me.roles and answers.is_cluster %}
# Patroni makes the server; Debian is not to make one of its own.
mkdir -p /etc/postgresql-common
grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf \
    || echo "create_main_cluster = false" >> /etc/postgresql-common/createcluster.conf
{% endif %}
apt-get update -qq
apt-get install -y -qq chrony curl logrotate nftables
{%- if "web" in me.roles %} nginx{% endif %}
{%- if "database" in me.roles %} postgresql-{{ answers.postgresql }}{% endif %}
{%- if answers.is_cluster %} haproxy postgresql-client-{{ answers.postgresql }}{% endif %}
{%- if answers.is_cluster and "database" in me.roles %} etcd-server etcd-client{% endif %}
{%- if answers.virtual_address and "web" in me.roles %} keepalived{% endif %}

{% if answers.is_cluster and "database" in me.roles %}
# Debian starts an etcd of its own at once; ours begins with its own settings and folder.
if ! [ -d {{ at.etcd_data }} ]; then systemctl stop etcd; fi
{% endif %}

say "Users"
user() { id "$1" >/dev/null 2>&1 || useradd --system --user-group --home-dir "$2" --no-create-home --shell /usr/sbin/nologin "$1"; }
user guahao /var/lib/guahao
{% if not answers.is_cluster %}
user guahao-owner /nonexistent
{% endif %}
{% if me.name == backup_machine %}
user guahao-backup {{ at.backups }}
install -d -o guahao-backup -g guahao-backup -m 0700 {{ at.backups }}
{% endif %}
install -d -o root -g root -m 0755 /etc/guahao /etc/guahao/tls
install -d -o guahao -g guahao -m 0750 /var/lib/guahao /var/log/guahao

say "Files"
put() { install -D -o "${2%%:*}" -g "${2#*:}" -m "$3" "$1" "/$1"; echo "$1"; }
{% for path, owner, mode in files %}
{% if path == "etc/guahao/city.env" %}
# The city's own settings: what is there already stays.
[ -e /{{ path }} ] || put {{ path }} {{ owner }} {{ mode }}
{% else %}
put {{ path }} {{ owner }} {{ mode }}
{% endif %}
{% endfor %}
systemctl daemon-reload
systemctl restart systemd-journald

{% if "web" in me.roles %}
say "nginx"
mkdir -p /var/www/acme /var/cache/nginx
rm -f /etc/nginx/sites-enabled/default
# Debian's nginx takes 768 connections a process; a release brings thousands of readers.
sed -i 's/worker_connections [0-9]*;/worker_connections 8192;/' /etc/nginx/nginx.conf
grep -q '^worker_rlimit_nofile' /etc/nginx/nginx.conf || sed -i '1i worker_rlimit_nofile 20000;' /etc/nginx/nginx.conf
if [ -e {{ at.certificate }} ] && [ -e {{ at.certificate_key }} ]; then
    nginx -t
    systemctl enable nginx
    systemctl reload-or-restart nginx
else
    echo "No certificate in {{ at.certificate }} yet: put it there, then run this again." >&2
fi
{% endif %}
{% if answers.is_cluster %}

say "HAProxy"
haproxy -c -q -f /etc/haproxy/haproxy.cfg
systemctl enable haproxy
systemctl reload-or-restart haproxy
{% endif %}
{% if "database" in me.roles %}
{% if answers.is_cluster %}

say "etcd and Patroni"
ln -sfn /opt/patroni/bin/patronictl /usr/local/bin/patronictl
mkdir -p /root/.config/patroni
ln -sfn /etc/patroni/patroni.yml /root/.config/patroni/patronictl.yaml
systemctl enable --now --no-block etcd
# It waits for a majority: the first two machines come up together.
runuser -u postgres -- /opt/patroni/bin/patroni --validate-config --ignore-listen-port /etc/patroni/patroni.yml
systemctl enable --now --no-block patroni
systemctl reload patroni 2>/dev/null || true
{% else %}

say "PostgreSQL"
systemctl enable postgresql
# Parameters of a server that is running take effect at its next restart; a new one restarts now.
if ! runuser -u postgres -- psql --no-psqlrc -Atqc "SELECT FROM pg_database WHERE datname = 'guahao'" | grep -q .; then
    systemctl restart postgresql@{{ answers.postgresql }}-main
fi
systemctl reload postgresql@{{ answers.postgresql }}-main
runuser -u postgres -- psql --no-psqlrc --quiet --file /usr/local/share/guahao/roles.sql
{% endif %}
{% endif %}
{% if answers.virtual_address and "web" in me.roles %}

say "The virtual address"
systemctl enable --now keepalived
{% endif %}

say "Done. Go on with README.md."
