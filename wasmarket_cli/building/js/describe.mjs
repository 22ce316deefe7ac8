// Describe the exported functions of a module as JSON, from their TypeScript or JSDoc types:
// `node describe.mjs NODE_MODULES SOURCE`. The form is that of `wasmarket_guest.describe`.
import { createRequire } from "node:module";
import path from "node:path";

const [folder, source] = process.argv.slice(2);
const ts = createRequire(path.join(folder, "x.js"))("typescript");
const NUMBERS = new Set(["u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32", "f64"]);
const BYTES = { list: "u8" };
const types = {};
const reading = new Set();

class Mistake extends Error {
  constructor(text, node) {
    super(text);
    this.node = node;
  }
}

function witName(name, node) {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase().split(/[_-]/).filter(Boolean);
  if (!words.length || !words.every((word) => /^[a-z][a-z0-9]*$/.test(word))) {
    throw new Mistake(`the name ${name} cannot be used: words must begin with a letter`, node);
  }
  return words.join("-");
}

function program() {
  const options = { allowJs: true, noLib: true, target: ts.ScriptTarget.ES2022, noResolve: false };
  return ts.createProgram([source], options);
}

const made = program();
const checker = made.getTypeChecker();
const file = made.getSourceFile(source);

function isNothing(node) {
  return (
    node.kind === ts.SyntaxKind.UndefinedKeyword ||
    node.kind === ts.SyntaxKind.VoidKeyword ||
    (ts.isLiteralTypeNode(node) && node.literal.kind === ts.SyntaxKind.NullKeyword)
  );
}

function read(node) {
  const plain = {
    [ts.SyntaxKind.StringKeyword]: "string",
    [ts.SyntaxKind.NumberKeyword]: "f64",
    [ts.SyntaxKind.BooleanKeyword]: "bool",
  }[node.kind];
  if (plain) return plain;
  if (ts.isParenthesizedTypeNode(node)) return read(node.type);
  if (ts.isArrayTypeNode(node)) return { list: read(node.elementType) };
  if (ts.isTupleTypeNode(node)) return { tuple: node.elements.map((e) => read(e.type ?? e)) };
  if (ts.isUnionTypeNode(node)) return readUnion(node);
  if (ts.isTypeReferenceNode(node)) return readReference(node, node.typeName.getText());
  if (ts.isImportTypeNode(node) && node.qualifier) return readReference(node, node.qualifier.getText());
  const remedy = node.kind === ts.SyntaxKind.BigIntKeyword ? ": write s64, which is a number here" : "";
  throw new Mistake(`${node.getText()} has no type in WIT${remedy}`, node);
}

function readUnion(node) {
  const others = node.types.filter((part) => !isNothing(part));
  if (others.length === 1 && others.length < node.types.length) return { option: read(others[0]) };
  throw new Mistake(
    `${node.getText()}: give a union of texts a name, with \`type\`; others have no type in WIT`,
    node,
  );
}

function readReference(node, name) {
  const inner = node.typeArguments ?? [];
  if (NUMBERS.has(name)) return name;
  if (name === "Uint8Array" || name === "SiteRequest" || name === "SiteResponse") return BYTES;
  if (name === "Array" && inner.length === 1) return { list: read(inner[0]) };
  if (name === "Result" && inner.length === 1) {
    return { result: [isNothing(inner[0]) ? null : read(inner[0]), "string"] };
  }
  return readNamed(name, node);
}

function readNamed(name, node) {
  let symbol = checker.getSymbolAtLocation(node.typeName ?? node.qualifier);
  if (symbol && symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
  const declared = symbol?.declarations?.[0];
  if (!declared) throw new Mistake(`there is no type ${name}`, node);
  const wit = witName(name, node);
  if (wit in types) return { named: wit };
  if (reading.has(wit)) throw new Mistake(`${name} contains itself`, node);
  reading.add(wit);
  const shape = declared.type ?? declared.typeExpression?.type ?? declared;
  if (ts.isInterfaceDeclaration(declared) || ts.isTypeLiteralNode(shape)) {
    types[wit] = { record: readFields((shape.members ?? declared.members), shape) };
  } else if (declared.typeExpression && ts.isJSDocTypeLiteral(declared.typeExpression)) {
    types[wit] = { record: readTags(declared.typeExpression) };
  } else if (ts.isUnionTypeNode(shape) && shape.types.every((p) => ts.isLiteralTypeNode(p) && ts.isStringLiteral(p.literal))) {
    types[wit] = { enum: shape.types.map((p) => witName(p.literal.text, p)) };
  } else {
    reading.delete(wit);
    return read(shape);
  }
  reading.delete(wit);
  return { named: wit };
}

function readFields(members, node) {
  if (!members.length) throw new Mistake("a type without fields", node);
  return members.map((part) => {
    if (!ts.isPropertySignature(part) || !part.type) {
      throw new Mistake(`${part.getText()} is no field with a type`, part);
    }
    const kind = read(part.type);
    return [witName(part.name.getText(), part), part.questionToken ? { option: kind } : kind];
  });
}

function readTags(literal) {
  return (literal.jsDocPropertyTags ?? []).map((tag) => [
    witName(tag.name.getText(), tag),
    tag.isBracketed ? { option: read(tag.typeExpression.type) } : read(tag.typeExpression.type),
  ]);
}

function describeFunction(name, node) {
  const args = node.parameters.map((part) => {
    const kind = part.type ?? ts.getJSDocType(part);
    if (!kind) throw new Mistake(`${name}: the argument ${part.name.getText()} has no type`, part);
    const found = read(kind);
    return [witName(part.name.getText(), part), part.questionToken ? { option: found } : found];
  });
  const output = node.type ?? ts.getJSDocReturnType(node);
  if (!output) throw new Mistake(`${name}: say what it returns (void for nothing)`, node);
  const sites = [...node.parameters.map((part) => part.type ?? ts.getJSDocType(part)), output];
  return {
    name: witName(name, node),
    js: name,
    site: sites.map((kind) => /\bSite(Request|Response)$/.test(kind.getText())),
    arguments: args,
    output: isNothing(output) ? null : read(output),
  };
}

function* exported() {
  for (const node of file.statements) {
    const isExported = node.modifiers?.some((part) => part.kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) continue;
    if (ts.isFunctionDeclaration(node) && node.name) yield [node.name.text, node];
    if (!ts.isVariableStatement(node)) continue;
    for (const part of node.declarationList.declarations) {
      const value = part.initializer;
      if (value && (ts.isArrowFunction(value) || ts.isFunctionExpression(value))) {
        yield [part.name.getText(), value];
      }
    }
  }
}

function lineOf(node) {
  const where = node.getSourceFile();
  return where.getLineAndCharacterOfPosition(node.getStart(where)).line + 1;
}

try {
  const broken = made.getSyntacticDiagnostics(file)[0];
  if (broken) {
    const { line } = file.getLineAndCharacterOfPosition(broken.start);
    const text = ts.flattenDiagnosticMessageText(broken.messageText, " ");
    console.log(JSON.stringify({ error: text, line: line + 1 }));
    process.exit(1);
  }
  const functions = [...exported()].map(([name, node]) => describeFunction(name, node));
  if (!functions.length) throw new Mistake("there is no exported function", file);
  console.log(JSON.stringify({ functions, types }));
} catch (error) {
  if (!(error instanceof Mistake)) throw error;
  console.log(JSON.stringify({ error: error.message, line: lineOf(error.node) }));
  process.exit(1);
}
