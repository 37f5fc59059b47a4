/** The node could not reach the port, or lost it. */
export class PortForwardError extends Error {
  override readonly name = 'PortForwardError';
}
