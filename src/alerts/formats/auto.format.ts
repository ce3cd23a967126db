import { AlertFormatMapping, NoParams, type AlertFormat, type Parsed } from './alert-format';

/** Format that stands for any other one, recognized by its shape. */
@AlertFormatMapping({
  type: 'auto',
  title: 'By its shape',
  description: 'Any of the other formats, found by the shape of what is sent, POST /api/v1/alerts/auto',
  params: NoParams,
})
export class Auto implements AlertFormat {
  /** Returns nothing: the receiver finds the format and uses that one. */
  parse(): Parsed[] {
    return [];
  }
}
