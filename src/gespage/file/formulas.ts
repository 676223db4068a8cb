// Owns the harmlessness of texts in a CSV file: what a spreadsheet would take for a formula is shown as text instead.

/**
 * Excel and LibreOffice work out a CSV cell that begins with one of these, whatever quotes stand around it; the wide
 * forms are those of East Asian input. https://owasp.org/www-community/attacks/CSV_Injection
 */
const trigger = /^'*[=+\-@\t\r\n＝＋－＠]/;

/**
 * Puts an apostrophe before a text that could be taken for a formula, and before one that has such apostrophes already,
 * so that each written text stands for one text only.
 */
export function makeHarmless(text: string): string {
  return trigger.test(text) ? `'${text}` : text;
}
