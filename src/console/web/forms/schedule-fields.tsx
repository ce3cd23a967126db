/** Windows that repeat: a recurrence rule, the zone of its times, and how long each lasts. May be left out. */
import { Button, Group } from '@mantine/core';
import { SchemaFields } from './schema-fields';
import { isObject, type Json } from './values';

const SCHEDULE = {
  type: 'object',
  required: ['rrule', 'timeZone', 'durationSeconds'],
  properties: {
    rrule: {
      type: 'string',
      description: 'Recurrence rule (RFC 5545): FREQ=WEEKLY;BYDAY=SA;BYHOUR=2;BYMINUTE=30',
    },
    timeZone: { type: 'string', description: 'Zone of the times in the rule: Europe/Madrid' },
    durationSeconds: { type: 'number', 'x-unit': 's', description: 'How long each window lasts' },
  },
};

interface ScheduleFieldsProps {
  value: Json;
  /** Rule that a new one begins with. */
  first: { rrule: string; durationSeconds: number };
  /** Word of the button that adds it, and of the one that leaves it out. */
  add: string;
  leaveOut: string;
  onChange: (value: Json) => void;
}

export const ScheduleFields = ({ value, first, add, leaveOut, onChange }: ScheduleFieldsProps) =>
  isObject(value) ? (
    <div>
      <SchemaFields schema={SCHEDULE} value={value} pointer="/schedule" onChange={onChange} />
      <Button variant="subtle" px="xs" onClick={() => onChange(undefined)}>
        {leaveOut}
      </Button>
    </div>
  ) : (
    <Group>
      <Button
        variant="default"
        onClick={() => onChange({ ...first, timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone })}
      >
        {add}
      </Button>
    </Group>
  );
