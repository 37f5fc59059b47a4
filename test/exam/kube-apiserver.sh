#!/usr/bin/env bash
# A real kube-apiserver on our store: what it writes it reads, lists, watches, pages through and finds again after a restart of the
# store and of itself.
#   KUBE_APISERVER=PATH test/exam/kube-apiserver.sh 'STORE COMMAND'
# STORE COMMAND serves etcd's v3 API on http://127.0.0.1:$PORT with its data in $DIR (both set). Needs curl and openssl.
set -euo pipefail
: "${KUBE_APISERVER:?names the kube-apiserver to start}"
store=$1
work=$(mktemp -d)
export PORT=${PORT:-$((20000 + RANDOM % 5000))} DIR=$work/store
api=${API_PORT:-$((PORT + 5000))}
mkdir -p "$work/certs"
openssl genrsa -out "$work/certs/sa.key" 2048 2> "$work/openssl.log"
openssl rsa -in "$work/certs/sa.key" -pubout -out "$work/certs/sa.pub" 2>> "$work/openssl.log"
echo 'admin-token,admin,admin,"system:masters"' > "$work/certs/tokens.csv"
pids=()
stop() { for pid in "${pids[@]}"; do kill -9 "$pid" 2> /dev/null || true; done; wait 2> /dev/null || true; pids=(); }
trap 'stop; rm -rf "$work"' EXIT
fail() { echo "FAIL $1" >&2; for log in kube-apiserver store; do tail -n 5 "$work/$log.log" >&2 || true; done; exit 1; }
until_ok() { # WHAT COMMAND…: within two minutes
  local what=$1; shift
  for _ in $(seq 1 480); do "$@" && return; sleep 0.25; done
  fail "$what"
}
ready() { ask readyz | grep -q '^ok'; }
ask() { curl -sk --max-time 30 -H 'Authorization: Bearer admin-token' "https://127.0.0.1:$api/$@"; }
make() { ask "$1" -X POST -H 'Content-Type: application/json' -d "$2"; }
start() {
  sh -c "exec $store" > "$work/store.log" 2>&1 & pids+=($!)
  local served=$!
  sleep 1
  kill -0 "$served" 2> /dev/null || fail 'the store did not start'
  until_ok 'the store does not answer' curl -sf -o "$work/health" "http://127.0.0.1:$PORT/health"
  "$KUBE_APISERVER" --etcd-servers="http://127.0.0.1:$PORT" --cert-dir="$work/certs" --secure-port="$api" --bind-address=127.0.0.1 \
    --service-account-key-file="$work/certs/sa.pub" --service-account-signing-key-file="$work/certs/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc --token-auth-file="$work/certs/tokens.csv" --authorization-mode=RBAC \
    --service-cluster-ip-range=10.0.0.0/24 --etcd-compaction-interval=5s --event-ttl=15s > "$work/kube-apiserver.log" 2>&1 & pids+=($!)
  until_ok 'the API server does not get ready' ready
}
maps=api/v1/namespaces/default/configmaps
map() { printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s"},"data":{"value":"%s"}}' "$1" "$2"; }
count() { ask "$maps?$1" > "$work/list"; grep -c '"name": "map-' "$work/list" || true; }
expect() { [ "$2" = "$3" ] && echo "ok   $1" || fail "$1: \"$2\" instead of \"$3\""; }

start
first=$(ask "$maps?limit=1" | sed -n 's/.*"resourceVersion": "\([0-9]*\)".*/\1/p' | head -1)
curl -skN --max-time 120 -H 'Authorization: Bearer admin-token' "https://127.0.0.1:$api/$maps?watch=1&resourceVersion=$first" > "$work/watch" &
pids+=($!)
for i in $(seq 1 25); do make "$maps" "$(map "map-$i" 1)" > "$work/answer"; done
expect 'creates are listed' "$(count '')" 25
expect 'a page has its limit' "$(count 'limit=10')" 10
ask "$maps/map-1" -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"data":{"value":"2"}}' > "$work/answer"
expect 'an update is read' "$(ask "$maps/map-1" | grep -c '"value": "2"')" 1
expect 'a create of what exists is a conflict' "$(make "$maps" "$(map map-1 3)" | grep -c '"code": 409')" 1
ask "$maps/map-2" -X DELETE > "$work/answer"
expect 'a delete is not listed' "$(count '')" 24
told() { [ "$(grep -c '"name":"map-' "$work/watch")" = 27 ]; }
until_ok 'the watch does not tell of 25 creates, an update and a delete' told
expect 'the watch tells of each once' "$(grep -o '"type":"[A-Z]*","object":{[^}]*"name":"map-' "$work/watch" | grep -c ADDED)" 25
make api/v1/namespaces/default/events '{"apiVersion":"v1","kind":"Event","metadata":{"name":"soon-gone"},"involvedObject":{"namespace":"default"},"reason":"Exam"}' > "$work/answer"
expect 'an event is read' "$(ask api/v1/namespaces/default/events/soon-gone | grep -c '"reason": "Exam"')" 1
gone() { ask api/v1/namespaces/default/events/soon-gone | grep -q '"code": 404'; }
until_ok 'an event does not end with its lease' gone; echo 'ok   an event ends with its lease'
compacted() { ask "$maps?resourceVersion=$first&resourceVersionMatch=Exact" | grep -q '"code": 410'; }
until_ok 'an old list is not expired' compacted; echo 'ok   what is compacted is expired'
before=$(ask "$maps?limit=500" | grep -v '^    "resourceVersion"' | cksum)
stop
start
expect 'after a restart everything is there' "$(ask "$maps?limit=500" | grep -v '^    "resourceVersion"' | cksum)" "$before"
make "$maps" "$(map map-99 1)" > "$work/answer"
expect 'and goes on' "$(count '')" 25
