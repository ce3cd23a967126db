import type { Type } from '@nestjs/common';
import type { DiscoverableDecorator, DiscoveryService } from '@nestjs/core';
import { didYouMean } from './did-you-mean';
import { jsonSchemaOf } from './fields';

/** Options that every mapping declares in its decorator. */
export interface MappingOptions {
  /** Name that users write, in snake_case. */
  type: string;
  title: string;
  description: string;
  /** Class of the mapping's params; see `common/fields.ts`. */
  params: Type<object>;
}

export interface Mapping<T, O extends MappingOptions = MappingOptions> {
  options: O;
  strategy: T;
}

export interface CatalogueEntry {
  type: string;
  title: string;
  description: string;
  paramsSchema: object;
}

/**
 * Registry of the mappings of one kind, by type. They are found at start-up, by their decorator, among the providers.
 */
export class MappingRegistry<T, O extends MappingOptions = MappingOptions> {
  private readonly mappings = new Map<string, Mapping<T, O>>();

  /** @param kind word for one of them in messages: "metric", "action" */
  constructor(
    readonly kind: string,
    discovery: DiscoveryService,
    decorator: DiscoverableDecorator<O>,
    /** Classes of the folder's index. Each must carry the decorator, or it would be missing silently. */
    expected: readonly Type[],
  ) {
    for (const cls of expected) {
      if (!Reflect.hasMetadata(decorator.KEY, cls)) {
        throw new Error(
          `${cls.name} is listed among the ${kind} mappings but has no decorator; add it above the class`,
        );
      }
    }
    for (const wrapper of discovery.getProviders()) {
      const options = wrapper.metatype ? discovery.getMetadataByDecorator(decorator, wrapper) : undefined;
      if (options === undefined) continue;
      // Asked for when it is used: what it is built of may not be there yet.
      this.add({
        options,
        get strategy() {
          return wrapper.instance as T;
        },
      });
    }
  }

  private add(mapping: Mapping<T, O>): void {
    const { type } = mapping.options;
    const other = this.mappings.get(type);
    if (other !== undefined && other.strategy !== mapping.strategy) {
      const names = [other, mapping].map(({ strategy }) => (strategy as object).constructor.name);
      throw new Error(
        `two ${this.kind} mappings are named ${type}: ${names.join(' and ')}; rename one of them`,
      );
    }
    this.mappings.set(type, mapping);
  }

  find(type: string): Mapping<T, O> | undefined {
    return this.mappings.get(type);
  }

  /**
   * Returns a mapping of a definition that was checked when it was saved.
   *
   * @throws Error naming the known types
   */
  get(type: string): Mapping<T, O> {
    const mapping = this.mappings.get(type);
    if (mapping === undefined) throw new Error(this.unknown(type));
    return mapping;
  }

  unknown(type: unknown): string {
    const types = this.types();
    const meant = typeof type === 'string' ? didYouMean(type, types) : '';
    return `there is no ${this.kind} mapping named ${JSON.stringify(type)}${meant}; known: ${types.join(', ')}`;
  }

  types(): string[] {
    return [...this.mappings.keys()].sort();
  }

  catalogue(): CatalogueEntry[] {
    return this.types().map((type) => {
      const { title, description, params } = this.get(type).options;
      return { type, title, description, paramsSchema: jsonSchemaOf(params) };
    });
  }
}
