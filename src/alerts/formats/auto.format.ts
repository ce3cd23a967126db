import { AlertFormatMapping, NoParams, type AlertFormat, type Parsed } from './alert-format';

/** Whatever format it is: found by its shape. */
@AlertFormatMapping({
  type: 'auto',
  title: 'By its shape',
  description: 'Any of the other formats, found by the shape of what is sent, POST /api/v1/alerts/auto',
  params: NoParams,
})
export class Auto implements AlertFormat {
  /** The receiver looks for the format and asks that one. */
  parse(): Parsed[] {
    return [];
  }
}
