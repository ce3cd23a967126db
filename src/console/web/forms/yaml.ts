/** Writing of YAML, without the reading, which is much larger. */
export { stringify } from 'yaml';
