import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')

const files = ['src', 'plugins', 'routes'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)))

/** What a file imports: a path from the root, or the name of a package. */
function importsOf (file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(/(?:from|import\() ?'([^']+)'/g)].map(([, name = '']) =>
    name.startsWith('.') ? relative(root, join(root, dirname(file), name)).replace(/\.js$/, '.ts') : name)
}

const composition = ['src/app.ts', 'src/server.ts', 'src/cli.ts']
const isFastify = (name: string) => /^(@fastify\/|fastify)/.test(name)

t.test('imports go one way', async (t) => {
  t.ok(files.length > 20)
  for (const file of files) {
    for (const name of importsOf(file)) {
      const edge = `${file} -> ${name}`
      if (composition.includes(file)) continue
      if (file.startsWith('src/')) t.ok(name.startsWith('src/') || !/^(plugins|routes)\//.test(name), edge)
      if (file.startsWith('src/')) t.notOk(isFastify(name), `${edge}: the domain knows nothing of Fastify`)
      if (file.startsWith('src/')) t.notOk(composition.includes(name), `${edge}: nothing imports the composition`)
      if (!file.startsWith('src/')) t.notOk(/^(plugins|routes)\//.test(name), `${edge}: plugins and routes meet on decorators`)
    }
  }
})

t.test('the environment is read where the process starts, and nowhere else', async (t) => {
  const readers = files.filter((file) => readFileSync(join(root, file), 'utf8').includes('process.env'))

  t.strictSame(readers.sort(), ['src/cli.ts', 'src/server.ts'])
})

t.test('files have one subject: none is long', async (t) => {
  for (const file of files) t.ok(readFileSync(join(root, file), 'utf8').split('\n').length <= 220, file)
})
