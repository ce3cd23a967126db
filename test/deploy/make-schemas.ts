/**
 * Makes `schemas.json`: JSON Schemas of the kinds that the manifests use, which refuse fields that are not known. They are
 * made of types that are generated from the OpenAPI of Kubernetes and from the CRDs of KEDA and of the Prometheus Operator.
 * Where another kind or a newer Kubernetes is wanted, in a folder of its own:
 *
 *   npm install kubernetes-models @kubernetes-models/keda @kubernetes-models/prometheus-operator
 *   node -r @swc-node/register test/deploy/make-schemas.ts <that folder>
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

const KUBERNETES = 'kubernetes-models';
const KEDA = '@kubernetes-models/keda';
const MONITORING = '@kubernetes-models/prometheus-operator';

const KINDS: [apiVersion: string, kind: string, file: string][] = [
  ...['ConfigMap', 'Namespace', 'Secret', 'Service', 'ServiceAccount'].map(
    (kind): [string, string, string] => ['v1', kind, `${KUBERNETES}/v1/${kind}`],
  ),
  ['apps/v1', 'Deployment', `${KUBERNETES}/apps/v1/Deployment`],
  ['apps/v1', 'StatefulSet', `${KUBERNETES}/apps/v1/StatefulSet`],
  ['batch/v1', 'Job', `${KUBERNETES}/batch/v1/Job`],
  ['autoscaling/v2', 'HorizontalPodAutoscaler', `${KUBERNETES}/autoscaling/v2/HorizontalPodAutoscaler`],
  ['policy/v1', 'PodDisruptionBudget', `${KUBERNETES}/policy/v1/PodDisruptionBudget`],
  ['networking.k8s.io/v1', 'NetworkPolicy', `${KUBERNETES}/networking.k8s.io/v1/NetworkPolicy`],
  ['networking.k8s.io/v1', 'Ingress', `${KUBERNETES}/networking.k8s.io/v1/Ingress`],
  ['keda.sh/v1alpha1', 'ScaledObject', `${KEDA}/keda.sh/v1alpha1/ScaledObject`],
  ['keda.sh/v1alpha1', 'TriggerAuthentication', `${KEDA}/keda.sh/v1alpha1/TriggerAuthentication`],
  ['monitoring.coreos.com/v1', 'ServiceMonitor', `${MONITORING}/monitoring.coreos.com/v1/ServiceMonitor`],
  ['monitoring.coreos.com/v1', 'PrometheusRule', `${MONITORING}/monitoring.coreos.com/v1/PrometheusRule`],
];

type Schema = Record<string, unknown>;

const folder = process.argv[2]!;
const packages = join(folder, 'node_modules');
const files = KINDS.map(([, , file]) => join(packages, `${file}.d.ts`));
const program = ts.createProgram(files, { strict: true, moduleResolution: ts.ModuleResolutionKind.Node10 });
const checker = program.getTypeChecker();
const definitions: Record<string, Schema> = {};

function schemaOf(type: ts.Type): Schema {
  if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return {};
  if (type.isStringLiteral()) return { const: type.value };
  if (type.flags & ts.TypeFlags.String) return { type: 'string' };
  if (type.flags & ts.TypeFlags.Number) return { type: 'number' };
  if (type.flags & ts.TypeFlags.BooleanLike) return { type: 'boolean' };
  if (type.isUnion()) return unionOf(type.types);
  if (checker.isArrayType(type))
    return { type: 'array', items: schemaOf(checker.getTypeArguments(type as ts.TypeReference)[0]!) };
  return type.symbol.name === '__type' ? objectOf(type) : named(type);
}

function unionOf(types: readonly ts.Type[]): Schema {
  const given = types.filter(({ flags }) => !(flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)));
  const isFlag = (one: ts.Type) => Boolean(one.flags & ts.TypeFlags.BooleanLike);
  const texts = given.flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
  const schemas = [
    ...(texts.length > 0 ? [{ enum: texts }] : []),
    ...(given.some(isFlag) ? [{ type: 'boolean' }] : []),
    ...given.filter((one) => !isFlag(one) && !one.isStringLiteral()).map(schemaOf),
  ];
  return schemas.length === 1 ? schemas[0]! : { anyOf: schemas };
}

function named(type: ts.Type): Schema {
  const file = relative(packages, type.symbol.declarations![0]!.getSourceFile().fileName).replace(
    /\.d\.ts$/,
    '',
  );
  const name = `${file.split('/').slice(-2, -1)[0]}.${type.symbol.name.replace(/^I/, '')}`;
  if (!(name in definitions)) {
    definitions[name] = {};
    definitions[name] = objectOf(type);
  }
  return { $ref: `#/definitions/${name}` };
}

function objectOf(type: ts.Type): Schema {
  const properties: Record<string, Schema> = {};
  const required: string[] = [];
  for (const property of checker.getPropertiesOfType(type)) {
    properties[property.name] = schemaOf(checker.getTypeOfSymbol(property));
    if (!(property.flags & ts.SymbolFlags.Optional)) required.push(property.name);
  }
  const others = checker.getIndexTypeOfType(type, ts.IndexKind.String);
  return {
    type: 'object',
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(required.length > 0 ? { required } : {}),
    // What is not known is refused: that is what these schemas are for.
    additionalProperties: others === undefined ? false : schemaOf(others),
  };
}

const kinds = Object.fromEntries(
  KINDS.map(([apiVersion, kind, file]) => {
    const source = program.getSourceFile(join(packages, `${file}.d.ts`))!;
    const [found] = checker.getExportsOfModule(checker.getSymbolAtLocation(source)!).filter(({ name }) => name === `I${kind}`);
    return [`${apiVersion} ${kind}`, schemaOf(checker.getDeclaredTypeOfSymbol(found!))];
  }),
); // prettier-ignore
const from = [KUBERNETES, KEDA, MONITORING].map((name) => {
  const { version, license } = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')) as Record<string, string>;
  return `${name} ${version} (${license})`;
}); // prettier-ignore
writeFileSync(join(__dirname, 'schemas.json'), `${JSON.stringify({ from, kinds, definitions })}\n`);
