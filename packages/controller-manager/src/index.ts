export type { ControllerContext, ControllerDescriptor, RunnableController } from './controller/context.ts';
export { ControllerManager, type ControllerManagerOptions } from './controller-manager.ts';
export { controllers } from './controllers.ts';
