/** Rows and moments as PostgreSQL reads them in texts. */

/** A row in the text format of COPY: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format". */
export const copyLine = (fields: readonly (string | number | boolean | null)[]): string =>
  `${fields.map((field) => (field === null ? '\\N' : escaped(String(field)))).join('\t')}\n`;

const SPECIAL = /[\\\n\r\t]/g;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const escaped = (field: string): string => field.replace(SPECIAL, (one) => ESCAPES[one]!);

/** A moment as PostgreSQL reads it, also before our era and beyond the year 9999; pg's own way takes ten times as long. */
export function timestampOf(at: Date): string {
  const text = at.toISOString();
  const year = at.getUTCFullYear();
  if (year > 0 && year <= 9999) return text;
  const rest = text.slice(text.indexOf('-', 1));
  return year > 0 ? `${year}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`;
}
