import { Controller, Delete, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { NeedsWhole } from '../auth/access';
import { Answers } from '../common/shapes';
import { DirectoryReport, RELEASED, REPORT } from './directory-report';

/** Routes of MONSCALE_RULES_DIR. */
@ApiTags('transfer')
@ApiBearerAuth()
@Controller('api/v1/rules-directory')
export class RulesDirectoryController {
  constructor(private readonly report: DirectoryReport) {}

  @Get()
  @NeedsWhole('viewer')
  @Answers(REPORT)
  @ApiOperation({
    summary:
      'How the rules directory is: what was applied when, mistakes by file and line, what others have changed since',
  })
  read(): Promise<object> {
    return this.report.read();
  }

  @Delete()
  @NeedsWhole('admin')
  @Answers(RELEASED)
  @ApiOperation({
    summary: 'Let go of all that the directory manages, and delete nothing; 409 while a process looks at it',
  })
  release(): Promise<object> {
    return this.report.release();
  }
}
