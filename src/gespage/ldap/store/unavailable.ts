// Owns the one way to say that the directory cannot be read at the moment.

/** The message says why, for the log and the client. */
export class DirectoryUnavailable extends Error {
  override readonly name = 'DirectoryUnavailable';
}
