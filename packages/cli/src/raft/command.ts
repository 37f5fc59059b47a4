import { mkdirSync } from 'node:fs';
import { MemberControl } from '@coracle/etcd';
import { LiveRuntime } from '@coracle/kernel';
import { numberOf, readFlags, stateHome, UsageError } from '../flags.ts';
import type { Terminal } from '../terminal.ts';
import { controlPlaneArgs, etcdFlags, localMembers, memberDirectories } from './layout.ts';
import { defaultMembers, defaultPort } from './option-help.ts';
import { sides } from './sides.ts';
import { type MemberStatus, memberDetail, statusTable } from './status-view.ts';
import { Supervisor } from './supervisor.ts';
import { serveSupervisor, SupervisorClient } from './supervisor-socket.ts';

const flags = ['directory', 'members', 'port', 'json', 'control-planes', 'nodes'] as const;
const upFlags = ['members', 'port', 'control-planes', 'nodes'];
type Values = Readonly<Partial<Record<(typeof flags)[number], string>>>;

/** `coracle raft`: members of one store on this machine, to look at and to try what a group bears. */
export async function raft(args: readonly string[], terminal: Terminal): Promise<number> {
  const firstFlag = args.findIndex((arg) => arg.startsWith('--'));
  const words = firstFlag < 0 ? args : args.slice(0, firstFlag);
  const rest =
    firstFlag < 0 ? [] : args.slice(firstFlag).map((arg) => (arg === '--json' || arg === '--control-planes' ? `${arg}=true` : arg));
  const values = readFlags(rest, flags);
  const [verb, ...names] = words;
  const directory = values.directory ?? `${stateHome(terminal.env)}/coracle/raft`;
  if (directory === '') throw new UsageError('option "--directory" needs a value');
  const allowed: readonly string[] = verb === 'up' ? upFlags : verb === 'status' ? ['json'] : [];
  for (const flag of flags) {
    if (flag === 'directory' || values[flag] === undefined || allowed.includes(flag)) continue;
    throw new UsageError(`option "--${flag}" is not for ${verb ?? 'nothing'}`);
  }
  switch (verb) {
    case 'up':
      takesNames(verb, names, 0);
      return up(directory, values, terminal);
    case 'status':
      takesNames(verb, names, 1);
      return status(directory, names[0], values, terminal);
    case 'start':
    case 'stop': {
      const [name] = names;
      if (name === undefined) throw new UsageError(`whom to ${verb}? Name a member`);
      takesNames(verb, names, 1);
      const states = await new SupervisorClient(directory)[verb](name);
      for (const { name: each, state, pid } of states)
        terminal.stdout.write(`${each}  ${state}${pid === undefined ? '' : `  process ${pid}`}\n`);
      return 0;
    }
    case 'partition':
      return partition(directory, names, terminal);
    case 'heal':
      takesNames(verb, names, 0);
      return heal(directory, terminal);
    default:
      throw new UsageError(verb === undefined ? 'what? up, status, start, stop, partition or heal' : `unknown command "${verb}"`);
  }
}

function takesNames(verb: string, names: readonly string[], most: number): void {
  const extra = names[most];
  if (extra !== undefined) throw new UsageError(`unexpected argument "${extra}" of ${verb}`);
}

async function up(directory: string, values: Values, terminal: Terminal): Promise<number> {
  const count = numberOf(values.members, defaultMembers, 9, 'number of members: 1 to 9');
  if (count === 0) throw new UsageError('"0" is no number of members: 1 to 9');
  const members = localMembers(directory, count, numberOf(values.port, defaultPort, 65_535, 'port: a number from 0 to 65535'));
  const { program } = terminal;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const process = new LiveRuntime({ log: terminal.log }).process('raft');
  const hasControlPlanes = values['control-planes'] === 'true';
  if (values.nodes !== undefined && !hasControlPlanes) throw new UsageError('option "--nodes" needs --control-planes');
  const nodes = values.nodes === undefined ? [] : ['--nodes', values.nodes];
  const supervisor = new Supervisor({
    process,
    programs: members.map((member) => ({
      name: member.name,
      command: [
        ...program,
        ...(hasControlPlanes ? [...controlPlaneArgs(member, members), ...nodes] : ['etcd', ...etcdFlags(member, members)]),
      ],
    })),
    isReady: (line) => /^(ready to serve client requests|The control plane is ready) at /.test(line),
    line: (name, line) => terminal.stdout.write(`${name} | ${line}\n`),
  });
  const socket = await serveSupervisor(process, directory, supervisor);
  try {
    if (hasControlPlanes) {
      const { sharePki } = await import('@coracle/cluster/live');
      await sharePki(
        process,
        members.map(({ directory: each }) => each),
      );
    }
    const urls = members.map(({ clientUrl }) => (hasControlPlanes ? clientUrl.replace('http:', 'https:') : clientUrl));
    terminal.stdout.write(`endpoints: ${urls.join(',')}\n`);
    await supervisor.run(terminal.interrupted);
    return 0;
  } finally {
    await socket.close();
    await process.stop();
  }
}

async function status(directory: string, name: string | undefined, { json }: Values, { stdout }: Terminal): Promise<number> {
  const statuses = await ask(directory);
  const wanted = name === undefined ? statuses : statuses.filter((one) => one.name === name);
  const [first] = wanted;
  if (first === undefined)
    throw new UsageError(name === undefined ? `there are no members in "${directory}"` : `there is no member "${name}" in "${directory}"`);
  if (json === 'true') stdout.write(`${JSON.stringify(wanted, undefined, 2)}\n`);
  else if (name === undefined || 'silence' in first) stdout.write(statusTable(wanted));
  else stdout.write(memberDetail(first, statuses));
  return 0;
}

async function partition(directory: string, names: readonly string[], { stdout }: Terminal): Promise<number> {
  const directories = memberDirectories(directory);
  const statuses = await ask(directory);
  const reached = statuses.flatMap((one) => ('report' in one ? [{ name: one.name, id: one.report.id }] : []));
  for (const [name, ids] of sides(reached, names)) await new MemberControl(directories.get(name) ?? '').cut(ids);
  stdout.write(`${names.join(', ')} and the others do not hear each other\n`);
  return 0;
}

async function heal(directory: string, { stdout }: Terminal): Promise<number> {
  const directories = memberDirectories(directory);
  const statuses = await ask(directory);
  const names = statuses.flatMap((one) => ('report' in one ? [one.name] : []));
  if (names.length === 0) throw new UsageError(`no member in "${directory}" answers`);
  for (const name of names) await new MemberControl(directories.get(name) ?? '').cut([]);
  stdout.write(`${names.join(', ')} hear each other\n`);
  return 0;
}

async function ask(directory: string): Promise<readonly MemberStatus[]> {
  return Promise.all(
    [...memberDirectories(directory)].map(async ([name, store]): Promise<MemberStatus> => {
      try {
        return { name, report: await new MemberControl(store).report() };
      } catch (error) {
        const isAbsent = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED');
        return { name, silence: isAbsent ? 'does not run' : `no answer: ${error instanceof Error ? error.message : String(error)}` };
      }
    }),
  );
}
