// Validates CycloneDX JSON files with @cyclonedx/cyclonedx-library in strict mode. Exit 1 when one is wrong.
import { readFileSync } from 'node:fs'
import { Validation } from '@cyclonedx/cyclonedx-library'

const files = process.argv.slice(2)
let wrong = 0
for (const path of files) {
  const text = readFileSync(path, 'utf8')
  const validator = new Validation.JsonStrictValidator(JSON.parse(text).specVersion)
  const errors = await validator.validate(text)
  if (errors !== null) {
    wrong += 1
    console.log(`${path}: ${JSON.stringify(errors).slice(0, 600)}`)
  }
}
console.log(`cyclonedx-library: ${files.length} files, ${wrong} wrong`)
process.exit(wrong > 0 ? 1 : 0)
