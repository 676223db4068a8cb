// Owns how text is prepared before it is compared: letter case, Unicode forms and spaces (RFC 4518, as OpenLDAP does it).

/** Where a text stands in a value: whole, or a piece of it. */
export type Part = 'whole' | 'initial' | 'any' | 'final';

const ascii = /^[\x00-\x7f]*$/;

/**
 * Lower case, compatibility forms composed, runs of spaces made one; spaces at the ends go, except at a side where a
 * piece meets the rest of the value. A text of spaces alone is one space.
 */
export function prepareText(text: string, part: Part = 'whole', caseExact = false): string {
  return foldSpaces(foldForms(text, caseExact), part);
}

/** Letter by letter, since the lower case of a whole text would treat a sigma at the end of a word in another way. */
function foldForms(text: string, caseExact: boolean): string {
  if (ascii.test(text)) return caseExact ? text : text.toLowerCase();
  if (caseExact) return text.normalize('NFKC');
  // A form such as a mathematical capital shows its letter only when it is decomposed.
  const composed = lowerLetters(text).normalize('NFKC');
  return lowerLetters(composed).normalize('NFKC');
}

function lowerLetters(text: string): string {
  let lower = '';
  for (const letter of text) lower += lowerLetter(letter);
  return lower;
}

/** The simple mapping of Unicode: one letter for one letter. */
function lowerLetter(letter: string): string {
  // The only letter whose full lower case is longer than one.
  if (letter === 'İ') return 'i';
  return letter.toLowerCase();
}

function foldSpaces(text: string, part: Part): string {
  if (!text.includes(' ')) return text;
  const single = text.replace(/ {2,}/g, ' ');
  // Every value ends with a space that is not written down; a last piece of spaces alone is that one.
  if (single === ' ') return part === 'final' ? '' : single;
  const from = part !== 'any' && part !== 'final' && single.startsWith(' ') ? 1 : 0;
  const end =
    part !== 'any' && part !== 'initial' && single.endsWith(' ') ? single.length - 1 : single.length;
  return single.slice(from, end);
}
