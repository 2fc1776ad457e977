// What is installed, by independent means: npm's hidden lockfile for the packages, Node's own list of places for the edges.
//   node truth.mjs PROJECT SBOM [SUBJECT]    compares; exit 1 on any difference
// PROJECT is the folder with `node_modules`, SUBJECT the one to which it belongs: OpenClaw itself when not given.
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'

const [folder, sbomFile, subject = 'core:openclaw'] = process.argv.slice(2)
const project = realpathSync(folder)
const json = (path) => JSON.parse(readFileSync(path, 'utf8'))

// A link is no package: what it leads to has an entry of its own.
const entries = Object.entries(json(join(project, 'node_modules/.package-lock.json')).packages)
const locked = entries.filter(([path, entry]) => path !== '' && !entry.link).map(([path]) => path)
const names = (manifest) => Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies })

const sbom = json(sbomFile)
const host = property(sbom.metadata.component, 'cdx:npm:package:path')

function property (one, name) { return one.properties?.find((p) => p.name === name)?.value }

function resolve (from, name) {
  // With `/package.json` the name is never one of Node's own modules, such as `buffer`.
  const places = createRequire(join(from, 'package.json')).resolve.paths(`${name}/package.json`) ?? []
  const found = places.find((place) => place.startsWith(project) && existsSync(join(place, name, 'package.json')))
  if (!found) return undefined
  // OpenClaw links its own package into plugins: what leaves the project can only lead there.
  const real = realpathSync(join(found, name))
  return real.startsWith(`${project}/`) ? relative(project, real) : host
}

function edgesOf (folder, from) {
  const manifest = json(join(folder, 'package.json'))
  return names(manifest).map((name) => resolve(folder, name)).filter((to) => to && to !== from).map((to) => `${from} -> ${to}`)
}

const packages = new Set(locked)
const edges = new Set(locked.flatMap((path) => edgesOf(join(project, path), path)))
const isHost = subject === 'core:openclaw' && existsSync(join(project, 'package.json'))
const roots = new Set(isHost ? edgesOf(project, 'node_modules/openclaw') : [])
const between = edges.size
roots.forEach((edge) => edges.add(edge))

const belongs = (one) => [property(one, 'openclaw:id'), property(one, 'openclaw:subject')].includes(subject)
const components = [sbom.metadata.component, ...sbom.components].filter(belongs)
const pathOf = new Map(components.map((one) => [one['bom-ref'], property(one, 'cdx:npm:package:path')]))
const ourPackages = new Set([...pathOf.values()].filter(Boolean))
const target = (to) => to === sbom.metadata.component['bom-ref'] ? host : pathOf.get(to)
const ours = (one) => one.dependsOn.map((to) => [pathOf.get(one.ref), target(to)]).filter(([, to]) => to).map((edge) => edge.join(' -> '))
const ourEdges = new Set(sbom.dependencies.filter((one) => pathOf.has(one.ref)).flatMap(ours))

const minus = (a, b) => [...a].filter((one) => !b.has(one))
const report = {
  packages: packages.size,
  edges: between,
  rootEdges: roots.size,
  missingPackages: minus(packages, ourPackages),
  phantomPackages: minus(ourPackages, packages),
  missingEdges: minus(edges, ourEdges),
  phantomEdges: minus(ourEdges, edges)
}
console.log(JSON.stringify(report, null, 1))
const wrong = Object.values(report).some((value) => Array.isArray(value) && value.length > 0)
process.exit(wrong ? 1 : 0)
