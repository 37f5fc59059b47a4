#!/usr/bin/env bash
# The example against a real kube-apiserver, which calls the webhooks and converts: what a client then sees.
#   KUBE_APISERVER=PATH ETCD=PATH examples/webhook/exam.sh
# Needs curl and openssl, and Node 24 as NODE or on the path.
set -euo pipefail
: "${KUBE_APISERVER:?names the kube-apiserver to start}" "${ETCD:?names the etcd to start}"
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
port=${PORT:-$((20000 + RANDOM % 5000))}
pids=()
trap 'kill -9 "${pids[@]}" 2> /dev/null || true; wait 2> /dev/null || true; rm -rf "$work"' EXIT
cd "$work"
openssl genrsa -out sa.key 2048 2> openssl.log
openssl rsa -in sa.key -pubout -out sa.pub 2>> openssl.log
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${key[@]}" -days 2 -keyout ca.key -out ca.crt -subj /CN=authority 2>> openssl.log
openssl req "${key[@]}" -keyout tls.key -out tls.csr -subj /CN=webhook 2>> openssl.log
openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -days 2 -out tls.crt -extfile <(echo subjectAltName=IP:127.0.0.1) 2>> openssl.log
echo 'admin-token,admin,admin,"system:masters"' > tokens.csv
cat > kubeconfig <<END
{ "apiVersion": "v1", "kind": "Config", "current-context": "exam",
  "clusters": [{ "name": "exam", "cluster": { "server": "https://127.0.0.1:$((port + 2))", "insecure-skip-tls-verify": true } }],
  "users": [{ "name": "exam", "user": { "token": "admin-token" } }],
  "contexts": [{ "name": "exam", "context": { "cluster": "exam", "user": "exam" } }] }
END
store=http://127.0.0.1:$port peers=http://127.0.0.1:$((port + 1))
"$ETCD" --data-dir data --listen-client-urls "$store" --advertise-client-urls "$store" --listen-peer-urls "$peers" \
  --initial-advertise-peer-urls "$peers" --initial-cluster "default=$peers" > etcd.log 2>&1 & pids+=($!)
"$KUBE_APISERVER" --etcd-servers="$store" --cert-dir="$work" --secure-port=$((port + 2)) --bind-address=127.0.0.1 \
  --service-account-key-file=sa.pub --service-account-signing-key-file=sa.key --service-account-issuer=https://kubernetes.default.svc \
  --token-auth-file=tokens.csv --authorization-mode=RBAC --service-cluster-ip-range=10.0.0.0/24 > kube-apiserver.log 2>&1 & pids+=($!)
ready() { curl -sk -H 'Authorization: Bearer admin-token' "https://127.0.0.1:$((port + 2))/readyz" | grep -q '^ok'; }
for _ in $(seq 1 480); do ready && break; sleep 0.25; done
"${NODE:-node}" --conditions=coracle-source "$here/src/main.ts" --kubeconfig kubeconfig --port $((port + 3)) --tour > seen 2> log ||
  { cat seen log >&2; tail -n 5 kube-apiserver.log >&2; exit 1; }
diff "$here/exam.txt" <(tail -n +2 seen) && echo "ok   $(wc -l < "$here/exam.txt") lines as expected"
grep -q 'warn Warning: everybody on the way' log && echo 'ok   the warning came through'
