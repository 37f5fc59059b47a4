export const defaultMembers = 3;
export const defaultPort = 2379;

/** What `coracle raft --help` lists. */
export const raftOptionHelp: readonly (readonly [flag: string, meaning: string])[] = [
  ['up', 'starts members m1, m2, …, each a process, and keeps them running until it is interrupted'],
  ['status [NAME] [--json]', 'what the members say of themselves; of one, its log and last messages, too'],
  ['stop NAME', 'stops a member; the others go on as long as they are a majority'],
  ['start NAME', 'starts it again'],
  ['partition NAME…', 'cuts these off from the others: neither side hears the other'],
  ['heal', 'joins all again'],
  ['--directory PATH', 'where the members are kept (default: $XDG_STATE_HOME/coracle/raft)'],
  ['--members NUMBER', `how many "up" starts (default ${defaultMembers})`],
  ['--control-planes', '"up" starts a whole control plane with each member, as "coracle up" does'],
  ['--nodes NUMBER', 'their simulated nodes'],
  ['--port NUMBER', `the first of the ports that "up" takes on loopback, two for each (default ${defaultPort})`],
];
