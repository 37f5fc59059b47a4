import { LiveRuntime } from '@coracle/kernel';
import { SimRuntime, uniform } from '@coracle/simulator';
import { httpTransport } from '../transport/http-transport.ts';
import { TestApiServer } from './api-server.fixture.ts';
import { transportContract, type TransportImplementation } from './transport-contract.ts';

transportContract([
  {
    name: 'in process, simulated',
    async open() {
      const runtime = new SimRuntime({ seed: 1, strategy: uniform() });
      const server = new TestApiServer(runtime, { interleave: 'storage' });
      const process = runtime.process('caller');
      await runtime.drive(server.start());
      return {
        process,
        transport: server.connect(process),
        drive: (work) => runtime.drive(work),
        compact: () => server.compact(),
        [Symbol.asyncDispose]: async () => undefined,
      };
    },
  },
  {
    name: 'in process, live',
    async open() {
      const runtime = new LiveRuntime();
      const server = new TestApiServer(runtime);
      const process = runtime.process('caller');
      await server.start();
      return {
        process,
        transport: server.connect(process),
        drive: (work) => work,
        compact: () => server.compact(),
        async [Symbol.asyncDispose]() {
          await process.stop();
          await server.process.stop();
        },
      };
    },
  },
  overHttp('HTTP/2'),
  overHttp('HTTP/1.1'),
]);

function overHttp(protocol: 'HTTP/2' | 'HTTP/1.1'): TransportImplementation {
  return {
    name: protocol,
    async open() {
      const runtime = new LiveRuntime();
      const server = new TestApiServer(runtime);
      const process = runtime.process('caller');
      await server.start();
      const { config, close } = await server.listen();
      const transport = httpTransport({ process, config, protocol });
      return {
        process,
        transport,
        drive: (work) => work,
        compact: () => server.compact(),
        async [Symbol.asyncDispose]() {
          await transport.close();
          await process.stop();
          await close();
          await server.process.stop();
        },
      };
    },
  };
}
