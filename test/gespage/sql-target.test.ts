// Owns the run of the shared target suite against every SQL engine of this machine.
import { engines } from './databases.ts';
import { describeTarget } from './describe-target.ts';

for (const engine of engines) describeTarget(engine);
