// Owns the oldest Node that the program runs on. Imports nothing, so that an old Node can still read the sentence.

const oldest = { major: 22, minor: 14 };

/**
 * One sentence for the operator if `version` (as in `process.version`) is too old to run on; undefined if it
 * will do. Ask before anything loads the database driver, which crashes an old Node instead of reporting.
 */
export function requireNode(version: string): string | undefined {
  const parts = /^v?(\d+)\.(\d+)\./.exec(version);
  const major = Number(parts?.[1]);
  const minor = Number(parts?.[2]);
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return undefined;
  return (
    `gespage-sync needs Node ${oldest.major}.${oldest.minor} or newer, and this is Node ${version || 'of an unknown version'}: ` +
    'install Node 24 LTS from https://nodejs.org and start again.'
  );
}
