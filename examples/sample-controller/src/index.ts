export {
  errResourceExists,
  messageResourceExists,
  messageResourceSynced,
  SampleController,
  type SampleControllerOptions,
  successSynced,
} from './controller.ts';
export { type Deployment, deployments, newDeployment } from './deployment.ts';
export { type Foo, foos } from './foo.ts';
export { addFooController, fooCrd } from './short.ts';
