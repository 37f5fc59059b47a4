import { imageName, type ImageReference, imageSize, parseImage } from '../container/images.ts';
import { nextBackoff } from './backoff.ts';
import type { PodWorker } from './pod-worker.ts';
import { type ContainerRecord, specOf, waiting } from './record.ts';

/** Brings the image of a container to the node, by its pull policy, and tells users how it went (pkg/kubelet/images). */
export function pullImage(worker: PodWorker, container: ContainerRecord): ContainerRecord {
  const { node, pod } = worker;
  const spec = specOf(pod, container.name);
  const image = spec?.image ?? '';
  const event = (type: 'Normal' | 'Warning', reason: string, message: string): void => node.recorder.event(pod, type, reason, message);
  const failed = (reason: string, message: string): ContainerRecord => {
    event('Warning', 'Failed', `Error: ${reason}`);
    const backoff = nextBackoff(container.image.phase === 'failed' ? container.image.backoff : undefined, node.process.clock.now());
    return { ...waiting(container, reason, message), image: { phase: 'failed', reason, message, backoff } };
  };

  let reference: ImageReference;
  try {
    reference = parseImage(image);
  } catch (error) {
    const message = `Failed to apply default image tag "${image}": ${error instanceof Error ? error.message : String(error)}`;
    event('Warning', 'InspectFailed', message);
    return failed('InvalidImageName', message);
  }
  const policy = spec?.imagePullPolicy ?? (reference.tag === 'latest' ? 'Always' : 'IfNotPresent');
  const name = imageName(reference);
  const isPresent = node.images.has(name);
  if (isPresent && policy !== 'Always') {
    event('Normal', 'Pulled', `Container image "${image}" already present on machine and can be accessed by the pod`);
    return { ...container, image: { phase: 'present' } };
  }
  if (policy === 'Never') {
    const message = `Container image "${image}" is not present with pull policy of Never`;
    event('Warning', 'ErrImageNeverPull', message);
    return failed('ErrImageNeverPull', message);
  }
  event('Normal', 'Pulling', `Pulling image "${image}"`);
  if (node.programs.find(reference) === 'missing') {
    const cause = `failed to resolve reference "${name}": ${name}: not found`;
    const message = `rpc error: code = NotFound desc = failed to pull and unpack image "${name}": ${cause}`;
    event('Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
    return failed('ErrImagePull', message);
  }
  node.images.add(name);
  event(
    'Normal',
    'Pulled',
    `Successfully pulled image "${image}" in 0s (0s including waiting). Image size: ${imageSize(reference)} bytes.`,
  );
  return { ...container, image: { phase: 'present' } };
}
