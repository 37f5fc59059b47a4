import type { MemberReport } from '@coracle/etcd';

/** What is known of a member: what it says, or why it says nothing. */
export type MemberStatus = { readonly name: string; readonly report: MemberReport } | { readonly name: string; readonly silence: string };

/** A line for each member, and how far the leader knows the others to be. */
export function statusTable(statuses: readonly MemberStatus[]): string {
  const head = ['MEMBER', 'ROLE', 'TERM', 'LEADER', 'VOTE', 'COMMIT', 'APPLIED', 'LAST', 'REVISION', 'CUT FROM'];
  const nameOf = names(statuses);
  const rows = statuses.map((status) => {
    if ('silence' in status) return [status.name, status.silence, '', '', '', '', '', '', '', ''];
    const { role, term, leader, vote, committed, applied, lastIndex, revision, cutFrom } = status.report;
    const numbers = [committed, applied, lastIndex, revision].map(String);
    return [status.name, role, String(term), nameOf(leader), nameOf(vote), ...numbers, cutFrom.map(nameOf).join(',') || '-'];
  });
  const matches = statuses.flatMap((status) =>
    'report' in status
      ? status.report.matches.flatMap((match) => (match.id === status.report.id ? [] : { by: status.name, ...match }))
      : [],
  );
  if (matches.length === 0) return table([head, ...rows]);
  const followers = matches.map(({ by, id, match, state, isActive }) => [
    nameOf(id),
    by,
    String(match),
    state.replace('State', '').toLowerCase(),
    isActive ? 'yes' : 'no',
  ]);
  return `${table([head, ...rows])}\n${table([['FOLLOWER', 'LEADER', 'MATCH', 'STATE', 'HEARD'], ...followers])}`;
}

/** All that a member shows: the end of its log, and its last messages. */
export function memberDetail(
  { name, report }: Extract<MemberStatus, { readonly report: unknown }>,
  statuses: readonly MemberStatus[],
): string {
  const nameOf = names(statuses);
  const tail = report.tail.map(({ index, term, type, bytes }) => {
    const place = index <= report.applied ? 'applied' : index <= report.committed ? 'committed' : '';
    return [String(index), String(term), type.replace('Entry', ''), String(bytes), place];
  });
  const messages = report.messages.map(({ atMs, direction, peer, text }) => {
    const [first = ''] = text.split('\n');
    // Members are told by their names here.
    const said = first.replace(/^\S+ /, '');
    return `${new Date(atMs).toISOString().slice(11, 23)} ${direction === 'sent' ? 'to  ' : 'from'} ${nameOf(peer)} ${said}\n`;
  });
  return [
    statusTable([{ name, report }]),
    `\nThe log from ${report.firstIndex} on is kept for other members; its end:\n`,
    table([['INDEX', 'TERM', 'TYPE', 'BYTES', ''], ...tail]),
    '\nThe last messages:\n',
    ...messages,
  ].join('');
}

function names(statuses: readonly MemberStatus[]): (id: number) => string {
  const known = new Map<number, string>();
  for (const status of statuses) {
    if ('silence' in status) continue;
    for (const { id, name } of status.report.members) if (name !== '') known.set(id, name);
  }
  return (id) => (id === 0 ? '-' : (known.get(id) ?? id.toString(16)));
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
