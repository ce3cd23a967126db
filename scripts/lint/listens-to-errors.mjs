/**
 * An `error` that an EventEmitter tells and nobody listens to ends the process. Whoever makes one listens: by a call of
 * `.on('error', …)` on what was made, or on the variable or the property that it is kept in, in the same file.
 */

/** They never tell an error: they are asked by functions, which throw, or they have none of their own. */
const SILENT = /^(Hash|Hmac|(Ci|Deci)pher(iv|GCM)?|Agent|Logger)$/;
/** They listen to what they are handed; `heard` is ours. */
const LISTENERS = new Set(['heard', 'pipeline', 'finished']);
/** They answer what they were handed, or what was there before. */
const MAKING_NOTHING = new Set(['pipe', 'listen']);
const LISTENING = new Set(['on', 'addListener']);

export default {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      deaf: "Nobody listens to the errors of this {{type}}, and one that nobody hears ends the process: .on('error', …) in this file.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const { program, esTreeNodeToTSNodeMap } = sourceCode.parserServices;
    const checker = program.getTypeChecker();

    function check(node) {
      const type = emitterMadeBy(node);
      if (
        type === undefined ||
        SILENT.test((type.aliasSymbol ?? type.symbol)?.name) ||
        listensItself(type) ||
        isHeard(node)
      )
        return;
      context.report({ node, messageId: 'deaf', data: { type: checker.typeToString(type) } });
    }

    /** The type of the emitter that is new here; undefined when none is. */
    function emitterMadeBy(node) {
      const tsNode = esTreeNodeToTSNodeMap.get(node);
      const isAwaited = node.parent.type === 'AwaitExpression';
      const given = checker.getTypeAtLocation(tsNode);
      const type = checker.getNonNullableType((isAwaited && checker.getAwaitedType(given)) || given);
      if (!['on', 'emit', 'removeListener'].every((name) => checker.getPropertyOfType(type, name)))
        return undefined;
      if (node.type === 'NewExpression') return type;
      // What our own functions return was made, and is listened to, in them.
      const maker = checker.getResolvedSignature(tsNode)?.declaration;
      const file = maker?.getSourceFile();
      if (!file?.isDeclarationFile || program.isSourceFileDefaultLibrary(file)) return undefined;
      if (isParameter(node.callee)) return undefined;
      if (node.callee.type !== 'MemberExpression') return type;
      const { object, property } = node.callee;
      if (MAKING_NOTHING.has(property.name)) return undefined;
      const on = checker.getTypeAtLocation(esTreeNodeToTSNodeMap.get(object));
      return on === type || maker.type?.getText() === 'this' ? undefined : type;
    }

    /** Of a class of ours that listens in its own constructor. */
    function listensItself(type) {
      const file = type.symbol?.valueDeclaration?.getSourceFile();
      if (file === undefined || file.isDeclarationFile) return false;
      return /this\.on\(\s*'error'/.test(type.symbol.valueDeclaration.getText());
    }

    function isHeard(node) {
      const { parent } = node;
      switch (parent.type) {
        case 'AwaitExpression':
        case 'TSAsExpression':
        case 'TSNonNullExpression':
        case 'ChainExpression':
        case 'ConditionalExpression':
        case 'LogicalExpression':
          return isHeard(parent);
        case 'MemberExpression':
          return isHeardInChain(parent);
        case 'VariableDeclarator':
          return parent.id.type === 'Identifier' && isVariableHeard(parent);
        case 'AssignmentExpression':
          return isNameHeard(parent.left) || isHeard(parent);
        case 'PropertyDefinition':
          return isTextHeard(`this.${sourceCode.getText(parent.key)}`);
        case 'CallExpression':
          return LISTENERS.has(parent.callee.name) || (isHandedBack(node, parent) && isHeard(parent));
        default:
          return false;
      }
    }

    /** `client.query(copying)` answers what it was given. */
    const isHandedBack = (node, call) => call.arguments.includes(node) && typeOf(call) === typeOf(node);

    const typeOf = (node) => checker.getTypeAtLocation(esTreeNodeToTSNodeMap.get(node));

    /** Whatever it is, it was there before. */
    function isParameter(callee) {
      if (callee.type !== 'Identifier') return false;
      const reference = sourceCode
        .getScope(callee)
        .references.find(({ identifier }) => identifier === callee);
      return reference?.resolved?.defs[0]?.type === 'Parameter';
    }

    /** `createServer().on('error', …)`, also when something is called before that answers the same. */
    function isHeardInChain(member) {
      const call = member.parent;
      if (call.type !== 'CallExpression' || call.callee !== member) return false;
      return isListening(call) || isHeard(call);
    }

    function isVariableHeard(declarator) {
      const [variable] = sourceCode.getDeclaredVariables(declarator);
      return variable.references.some(({ identifier }) => isListeningTo(identifier));
    }

    function isNameHeard(name) {
      if (name.type === 'Identifier') {
        const scope = sourceCode.getScope(name);
        const reference = scope.references.find(({ identifier }) => identifier === name);
        return reference?.resolved?.references.some(({ identifier }) => isListeningTo(identifier)) ?? false;
      }
      return isTextHeard(sourceCode.getText(name));
    }

    const isTextHeard = (text) =>
      ['.', '?.'].some((dot) => sourceCode.text.replace(/\s+/g, '').includes(`${text}${dot}on('error'`));

    function isListeningTo(identifier) {
      const member = identifier.parent;
      if (member.type === 'CallExpression') return LISTENERS.has(member.callee.name);
      return member.type === 'MemberExpression' && member.object === identifier && isListening(member.parent);
    }

    function isListening(call) {
      return (
        call.type === 'CallExpression' &&
        LISTENING.has(call.callee.property?.name) &&
        call.arguments[0]?.value === 'error'
      );
    }

    return { NewExpression: check, CallExpression: check };
  },
};
