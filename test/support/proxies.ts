import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../scripts/ports.js'
import { type Owner, root, type Running, start } from './process.js'

/** The configuration in docs/operations.md, with ports and paths of the test in place of those that are written there. */
function documented (language: string, replacements: Array<[string | RegExp, string]>): string {
  const text = readFileSync(join(root, 'docs/operations.md'), 'utf8').split('```').find((part) => part.startsWith(`${language}\n`))?.slice(language.length) ?? ''
  return replacements.reduce((current, [from, to]) => {
    const changed = current.replaceAll(from, to)
    if (changed === current) throw new Error(`the configuration of ${language} has no ${String(from)}`)
    return changed
  }, text)
}

export interface Site {
  folder: string
  /** Where the service is. */
  backend: number
  /** Where another node of it is; for nginx. */
  other?: number | undefined
  /** The documented idle time-outs, made short. */
  idleSeconds: number
}

export interface Proxy {
  http: string
  ws: string
  /** Everything that it has logged. */
  log: () => string
  reload: () => void
}

/** Paths of a self-signed certificate for 127.0.0.1, and of its key. */
export function makeCertificate (folder: string): { cert: string, key: string } {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-out', cert, '-keyout', key], { stdio: 'ignore' })
  writeFileSync(join(folder, 'both.pem'), readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'))
  return { cert, key }
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const starters = {
  nginx (t: Owner, port: number, { folder, backend, other, idleSeconds }: Site): Running & Pick<Proxy, 'log' | 'reload'> {
    const { cert, key } = makeCertificate(folder)
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder};`).join(' ')
    writeFileSync(join(folder, 'nginx.conf'), documented('nginx', [
      ['worker_processes auto', 'worker_processes 1'],
      ['worker_rlimit_nofile 100000;', ''],
      ['worker_connections 50000', 'worker_connections 1000'],
      ['worker_shutdown_timeout 1h', `worker_shutdown_timeout ${2 * idleSeconds}s`],
      ['/var/log/nginx', folder],
      ['http {', `http { ${temporary}`],
      ['listen 443', `listen 127.0.0.1:${port}`],
      [/server 127\.0\.0\.1:8000(.*;)/g, [backend, other ?? []].flat().map((port) => `server 127.0.0.1:${port}$1`).join(' ')],
      ['/etc/ssl/herald.crt', cert],
      ['/etc/ssl/herald.key', key],
      [/(read|send)_timeout 60s/g, `$1_timeout ${idleSeconds}s`]
    ]))
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', `daemon off; pid ${join(folder, 'pid')};`, '-e', join(folder, 'start.log')]
    return {
      ...start(t, '/usr/sbin/nginx', args),
      log: () => read(join(folder, 'herald.log')),
      reload: () => { execFileSync('/usr/sbin/nginx', [...args, '-s', 'reload']) }
    }
  },

  haproxy (t: Owner, port: number, { folder, backend, idleSeconds }: Site): Running & Pick<Proxy, 'log' | 'reload'> {
    makeCertificate(folder)
    writeFileSync(join(folder, 'haproxy.cfg'), documented('haproxy', [
      ['log /dev/log local0', 'log stdout format raw local0'],
      ['maxconn 50000', 'maxconn 1000'],
      ['bind :443', `bind 127.0.0.1:${port}`],
      ['/etc/haproxy/herald.pem', join(folder, 'both.pem')],
      ['127.0.0.1:8000', `127.0.0.1:${backend}`],
      [/timeout (client|server|tunnel) 60s/g, `timeout $1 ${idleSeconds}s`]
    ]))
    const running = start(t, '/usr/sbin/haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')])
    return { ...running, log: () => running.stdout.text, reload: () => {} }
  },

  caddy (t: Owner, port: number, { folder, backend }: Site): Running & Pick<Proxy, 'log' | 'reload'> {
    const { cert, key } = makeCertificate(folder)
    const site = documented('caddy', [
      ['herald.example.com {', `https://127.0.0.1:${port} {\n\ttls ${cert} ${key}\n\tbind 127.0.0.1`],
      ['127.0.0.1:8000', `127.0.0.1:${backend}`]
    ])
    writeFileSync(join(folder, 'Caddyfile'), `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`)
    const running = start(t, '/usr/bin/caddy', ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'], { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder })
    return { ...running, log: () => running.stderr.text, reload: () => {} }
  }
} satisfies Record<string, (t: Owner, port: number, site: Site) => Running & Pick<Proxy, 'log' | 'reload'>>

export type ProxyName = keyof typeof starters

/** Starts a proxy with TLS, configured as documented, and waits until it passes requests on. */
export async function startProxy (t: Owner, name: ProxyName, backend: number, { idleSeconds = 60, other }: { idleSeconds?: number, other?: number } = {}): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), `herald-${name}-`))
  const port = await freePort()
  const running = starters[name](t, port, { folder, backend, other, idleSeconds })
  t.teardown(async () => {
    running.kill('SIGTERM') // Those that have workers end them.
    await running.exited
    rmSync(folder, { recursive: true, force: true })
  })
  const base = `127.0.0.1:${port}`
  for (let tries = 0; !await fetch(`https://${base}/health/ready`).then(({ ok }) => ok, () => false); tries++) {
    if (tries > 200) throw new Error(`${name} does not serve: ${running.stderr.text} ${read(join(folder, 'start.log'))} ${read(join(folder, 'error.log'))}`)
    await sleep(50)
  }
  return { http: `https://${base}/api/v1/ws`, ws: `wss://${base}/api/v1/ws`, log: running.log, reload: running.reload }
}
