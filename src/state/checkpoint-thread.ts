// Owns the thread that copies the write-ahead log into the database file, again and again, until it is told to end.
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';

const restMs = 400;

const database = new Database(workerData as string, { fileMustExist: true, timeout: 0 });
// Passive: it waits for nobody, and nobody for it.
const copying = setInterval(() => database.pragma('wal_checkpoint(PASSIVE)'), restMs);
parentPort?.once('message', () => {
  clearInterval(copying);
  database.close();
});
