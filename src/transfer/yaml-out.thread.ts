import { toYaml } from './yaml';

export default (json: string): string => toYaml(JSON.parse(json));
