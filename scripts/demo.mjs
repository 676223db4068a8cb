// Owns the start of the demo: plain JavaScript, so that an old Node can still say what is wrong.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 18)) {
  await import('./demo.ts');
} else {
  console.error(
    `The demo needs Node 22.18 or newer, and this is Node ${process.version}: start it with "npm run demo" ` +
      'after "npm ci", which brings Node 24 along, or install Node 24 LTS from https://nodejs.org.',
  );
  process.exitCode = 2;
}
