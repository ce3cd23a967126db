import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import listensToErrors from './scripts/lint/listens-to-errors.mjs';

const message = 'A controller asks no database: let a class beside it do so.';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.monscale', 'bench/peers', 'src/console/web/api/schema.ts'] },
  js.configs.recommended,
  {
    files: ['**/*.mjs', '**/*.js', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        module: 'readonly',
        setTimeout: 'readonly',
        URL: 'readonly',
        require: 'readonly',
        performance: 'readonly',
        Buffer: 'readonly',
        __dirname: 'readonly',
      },
    },
  },
  {
    files: ['**/*.ts', '**/*.tsx', '**/*.mts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Only common/clock.ts reads the clock.',
        },
        {
          // However it is called or handed on: Date.now, Date['now'], the time as a text.
          selector:
            "MemberExpression[object.name='Date']:matches([property.name='now'], [property.value='now']), CallExpression[callee.name='Date']",
          message: 'Only common/clock.ts reads the clock.',
        },
        {
          selector:
            "NewExpression[callee.name='Date'][arguments.0.type='Identifier'][arguments.0.name='undefined']",
          message: 'Only common/clock.ts reads the clock.',
        },
        {
          selector: "MemberExpression[object.name='performance'][property.name='timeOrigin']",
          message: 'Only common/clock.ts reads the clock.',
        },
        {
          selector: "Identifier[name='systemClock']",
          message: "The machine's clock may be wrong: inject CLOCK, which goes by PostgreSQL's.",
        },
      ],
    },
  },
  {
    files: ['src/common/clock.ts', 'src/console/web/app/clock.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['**/*.spec.ts', 'src/console/web/**'],
    plugins: { monscale: { rules: { 'listens-to-errors': listensToErrors } } },
    rules: { 'monscale/listens-to-errors': 'error' },
  },
  {
    files: ['src/**/*.controller.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(typeorm|pg)(-|/|$)|^@nestjs/typeorm|/database/(database|sql-pool|data-source)$',
              message,
            },
            // The shape of a row tells nothing.
            { regex: '/database/entities$', allowTypeImports: true, message },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', 'test/**/*.ts', 'bench/**/*.ts', 'demo/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name=/^(it|test|describe)$/][property.name='only']",
          message: 'The other specs would not run.',
        },
      ],
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
