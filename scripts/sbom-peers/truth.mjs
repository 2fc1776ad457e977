// What is installed, by independent means: npm's hidden lockfile for the packages, Node's own list of places for the edges.
//   node truth.mjs PROJECT SBOM    compares; exit 1 on any difference
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'

const [project, sbomFile] = process.argv.slice(2)
const json = (path) => JSON.parse(readFileSync(path, 'utf8'))

const locked = Object.keys(json(join(project, 'node_modules/.package-lock.json')).packages).filter((path) => path !== '')
const names = (manifest) => Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies })

function resolve (folder, name) {
  // With `/package.json` the name is never one of Node's own modules, such as `buffer`.
  const places = createRequire(join(folder, 'package.json')).resolve.paths(`${name}/package.json`) ?? []
  const found = places.find((place) => place.startsWith(project) && existsSync(join(place, name, 'package.json')))
  return found && relative(project, join(found, name))
}

function edgesOf (folder, from) {
  const manifest = json(join(folder, 'package.json'))
  return names(manifest).map((name) => resolve(folder, name)).filter((to) => to && to !== from).map((to) => `${from} -> ${to}`)
}

const packages = new Set(locked)
const edges = new Set(locked.flatMap((path) => edgesOf(join(project, path), path)))
const roots = new Set(existsSync(join(project, 'package.json')) ? edgesOf(project, 'node_modules/openclaw') : [])
const between = edges.size
roots.forEach((edge) => edges.add(edge))

const sbom = json(sbomFile)
const components = [sbom.metadata.component, ...sbom.components]
const pathOf = new Map(components.map((one) => [one['bom-ref'], one.properties?.find((p) => p.name === 'cdx:npm:package:path')?.value]))
const ourPackages = new Set([...pathOf.values()].filter(Boolean))
const ourEdges = new Set(sbom.dependencies.flatMap((one) => one.dependsOn.map((to) => `${pathOf.get(one.ref)} -> ${pathOf.get(to)}`)))

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
