import { LONG_RUN, renderTemplate } from '../common/templates';
import type { Rendering } from './rendering';

export default ({ templates, variables }: Rendering): string[] =>
  templates.map(({ template, mode }) => renderTemplate(template, mode, variables, LONG_RUN));
