// Tables of what each SBOM holds, from the files that the tools wrote: node coverage.mjs PROJECT OUT DOCS-PAGE
// The page's text between the two `peers` markers is replaced. Exit 1 when a limit of the page does not hold.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [project, out, page] = process.argv.slice(2)
const json = (path) => { try { return JSON.parse(readFileSync(path, 'utf8')) } catch { return undefined } }

const locked = Object.entries(json(join(project, 'node_modules/.package-lock.json')).packages)
const installed = locked.filter(([path]) => path).map(([path, entry]) => `${entry.name ?? path.split('node_modules/').pop()}@${entry.version}`)
const truth = new Set(installed)

const flat = (list) => (list ?? []).flatMap((one) => [one, ...flat(one.components)])
const nameOf = (one) => {
  if (one.purl?.startsWith('pkg:npm/')) return decodeURIComponent(one.purl.slice('pkg:npm/'.length).split(/[?#]/)[0])
  return undefined
}

function row (measured) {
  const bom = json(join(out, measured.file))
  if (!bom?.components) return { measured }
  const main = bom.metadata?.component
  const packages = [...flat(bom.components), ...flat(main?.components), main].filter((one) => one && truthLike(one))
  const names = new Set(packages.map(nameOf))
  const share = (test) => packages.filter(test).length
  const references = (one, type) => (one.externalReferences ?? []).filter((reference) => reference.type === type)
  const edges = (bom.dependencies ?? []).reduce((sum, one) => sum + (one.dependsOn?.length ?? 0), 0)
  return {
    measured,
    spec: bom.specVersion,
    packages: packages.length,
    nested: packages.length - bom.components.filter(truthLike).length - (main && truthLike(main) ? 1 : 0),
    missing: [...truth].filter((name) => !names.has(name)).length,
    phantom: [...names].filter((name) => !truth.has(name)).length,
    edges,
    fields: {
      purl: share((one) => one.purl),
      'archive SHA-512 (`distribution`)': share((one) => references(one, 'distribution').some((r) => r.hashes?.length)),
      'component hash': share((one) => one.hashes?.length),
      'licence, or an explicit unknown': share((one) => one.licenses?.length),
      'licence says `declared`': share((one) => one.licenses?.some((l) => (l.license?.acknowledgement ?? l.acknowledgement) === 'declared')),
      'author or producer': share((one) => one.authors?.length || one.author || one.manufacturer || one.supplier || one.publisher),
      'repository (`vcs`)': share((one) => references(one, 'vcs').length),
      scope: share((one) => one.scope),
      'evidence of identity': share((one) => [one.evidence?.identity ?? []].flat().length),
      'digest of what is installed': share((one) => one.properties?.some((p) => p.name === 'openclaw:tree')),
      'place on disk': share((one) => one.evidence?.occurrences?.length || one.properties?.some((p) => /path|SrcFile|location/i.test(p.name))),
      'install scripts': share((one) => one.properties?.some((p) => p.name === 'openclaw:npm:install_scripts')),
      'leaf says that it depends on nothing': (bom.dependencies ?? []).filter((one) => one.dependsOn?.length === 0).length,
      compositions: bom.compositions?.length ?? 0
    }
  }
}

function truthLike (one) { return one.purl?.startsWith('pkg:npm/') && one.version !== undefined && nameOf(one) !== 'tree@1.0.0' }

const measured = readFileSync(join(out, 'measured.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line))
const rows = measured.map(row)
const lines = []
lines.push(`Installed: ${installed.length} packages, ${truth.size} different ones.`, '')
lines.push('| tool | seconds | MB | CycloneDX | packages (nested) | missing | not installed | edges | twice the same bytes |')
lines.push('|---|---|---|---|---|---|---|---|---|')
for (const one of rows) {
  const { name, seconds, megabytes, exit, repeatable } = one.measured
  const head = `| ${name} | ${seconds.toFixed(2)} | ${megabytes} |`
  if (one.spec === undefined) lines.push(`${head} none: exit ${exit} | | | | | |`)
  else lines.push(`${head} ${one.spec} | ${one.packages} (${one.nested}) | ${one.missing} | ${one.phantom} | ${one.edges} | ${repeatable ? 'yes' : 'no'} |`)
}
// What the page promises of the first two rows against cyclonedx-npm, measured in this very run.
const of = (name) => measured.find((one) => one.name === name)
const [plain, hashed] = [of('openclaw-verify --no-verify'), of('openclaw-verify (all files hashed)')]
const peer = of('cyclonedx-npm --ignore-npm-errors')
const faster = (one) => peer.seconds / one.seconds
lines.push('', `Against \`${peer.name}\` in this run: ${faster(plain).toFixed(0)} times faster without hashing, ${faster(hashed).toFixed(1)} times faster with all files hashed. Wanted: 20, more than 1, and less than 64 MB each.`)
const held = faster(plain) >= 20 && faster(hashed) > 1 && plain.megabytes < 64 && hashed.megabytes < 64
const filled = rows.filter((one) => one.fields && one.packages > 0)
lines.push('', `| field | ${filled.map((one) => one.measured.name).join(' | ')} |`, `|---|${filled.map(() => '---').join('|')}|`)
for (const field of Object.keys(filled[0].fields)) {
  lines.push(`| ${field} | ${filled.map((one) => one.fields[field]).join(' | ')} |`)
}
const table = lines.join('\n')
console.log(table)

const text = readFileSync(page, 'utf8')
const [start, end] = ['<!-- peers: written by scripts/sbom-peers.sh -->', '<!-- /peers -->']
const [from, to] = [text.indexOf(start), text.indexOf(end)]
if (from < 0 || to < from) throw new Error(`${page} has no peers markers`)
writeFileSync(page, `${text.slice(0, from + start.length)}\n${table}\n${text.slice(to)}`)
if (!held) {
  console.error('a limit does not hold')
  process.exit(1)
}
