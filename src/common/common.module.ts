import { Global, Module, type DynamicModule } from '@nestjs/common';
import { CONFIG, secretKeysOf, type Config } from '../config/config';
import { CLOCK, programClock } from './clock';
import { SecretFiles } from './secret-files';
import { Secrets } from './secrets';

/** Providers that every module may inject: config, clock and secrets. */
@Global()
@Module({})
export class CommonModule {
  static with(config: Config): DynamicModule {
    return {
      module: CommonModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: CLOCK, useValue: programClock },
        {
          provide: Secrets,
          useFactory: () => new Secrets(secretKeysOf(config), new SecretFiles(config.secretsFolders)),
        },
      ],
      exports: [CONFIG, CLOCK, Secrets],
    };
  }
}
