import type { TidbCluster } from '../api/types.ts';
import { clusterName, memberName, namespaceOf, peerServiceName } from './names.ts';
import type { ComponentName } from './state.ts';

/** The script that starts a component's container, as its ConfigMap carries it (what each must do: upstream's start scripts, v1). */
export function startScript(tc: TidbCluster, component: ComponentName): string {
  return `${preamble}${{ pd: pdScript, tikv: tikvScript, tidb: tidbScript }[component](tc)}`;
}

/** With the pod annotation runmode=debug the container idles, so that somebody can look into it. */
const preamble = `#!/bin/sh
set -eu
if [ -f /etc/podinfo/annotations ] && grep -q '^runmode="debug"$' /etc/podinfo/annotations; then
  echo "runmode is debug: not starting"
  exec tail -f /dev/null
fi
`;

function pdScript(tc: TidbCluster): string {
  const dataDir = dataDirOf('pd', tc.spec.pd?.dataSubDir);
  const discovery = `http://${memberName(tc, 'discovery')}.${namespaceOf(tc)}.svc:10261`;
  return `domain="\${HOSTNAME}.\${PEER_SERVICE_NAME}.\${NAMESPACE}.svc"
waited=0
until nslookup "\${domain}" >/dev/null 2>&1; do
  if [ "\${waited}" -ge ${tc.spec.pd?.startTimeout ?? 30} ]; then
    echo "\${domain} does not resolve" >&2
    exit 1
  fi
  waited=$((waited + 1))
  sleep 1
done
set -- --data-dir=${dataDir} --name="\${HOSTNAME}" \\
  --peer-urls=http://0.0.0.0:2380 --advertise-peer-urls="http://\${domain}:2380" \\
  --client-urls=http://0.0.0.0:2379 --advertise-client-urls="http://\${domain}:2379" \\
  --config=/etc/pd/pd.toml
if [ -f ${dataDir}/join ]; then
  set -- "$@" --join="$(tail -n 1 ${dataDir}/join)"
elif [ ! -d ${dataDir}/member/wal ]; then
  self="$(printf '%s' "\${domain}:2380" | base64 | tr -d '\\n')"
  until answer="$(wget -qO- -T 3 "${discovery}/new/\${self}" 2>/dev/null)"; do
    echo "waiting for discovery"
    sleep 1
  done
  set -- "$@" "\${answer}"
fi
echo "starting pd-server $*"
exec /pd-server "$@"
`;
}

function tikvScript(tc: TidbCluster): string {
  return `exec /tikv-server \\
  --pd=http://${memberName(tc, 'pd')}:2379 \\
  --advertise-addr="\${HOSTNAME}.\${HEADLESS_SERVICE_NAME}.\${NAMESPACE}.svc:20160" \\
  --addr=0.0.0.0:20160 --status-addr=0.0.0.0:20180 \\
  --data-dir=${dataDirOf('tikv', tc.spec.tikv?.dataSubDir)} --capacity="\${CAPACITY}" \\
  --config=/etc/tikv/tikv.toml
`;
}

function tidbScript(tc: TidbCluster): string {
  return `exec /tidb-server --store=tikv --host=0.0.0.0 \\
  --advertise-address="\${POD_NAME}.${peerServiceName(tc, 'tidb')}.\${NAMESPACE}.svc" \\
  --path=${clusterName(tc)}-pd:2379 --log-slow-query="\${SLOW_LOG_FILE}" \\
  --config=/etc/tidb/tidb.toml
`;
}

function dataDirOf(component: 'pd' | 'tikv', subDir: string | undefined): string {
  return subDir === undefined || subDir === '' ? `/var/lib/${component}` : `/var/lib/${component}/${subDir}`;
}
