import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOperation } from '@nestjs/swagger';
import { definitionController } from '../api/definition.controller';
import { Needs } from '../auth/access';
import { ChangesNothing } from '../common/changes-nothing';
import { checked, inPart } from '../common/check';
import { Any } from '../common/fields';
import { PHASES } from '../engine/types';
import { SilenceDto } from './silence.dto';
import { SilencePreview } from './silence-preview';
import { Silences, SilencesQuery } from './silences';
import { Answers, flag, list, moment, object, oneOf, shape, text, whole } from '../common/shapes';

class PreviewDto {
  @Any({ description: 'Silence as it would be made' }, { type: 'object' })
  silence: object;
}

const WINDOW = object({ from: moment, to: moment });
const PREVIEW = shape(
  'SilencePreview',
  object({
    services: list(object({ name: text, phase: oneOf(PHASES) })),
    total: whole,
    wouldHaveMuted: list(object({ at: moment, service: text, action: text })),
    mutedTotal: whole,
    nextWindows: list(WINDOW),
    warnings: list(text),
  }),
);

@Controller('api/v1/silences')
export class SilencesController extends definitionController(
  'silences',
  SilenceDto,
  Silences,
  SilencesQuery,
  {
    reads: Needs('viewer'),
    writes: Needs('operator'),
  },
  {
    required: { owner: text, active: flag, matches: whole },
    optional: { nextWindows: list(WINDOW), warnings: list(text), endedAt: moment, endedBy: text },
  },
) {
  constructor(private readonly previews: SilencePreview) {
    super();
  }

  @Post('preview')
  @Needs('viewer')
  @ChangesNothing()
  @HttpCode(200)
  @ApiBody({ type: PreviewDto })
  @ApiOperation({
    summary: 'What it covers, what it would have muted in 7 days, its next windows, and warnings',
  })
  @Answers(PREVIEW)
  async preview(@Body() body: unknown) {
    const { silence } = checked(PreviewDto, body);
    return inPart('/silence', () => this.previews.of(silence));
  }
}
