import { Controller } from '@nestjs/common';
import { definitionController } from '../api/definition.controller';
import { SourceDto, Sources } from './sources';

@Controller('api/v1/sources')
export class SourcesController extends definitionController('sources', SourceDto, Sources) {}
