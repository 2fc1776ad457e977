// Whether an SBOM holds exactly the packages and edges of a whole installation, by independent means: every project with npm's hidden
// lockfile below the state directory and the host's own, each compared by truth.mjs; and nothing else is a package.
//   node installation.mjs SBOM STATE-DIR HOST-PROJECT    exit 1 on any difference
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const [file, state, host] = process.argv.slice(2)
const sbom = JSON.parse(readFileSync(file, 'utf8'))
const property = (one, name) => one.properties?.find((p) => p.name === name)?.value

const projects = [[host, 'host']]
const search = (folder, depth) => {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const path = join(folder, entry.name)
    if (entry.name !== 'node_modules' && depth > 0) search(path, depth - 1)
    else if (existsSync(join(path, '.package-lock.json'))) projects.push([dirname(path), relative(state, dirname(path))])
  }
}
search(state, 4)

const installed = [sbom.metadata.component, ...sbom.components].filter((one) => property(one, 'cdx:npm:package:path'))
const prefix = (one) => {
  const location = one.evidence?.occurrences?.[0]?.location ?? one['bom-ref']
  return location.endsWith(property(one, 'cdx:npm:package:path')) ? location.slice(0, -property(one, 'cdx:npm:package:path').length - 1) : ''
}
let wrong = 0
let counted = 0
for (const [folder, name] of projects) {
  const own = installed.filter((one) => one === sbom.metadata.component ? name === 'host' : prefix(one) === name)
  const subject = own.map((one) => property(one, 'openclaw:id') ?? property(one, 'openclaw:subject')).find(Boolean)
  if (!subject) {
    // A generation that no record names any more is not loaded.
    console.log(`${name}: no subject lies here`)
    continue
  }
  const run = spawnSync(process.execPath, [join(dirname(fileURLToPath(import.meta.url)), 'truth.mjs'), folder, file, subject], { encoding: 'utf8' })
  const report = JSON.parse(run.stdout || '{}')
  counted += own.length
  if (run.status !== 0) {
    wrong += 1
    console.log(`${name}: ${run.stdout}${run.stderr}`)
  } else {
    console.log(`${name}: ${report.packages} packages, ${report.edges + report.rootEdges} edges, no difference`)
  }
}
const elsewhere = installed.length - counted
console.log(`${file}: ${counted} packages in ${projects.length} projects, ${elsewhere} in projects without npm's hidden lockfile`)
process.exit(wrong > 0 ? 1 : 0)
