// Owns what the demo looks like: calm lines, one table, colours only where a person watches.
import { styleText } from 'node:util';
import type { Outcome } from './carry-out.ts';

export interface Screen {
  title(name: string, claim: string): void;
  fact(name: string, text: string): void;
  note(text: string): void;
  /** A line that is written over; nothing where nobody watches. */
  progress(text: string): void;
  endProgress(): void;
  openTable(): void;
  row(number: number, outcome: Outcome): void;
  summary(outcomes: readonly Outcome[], wanted: number, changedBeside: number): void;
  failure(what: string, logTail: readonly string[]): void;
  /** A number with separators. */
  count(value: number): string;
}

type Style = Parameters<typeof styleText>[0];

const whatWidth = 22;
const whoWidth = 44;
const delayWidth = 16;

export function createScreen(stream: NodeJS.WriteStream): Screen {
  const style = (how: Style, text: string): string => styleText(how, text, { stream });
  const write = (text = ''): void => void stream.write(`${text}\n`);
  let isOpen = false;
  const endProgress = (): void => {
    if (isOpen) stream.write('\r\u001b[2K');
    isOpen = false;
  };
  const fact = (name: string, text: string): void => {
    endProgress();
    write(`  ${style('dim', name.padEnd(12))}${text}`);
  };
  return {
    count,
    fact,
    endProgress,
    title(name, claim) {
      write(`\n  ${style('bold', name)}  ${style('dim', claim)}\n`);
    },
    note(text) {
      endProgress();
      write(`  ${style('yellow', text)}`);
    },
    progress(text) {
      if (!stream.isTTY) return;
      stream.write(`\r\u001b[2K  ${style('dim', text)}`);
      isOpen = true;
    },
    openTable() {
      write();
      write(
        style(
          'dim',
          `     #  ${fit('change', whatWidth)}${fit('who or what', whoWidth)}${'in Gespage after'.padStart(delayWidth)}`,
        ),
      );
    },
    row(number, outcome) {
      const { change } = outcome;
      const line = `${`${number}`.padStart(6)}  ${fit(change.what, whatWidth)}${style('dim', fit(change.who, whoWidth))}`;
      write(`${line}${tellOutcome(outcome)}`);
    },
    summary(outcomes, wanted, changedBeside) {
      const delays = outcomes
        .flatMap((one) => (one.kind === 'arrived' && one.ms !== null ? [one.ms] : []))
        .sort((one, other) => one - other);
      const arrived = outcomes.filter(({ kind }) => kind === 'arrived').length;
      const at = (share: number): string =>
        `${Math.round(delays[Math.ceil(delays.length * share) - 1] ?? 0)} ms`;
      write();
      if (delays.length > 0) {
        fact(
          'Delay',
          `half within ${at(0.5)}, 95 % within ${at(0.95)}, the longest ${at(1)}, from notification to target`,
        );
      }
      const all = arrived === wanted;
      fact('Result', style(all ? 'green' : 'red', `${count(arrived)} of ${count(wanted)} changes arrived`));
      if (changedBeside > 0)
        fact('', style('red', `${count(changedBeside)} other accounts changed, which should not`));
      else fact('', 'no other account changed');
      write();
    },
    failure(what, logTail) {
      endProgress();
      write(`\n  ${style('red', what)}`);
      if (logTail.length > 0) write(`  ${style('dim', 'Its last lines:')}`);
      for (const line of logTail) write(`    ${line}`);
    },
  };

  function tellOutcome(outcome: Outcome): string {
    switch (outcome.kind) {
      case 'arrived':
        return style(
          'green',
          (outcome.ms === null ? 'arrived' : `${Math.round(outcome.ms)} ms`).padStart(delayWidth),
        );
      case 'missing':
        return style('red', 'did not arrive'.padStart(delayWidth));
      case 'stopped':
        return style('dim', 'interrupted'.padStart(delayWidth));
    }
  }
}

function count(value: number): string {
  return value.toLocaleString('en-GB');
}

function fit(text: string, width: number): string {
  const short = text.length > width - 2 ? `${text.slice(0, width - 3)}…` : text;
  return short.padEnd(width);
}
